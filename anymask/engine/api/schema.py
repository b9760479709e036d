"""Schema: the JSON that the page and the server exchange.

Segmentations are COCO's compressed run lengths of the upright original image; times say their zone.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StrictBool, WithJsonSchema

from anymask.engine.store.checks import UUID
from anymask.engine.store.labels import COLOR
from anymask.engine.store.values import Kind, Role, State

MOST_POINTS = 1_000

Id = Annotated[int, Field(ge=1, le=(1 << 63) - 1)]
# The store checks these, and says what is wrong in words; here they are for the schema.
Uuid = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{UUID.pattern}$"})]
Color = Annotated[str, WithJsonSchema({"type": "string", "pattern": f"^{COLOR.pattern}$"})]
BboxXywh = tuple[int, int, int, int]
BoxXyxy = tuple[float, float, float, float]
ErrorKind = Literal[
    "busy", "conflict", "forbidden", "invalid", "lease", "newer", "not_found", "signed_out",
    "storage",
]  # fmt: skip


class Message(BaseModel):
    """What all messages share: nothing unknown in them, numbers that are numbers."""

    model_config = ConfigDict(
        extra="forbid", from_attributes=True, allow_inf_nan=False, protected_namespaces=()
    )


class Segmentation(Message):
    """size: height, width."""

    size: tuple[int, int]
    counts: str


class LabelDraft(Message):
    """A label to keep; without an id it is a new one. color: ``#rrggbb``."""

    id: Id | None
    name: str
    color: Color
    hotkey: str | None = None


class Label(Message):
    """What a mask may be called."""

    id: int
    name: str
    color: Color
    hotkey: str | None


class Annotator(Message):
    """Who works."""

    id: int
    name: str
    role: Role


class Project(Message):
    """id: of the store, made with it. counts: images by state. review: whether work is reviewed.

    signed_in: whether a token says who asks; one person on loopback needs none.
    """

    id: Uuid
    name: str
    annotator: Annotator
    signed_in: bool
    model_id: str
    labels: list[Label]
    counts: dict[State, int]
    images: int
    masks: int
    review: bool
    version: str


class LeaseHolder(Message):
    """Who may change an image just now."""

    annotator: str
    expires_at: AwareDatetime


class ImageSummary(Message):
    """An image as a list shows it. annotator: who acted last, but for a review.

    fault: why its file can't be read; null where nothing is known to be wrong with it.
    """

    id: int
    name: str
    width: int | None
    height: int | None
    state: State
    masks: int
    suggestions: int
    revision: int
    lease: LeaseHolder | None
    annotator: str | None
    updated_at: AwareDatetime
    fault: str | None


class ImagePage(Message):
    """Some images of a list. next: the ``after`` of the following page."""

    images: list[ImageSummary]
    next: str | None
    total: int


class Version(Message):
    """A state of a mask. bbox and area of what is sent are measured again."""

    id: Uuid
    segmentation: Segmentation
    bbox: BboxXywh
    area: int
    label_id: Id | None
    group: str | None
    order: int
    source: str
    predicted_iou: float | None
    stability_score: float | None = None
    is_suggested: bool = False


class Mask(Message):
    """A mask as it is now."""

    id: Uuid
    version: Version


class LogChange(Message):
    """A change by the ids of its versions."""

    mask_id: Uuid
    before: Uuid | None
    after: Uuid | None


class LogEntry(Message):
    """An action as the server keeps it."""

    id: Uuid
    number: int
    kind: Kind
    target: Uuid | None
    state: State | None
    annotator: str
    at: AwareDatetime
    changes: list[LogChange]


class Note(Message):
    """A reviewer's words, pinned to a place, in pixels."""

    id: Uuid
    x: float
    y: float
    text: str
    annotator: str
    created_at: AwareDatetime
    is_resolved: bool


class NoteDraft(Message):
    """A note to add; its id is made by whoever makes it."""

    id: Uuid
    x: float
    y: float
    text: str


class NotePatch(Message):
    """What changes of a note."""

    is_resolved: StrictBool


class ImageDocument(Message):
    """All of an image that a page works on. file, is_replaced: see ``file_of_masks``.

    is_audited: whether its automatic masks are to be corrected for an audit.
    """

    id: int
    name: str
    width: int | None
    height: int | None
    state: State
    suggestions: int
    revision: int
    lease: LeaseHolder | None
    annotator: str | None
    updated_at: AwareDatetime
    fault: str | None
    file: str
    is_replaced: bool
    masks: list[Mask]
    log: list[LogEntry]
    notes: list[Note]
    is_audited: bool


class Change(Message):
    """One mask's part in an action. before: its version so far; after: None deletes the mask."""

    mask_id: Uuid
    before: Uuid | None
    after: Version | None


class Effort(Message):
    """What an action took. events: all that is needed to replay it, each with ``t_s`` and kind."""

    seconds: float = 0.0
    clicks_add: int = 0
    clicks_remove: int = 0
    boxes: int = 0
    strokes: int = 0
    chosen: Literal[0, 1, 2] | None = None
    model_id: str | None = None
    events: list[dict[str, Any]] = []


class Action(Message):
    """A step of an annotator. target: what is undone or redone. state: of kind ``state`` alone."""

    id: Uuid
    kind: Kind
    target: Uuid | None = None
    at: AwareDatetime
    changes: list[Change] = []
    effort: Effort = Effort()
    state: State | None = None


class ActionsRequest(Message):
    """Actions to append, all or none. token: of the lease."""

    token: str
    actions: list[Action]


class Applied(Message):
    """The ids of all that are in the log now."""

    revision: int
    applied: list[Uuid]


class LeaseRequest(Message):
    """token: of the lease to keep. take_over: from whoever holds the image, which an admin may."""

    token: str | None = None
    take_over: StrictBool = False


class Lease(Message):
    """The right to change an image."""

    token: str
    expires_at: AwareDatetime
    revision: int


class Waiting(Message):
    """How many embeddings are computed before this one."""

    position: int


class EverythingRequest(Message):
    """box: where to look; None for all of the image."""

    box: BoxXyxy | None = None


class Point(Message):
    """A click, in pixels. label: 1 for the object, 0 for what does not belong to it."""

    x: float
    y: float
    label: Literal[0, 1]


class DecodeRequest(Message):
    """A prompt: points, a box, or both. mask: of the image, that the model is to go on from."""

    points: Annotated[list[Point], Field(max_length=MOST_POINTS)] = []
    box: BoxXyxy | None = None
    mask: Segmentation | None = None


class Suggestion(Message):
    """A mask that the model proposes."""

    segmentation: Segmentation
    bbox: BboxXywh
    area: int
    predicted_iou: float


class Health(Message):
    """That all is well."""

    status: Literal["ok"]
    version: str


class ErrorBody(Message):
    """What is refused: a line for people, and what a program makes of it."""

    error: str
    kind: ErrorKind


class LeaseErrorBody(ErrorBody):
    """lease: who holds the image; None if nobody does any more."""

    lease: LeaseHolder | None


class MaskNow(Message):
    """What a mask is now; no version: it is deleted, or was never there."""

    id: Uuid
    version: Version | None


class ConflictBody(ErrorBody):
    """The masks that were changed by another."""

    masks: list[MaskNow]
    revision: int


class ExportLosses(Message):
    """What a format does not keep of all images that were worked on: a line for each loss."""

    images: int
    masks: int
    lines: list[str]


class ImportReport(Message):
    """What an import did, or would do. already: masks that were there. lines: for people."""

    images: int
    masks: int
    already: int
    labels: list[str]
    missing: int
    lines: list[str]
