"""Values: what the store takes and gives. Plain, frozen, and without a database behind them.

Ids of images, labels and annotators are the store's numbers. Those of masks, versions, actions and
notes are UUIDs as text, made by whoever makes the thing, so that sending it twice does nothing
twice. Times know their zone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, Literal

from anymask.core.rle import RLE

Role = Literal["annotator", "reviewer", "admin"]
State = Literal["new", "started", "done", "returned", "accepted", "skipped", "unreadable"]
Kind = Literal[
    "add", "edit", "delete", "merge", "split", "duplicate", "reorder", "label", "import",
    "suggest", "withdraw", "automatic", "accept", "reject", "undo", "redo", "state",
]  # fmt: skip

Stage = Literal["assisted-manual", "semi-automatic", "fully-automatic"]  # Segment Anything §4

ROLES: tuple[Role, ...] = ("annotator", "reviewer", "admin")
# What annotators make of an image; that its file is unreadable is found.
GIVEN_STATES: tuple[State, ...] = ("new", "started", "done", "returned", "accepted", "skipped")
STATES: tuple[State, ...] = (*GIVEN_STATES, "unreadable")
FINISHED: tuple[State, ...] = ("done", "accepted")  # nothing is missing there
STAGES: tuple[Stage, ...] = ("assisted-manual", "semi-automatic", "fully-automatic")


@dataclass(frozen=True, slots=True)
class Annotator:
    """Who works. Whoever ``is_active`` no more keeps their work and their name."""

    id: int
    name: str
    role: Role
    is_active: bool = True

    @property
    def reviews(self) -> bool:
        """Whether they may accept and return images."""
        return self.role in ("reviewer", "admin")


@dataclass(frozen=True, slots=True)
class Label:
    """What a mask may be called. id: None for one that is new. color: ``#rrggbb``."""

    id: int | None
    name: str
    color: str
    hotkey: str | None = None


@dataclass(frozen=True, slots=True)
class LeaseHolder:
    """Who may change an image just now, and until when unless they go on."""

    annotator: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to change an image. token: known to its holder alone."""

    token: str
    expires_at: datetime
    revision: int


@dataclass(frozen=True, slots=True)
class ImageSummary:
    """An image as a list shows it.

    name: its path relative to the folder, with ``/``. width, height: upright; None until its file
    was looked into. masks: how many it has. suggestions: how many more are suggested. revision: how
    many actions. annotator: whose work it is: who acted last, but for a review. fault: why the file
    can't be read. fingerprint: SHA-256, hexadecimal, of the file that the masks were drawn on; None
    where nobody has looked into it.
    """

    id: int
    name: str
    width: int | None
    height: int | None
    state: State
    masks: int
    revision: int
    lease: LeaseHolder | None
    annotator: str | None
    updated_at: datetime
    is_missing: bool = False
    suggestions: int = 0
    fault: str | None = None
    fingerprint: str | None = None


@dataclass(frozen=True, slots=True)
class ImageFilter:
    """Which images a list has: all that each of these agrees with.

    states: any of them; empty for all. label_id: carried by a mask. text: in the name, upper or
    lower case. annotator_id: whose work it is. is_suggested: only those with suggested masks.
    is_held_out: only those that no model learns from, or only the others; None: both.
    """

    states: tuple[State, ...] = ()
    label_id: int | None = None
    text: str = ""
    annotator_id: int | None = None
    is_missing: bool = False
    is_suggested: bool = False
    is_held_out: bool | None = None


@dataclass(frozen=True, slots=True)
class ImagePage:
    """Some images of a list in order. next: what the following page is asked by; None at the end.

    total: of the whole list.
    """

    images: tuple[ImageSummary, ...]
    next: str | None
    total: int


@dataclass(frozen=True, slots=True)
class Counts:
    """How many images there are, in all and by state, and how many masks."""

    images: int
    masks: int
    states: Mapping[State, int]


@dataclass(frozen=True, slots=True)
class Version:
    """An immutable state of a mask.

    segmentation: of the upright original image. bbox (XYWH, pixels) and area: measured by the
    store; what a caller puts there is not looked at. order: from the back on. source: what drew it,
    a word. predicted_iou: the model's own score, if a model drew it. stability_score: of a mask
    that everything-mode found. is_suggested: by the engine;
    it is no mask of the dataset until an annotator accepts it, in the next version.
    """

    id: str
    segmentation: RLE
    label_id: int | None = None
    group: str | None = None
    order: int = 0
    source: str = ""
    predicted_iou: float | None = None
    stability_score: float | None = None
    is_suggested: bool = False
    bbox: tuple[int, int, int, int] = (0, 0, 0, 0)
    area: int = 0


@dataclass(frozen=True, slots=True)
class Mask:
    """An object's region in an image, as it is now."""

    id: str
    version: Version


