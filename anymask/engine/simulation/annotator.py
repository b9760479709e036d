"""Annotator: how long a simulated person takes for each thing, and how they go about it.

The seconds are the literature's, so that what comes out can be held against a person's:

* KLM: the keystroke-level model (Card, Moran & Newell 1980): to prepare mentally M = 1.35 s, to
  point with a mouse P = 1.1 s, to press a key or a button K = 0.2 s.
* Bearman et al. 2016, "What's the point", §4: 2.4 s to find an object and click on it.
* Lin et al. 2014, "Microsoft COCO", §4: 22 hours for 1,000 masks drawn by hand, 79.2 s each. The
  outline of a COCO object is 388 px long on average (1,033 objects), so a pixel takes 0.2 s.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass

from anymask.errors import Error


@dataclass(frozen=True)
class Costs:
    """Seconds.

    first_click_s: to find the next object and click on it (Bearman). click_s: to see what is wrong
    and click there (KLM: M, P and K). choose_s: to see that another of the three masks is meant,
    and take it (M and K). undo_s: to go back to an earlier mask (K). accept_s: to see that
    a mask is right, and accept it (M and K). verdict_s: to see whether a suggestion is right, and
    say so (M and K). stroke_s: to see where to paint, and begin (M, P and K). outline_px_s: for
    each pixel of the object's outline that a stroke follows (Lin). leave_s: to see that nothing is
    missing, and go on to the next image (M and K).
    """

    first_click_s: float = 2.4
    click_s: float = 2.65
    choose_s: float = 1.55
    undo_s: float = 0.2
    accept_s: float = 1.55
    verdict_s: float = 1.55
    take_up_s: float = 1.7
    stroke_s: float = 2.65
    outline_px_s: float = 0.2
    leave_s: float = 1.55

    def __post_init__(self) -> None:
        if not all(0 <= seconds < float("inf") for seconds in astuple(self)):
            raise Error("what a step costs is 0 seconds or more")


@dataclass(frozen=True)
class Habits:
    """What a person does, and when it is good enough for them.

    enough_iou: of a mask with the object that they mean, drawn or suggested: no more is done to it.
    Two people's masks are as alike, 85 to 91 % (*Segment Anything* §5). nearly_iou: of a suggestion
    that they correct rather than reject and draw anew. least_iou: of a mask that
    they keep though no time is left for it; a worse one is dropped. same_iou: a mask that is there
    is the object's. most_clicks: of a mask. least_gain: in IoU, of a click that helps.
    clicks_in_vain: how many in a row they bear; after one more they paint. hand_px: standard
    deviation of a click's place. brush_share: the brush's diameter, of the longer side of the
    object's box. mask_s: later no stroke is begun, and never a longer one: the paper's annotators
    were asked to go on after 30 s (§4). image_s: later no mask is begun. The paper's time for an
    image hardly changed, 20 masks of 34 s and then 44 of 14 s; photographs of COCO have fewer.
    """

    enough_iou: float = 0.85
    nearly_iou: float = 0.65
    least_iou: float = 0.75
    same_iou: float = 0.8
    most_clicks: int = 8
    least_gain: float = 0.02
    clicks_in_vain: int = 1
    hand_px: float = 2.0
    brush_share: float = 0.03
    mask_s: float = 30.0
    image_s: float = 120.0

    def __post_init__(self) -> None:
        shares = (self.enough_iou, self.nearly_iou, self.same_iou)
        if not all(0 < one <= 1 for one in shares):
            raise Error("enough_iou, nearly_iou and same_iou lie above 0 and are at most 1")
        if self.most_clicks < 1:
            raise Error("a mask has at least one click: most_clicks is 1 or more")
        if not all(one >= 0 for one in astuple(self)):
            raise Error("an annotator's habits are numbers from 0 on")


COSTS, HABITS = Costs(), Habits()
