"""Status messages: how the work goes, by day, person, model and stage, and what the engine does."""

from __future__ import annotations

from datetime import date

from pydantic import AwareDatetime

from anymask.engine.api.schema import Message
from anymask.engine.store.automation.runs import RunKind, RunState
from anymask.engine.store.values import Stage


class Tally(Message):
    """What was done in a stage on a day by an annotator with a model; null: of all of them.

    automatic: of the masks, those that no person drew. chosen: how often whole, part and subpart.
    seconds_per_mask, masks_per_image: the figures of *Segment Anything* §4; null where there are
    none. seconds_per_drawn_mask: without the automatic ones. share_automatic: in 0-1.
    """

    stage: Stage | None
    day: date | None
    annotator: str | None
    model_id: str | None
    images: int
    masks: int
    removed: int
    automatic: int
    rejected: int
    actions: int
    seconds: float
    clicks_add: int
    clicks_remove: int
    boxes: int
    strokes: int
    chosen: tuple[int, int, int]
    seconds_per_mask: float | None
    seconds_per_drawn_mask: float | None
    masks_per_image: float | None
    share_automatic: float | None


class StageFigures(Message):
    """What was done in a stage; an image is counted once there.

    accepted: suggested masks that people accepted. share_accepted: of those that they answered.
    """

    stage: Stage
    tally: Tally
    accepted: int
    share_accepted: float | None


class Run(Message):
    """The engine's last work of a kind. total: units that it goes through; null: nobody knows."""

    kind: RunKind
    state: RunState
    started_at: AwareDatetime
    ended_at: AwareDatetime | None
    done: int
    total: int | None


class Status(Message):
    """How the work goes. total: one tally, or none before anything was done.

    stage: the one that the project is in. runs: the last of each kind, the latest first.
    """

    total: list[Tally]
    by_day: list[Tally]
    by_annotator: list[Tally]
    by_model: list[Tally]
    by_stage: list[StageFigures]
    stage: Stage
    runs: list[Run]
