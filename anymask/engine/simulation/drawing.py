"""Drawing: how the simulated user of ``core/interaction`` makes one mask, and what it takes.

Shape legend: H W pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from anymask.core.geometry import deepest_point
from anymask.core.interaction import Click, deepest_click
from anymask.core.metrics import mask_iou
from anymask.core.prompts import OBJECT
from anymask.engine.simulation.annotator import Costs, Habits
from anymask.engine.simulation.brush import strokes

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Answer:
    """A mask (H, W), and the IoU that the model predicts for it; None of one that it did not."""

    mask: Mask
    predicted_iou: float | None


Ask = Callable[[Sequence[Click]], Sequence[Answer]]
"""What the model answers to all clicks so far, best first; several where they are ambiguous."""


@dataclass
class Clock:
    """What a mask takes: seconds, and all that happened, as the page records it."""

    seconds: float = 0.0
    events: list[dict[str, Any]] = field(default_factory=list)

    def did(self, seconds: float, kind: str = "", **facts: Any) -> None:
        """So many seconds passed, at the end of which something happened."""
        self.seconds += seconds
        if kind:
            self.events.append({"t_s": round(self.seconds, 3), "kind": kind, **facts})

    def add(self, other: Clock) -> None:
        """What another took goes before what comes."""
        self.events += [one | {"t_s": one["t_s"] + self.seconds} for one in other.events]
        self.seconds += other.seconds

    def count(self, kind: str, **facts: Any) -> int:
        """How often something happened."""
        wanted = {"kind": kind, **facts}
        return sum(wanted.items() <= event.items() for event in self.events)


@dataclass(frozen=True, eq=False)
class Drawn:
    """A mask (H, W), its IoU with the object that was meant, and what it took.

    mask: None where none came of it that is worth keeping.
    predicted_iou: the model's; None once the brush changed the mask. chosen: 0 whole, 1 part,
    2 subpart, of three that the first click gave.
    """

    mask: Mask | None
    iou: float
    predicted_iou: float | None
    chosen: int | None
    clock: Clock


def draw(ask: Ask, truth: Mask, costs: Costs, habits: Habits, dice: np.random.Generator) -> Drawn:
    """Draw the object that is ``truth`` (H, W): clicks at the deepest error, then the brush.

    After the first click the person takes the one of the masks that is most like the object. They
    click while that helps, go back to the best mask of all, and paint what is left.
    """
    clock, clicks = Clock(), [_aimed(truth, (deepest_point(truth), OBJECT), habits, dice)]
    _click(clock, clicks[0], costs.first_click_s)
    now, chosen = _chosen(clock, ask(clicks), truth, costs)
    return _ended(Attempt(ask, truth, costs, habits, dice, clock), now, clicks, chosen)


def correct(
    ask: Ask, start: Mask, truth: Mask, costs: Costs, habits: Habits, dice: np.random.Generator
) -> Drawn:
    """Correct the mask ``start`` (H, W), until it is the object that is ``truth``, as ``draw``.

    ask: goes on from ``start``.
    """
    clock = Clock()
    clock.did(costs.take_up_s)
    now = Answer(start, None)
    return _ended(Attempt(ask, truth, costs, habits, dice, clock), now, [], None)


@dataclass(frozen=True, eq=False)
class Attempt:
    """A mask in work: who is asked, what is meant (H, W), by whom, and what it took so far."""

    ask: Ask
    truth: Mask
    costs: Costs
    habits: Habits
    dice: np.random.Generator
    clock: Clock


def _ended(attempt: Attempt, now: Answer, clicks: list[Click], chosen: int | None) -> Drawn:
    """What comes of a mask by further clicks, and by the brush."""
    truth, costs, habits, clock = attempt.truth, attempt.costs, attempt.habits, attempt.clock
    best, iou, in_vain = now, _iou(now.mask, truth), 0
    while iou < habits.enough_iou and len(clicks) < habits.most_clicks:
        wanted = deepest_click(truth, now.mask, [xy for xy, _ in clicks])
        clicks.append(_aimed(truth ^ now.mask, wanted, habits, attempt.dice))
        _click(clock, clicks[-1], costs.click_s)
        now = next(iter(attempt.ask(clicks)), Answer(np.zeros_like(truth), 0.0))
        gain = _iou(now.mask, truth) - iou
        in_vain = 0 if gain >= habits.least_gain else in_vain + 1
        if gain > 0:
            best, iou = now, iou + gain
        if in_vain > habits.clicks_in_vain:
            break
    if best is not now:
        clock.did(costs.undo_s, "undo")
    painted = _painted(clock, best.mask, truth, costs, habits)
    clock.did(costs.accept_s)  # or drop it
    iou = _iou(painted, truth)
    kept = painted if iou >= min(habits.least_iou, habits.enough_iou) else None
    is_painted = clock.count("stroke") > 0
    return Drawn(kept, iou, None if is_painted else best.predicted_iou, chosen, clock)


def _chosen(
    clock: Clock, answers: Sequence[Answer], truth: Mask, costs: Costs
) -> tuple[Answer, int | None]:
    """The answer that is most like the object, and whether it is whole, part or subpart."""
    if not answers:
        return Answer(np.zeros_like(truth), 0.0), None
    best = max(range(len(answers)), key=lambda i: _iou(answers[i].mask, truth))
    if len(answers) == 1:
        return answers[0], None
    by_size = sorted(range(len(answers)), key=lambda i: -np.count_nonzero(answers[i].mask))
    chosen = by_size.index(best)
    if best > 0:  # another than the one that is shown
        clock.did(costs.choose_s, "choose", chosen=chosen)
    return answers[best], chosen


def _painted(clock: Clock, mask: Mask, truth: Mask, costs: Costs, habits: Habits) -> Mask:
    """The mask as the brush leaves it: the largest errors first, until it is good enough."""
    rows, columns = np.flatnonzero(truth.any(axis=1)), np.flatnonzero(truth.any(axis=0))
    longest = 1 + max(int(rows[-1] - rows[0]), int(columns[-1] - columns[0]))
    diameter = max(1.0, habits.brush_share * longest)
    for stroke in strokes(truth, mask, diameter):
        seconds = costs.stroke_s + costs.outline_px_s * stroke.outline_px
        is_late = max(clock.seconds, seconds) > habits.mask_s
        if is_late or _iou(mask, truth) >= habits.enough_iou:
            break
        mask = mask | stroke.region if stroke.adds else mask & ~stroke.region
        clock.did(
            seconds,
            "stroke",
            add=stroke.adds,
            points=stroke.points,
            diameter=round(diameter, 1),
        )
    return mask


def _click(clock: Clock, click: Click, seconds: float) -> None:
    (x, y), label = click
    clock.did(seconds, "click", x=x, y=y, add=label == OBJECT)


def _aimed(region: Mask, click: Click, habits: Habits, dice: np.random.Generator) -> Click:
    """Where a hand that wants to click clicks: near it, but in the region that it means."""
    (x, y), label = click
    height, width = region.shape
    dx, dy = dice.normal(0, 1, 2) * habits.hand_px
    column, row = round(x + dx), round(y + dy)
    if 0 <= column < width and 0 <= row < height and region[row, column]:
        return (float(column), float(row)), label
    return click


def _iou(mask: Mask, truth: Mask) -> float:
    return float(mask_iou(mask, truth))