@dataclass(frozen=True, slots=True)
class Change:
    """What an action does to one mask. before: the id of its version so far, None if it has none.

    after: its new version; the id of one that the store has; None where the mask is deleted.
    """

    mask_id: str
    before: str | None
    after: Version | str | None


@dataclass(frozen=True, slots=True)
class Effort:
    """What an action took (*Segment Anything* §4).

    chosen: 0 whole, 1 part, 2 subpart of an ambiguous click. events: all that is needed to replay
    it, as JSON has it.
    """

    seconds: float = 0.0
    clicks_add: int = 0
    clicks_remove: int = 0
    boxes: int = 0
    strokes: int = 0
    chosen: int | None = None
    model_id: str | None = None
    events: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Action:
    """One step of an annotator in an image.

    at: when, by the annotator's clock and in their zone. target: the action that an ``undo`` or
    ``redo`` is about. state: what a ``state`` makes of the image.
    """

    id: str
    kind: Kind
    at: datetime
    changes: tuple[Change, ...] = ()
    effort: Effort = field(default_factory=Effort)
    target: str | None = None
    state: State | None = None


@dataclass(frozen=True, slots=True)
class ChangedIds:
    """A change as a log has it: ids of versions."""

    mask_id: str
    before: str | None
    after: str | None


@dataclass(frozen=True, slots=True)
class LogEntry:
    """An action that was applied. number: from 1 on, in its image."""

    id: str
    number: int
    kind: Kind
    target: str | None
    state: State | None
    annotator: str
    at: datetime
    changes: tuple[ChangedIds, ...]


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of actions. actions: the ids of all that are in the log now."""

    revision: int
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """A reviewer's words pinned to a place of an image, in pixels."""

    id: str
    image_id: int
    text: str
    x: float
    y: float
    annotator: str
    created_at: datetime
    is_resolved: bool = False


@dataclass(frozen=True, slots=True)
class ImageDocument:
    """All of an image that a page works on; what versions a log names is asked for apart.

    is_audited: whether its automatic masks are to be corrected for an audit.
    """

    image: ImageSummary
    masks: tuple[Mask, ...]
    log: tuple[LogEntry, ...]
    notes: tuple[Note, ...]
    is_audited: bool = False


@dataclass(frozen=True, slots=True)
class MaskedImage:
    """An image and its masks, from the back on, as an export reads them."""

    image: ImageSummary
    masks: tuple[Mask, ...]


@dataclass(frozen=True, slots=True)
class Tally:
    """What was done in a stage on a day by an annotator with a model; None where a sum is over all.

    masks: made, less those undone. removed: deleted, less those undone. automatic: of the masks,
    those that no person drew: suggested and accepted, or found in the last stage. rejected:
    suggested ones that were no masks. images: in which masks were made; a sum counts an image again
    for each of its parts. seconds: of all actions, whatever they did. chosen: how often whole, part
    and subpart.
    """

    stage: Stage | None = None

    day: date | None = None
    annotator: str | None = None
    model_id: str | None = None
    images: int = 0
    masks: int = 0
    removed: int = 0
    automatic: int = 0
    rejected: int = 0
    actions: int = 0
    seconds: float = 0.0
    clicks_add: int = 0
    clicks_remove: int = 0
    boxes: int = 0
    strokes: int = 0
    chosen: tuple[int, int, int] = (0, 0, 0)

    @property
    def seconds_per_mask(self) -> float | None:
        """The paper's figure: it went from 34 to 14 in stage 1; None without masks."""
        return self.seconds / self.masks if self.masks > 0 else None

    @property
    def seconds_per_drawn_mask(self) -> float | None:
        """As the paper counts stage 2, 34 s: without the automatic masks; None without others."""
        drawn = self.masks - self.automatic
        return self.seconds / drawn if drawn > 0 else None

    @property
    def share_automatic(self) -> float | None:
        """Of the masks, in 0-1; None without masks."""
        return self.automatic / self.masks if self.masks > 0 else None

    @property
    def masks_per_image(self) -> float | None:
        """The paper's other figure, 20 to 44; None without images."""
        return self.masks / self.images if self.images > 0 else None


@dataclass(frozen=True, slots=True)
class FolderScan:
    """What a look at the folder changed: names, and what can't be taken, with reasons."""

    added: int
    returned: int
    missing: int
    unread: tuple[tuple[str, str], ...] = ()
