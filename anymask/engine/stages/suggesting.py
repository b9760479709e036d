"""Suggesting: masks that the engine puts before annotators, who accept or reject them (§4)."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from anymask.core import rle
from anymask.engine.model.suggestion import Suggestion
from anymask.engine.stages.holding import holding
from anymask.engine.store.automation.searches import put_search
from anymask.engine.store.documents import document
from anymask.engine.store.masks import versions_of
from anymask.engine.store.settings import project_id
from anymask.engine.store.store import Store
from anymask.engine.store.values import (
    Action,
    Annotator,
    Change,
    Effort,
    ImageDocument,
    Kind,
    State,
    Version,
)

SAME_IOU = 0.8  # two masks of at least this IoU are one object's; below it is the paper's NMS, 0.7
OPEN_STATES: tuple[State, ...] = ("new", "started", "returned")


@dataclass(frozen=True)
class Suggested:
    """What became of an image's suggestions: masks.

    added: put before annotators. known: left out, as the image has them, or had them rejected.
    withdrawn: that an older model suggested and nobody answered.
    """

    added: int = 0
    known: int = 0
    withdrawn: int = 0


def suggest(
    store: Store,
    image_id: int,
    found: Sequence[Suggestion],
    source: str,
    model_id: str,
    label_id: int | None = None,
) -> Suggested | None:
    """Suggest masks of an image, in place of those that the source suggested before.

    source: what found them, a word. model_id: the model that found them; asking again with the same
    changes nothing. label_id: of all of them, if it is known. None, and nothing is done, where
    somebody is at work on the image, or where its state says that nothing is missing. Raises
    ``StoreError``.
    """

    def work(engine: Annotator, token: str) -> Suggested | None:
        now = store.read(document, image_id)
        if now.image.state not in OPEN_STATES:
            return None
        settled = [mask.version.segmentation for mask in now.masks if not mask.version.is_suggested]
        fresh = unlike(found, [*settled, *removed_from(store, now, ("reject",))])
        changes = _changes(store.write(project_id), now, fresh, source, label_id)
        actions = [
            Action(str(uuid.uuid4()), kind, datetime.now(UTC), some, Effort(model_id=model_id))
            for kind, some in changes.items()
            if some
        ]
        store.write(put_search, image_id, engine, token, actions, source=source, model_id=model_id)
        return Suggested(
            added=len(changes["suggest"]),
            known=len(found) - len(fresh),
            withdrawn=len(changes["withdraw"]),
        )

    return holding(store, image_id, work)


def _changes(
    project: str,
    now: ImageDocument,
    fresh: Sequence[Suggestion],
    source: str,
    label_id: int | None,
) -> dict[Kind, tuple[Change, ...]]:
    """What makes of the source's suggestions so far those that are found now."""
    namespace = uuid.uuid5(uuid.UUID(project), f"{now.image.id} {source}")
    wanted = {str(uuid.uuid5(namespace, one.segmentation["counts"])): one for one in fresh}
    waiting = {mask.id: mask.version for mask in now.masks if mask.version.is_suggested}
    stale = {i: old for i, old in waiting.items() if i not in wanted and old.source == source}
    return {
        "withdraw": tuple(Change(i, old.id, None) for i, old in stale.items()),
        "suggest": tuple(
            Change(i, None, _version(one, source, label_id))
            for i, one in wanted.items()
            if i not in waiting
        ),
    }


def removed_from(store: Store, now: ImageDocument, kinds: Sequence[Kind]) -> list[rle.RLE]:
    """The masks that an image lost by actions of these kinds, and did not get back."""
    there = {mask.id for mask in now.masks}
    last: dict[str, str] = {}
    for entry in now.log:
        for change in entry.changes:
            if entry.kind in kinds and change.before and change.mask_id not in there:
                last[change.mask_id] = change.before
    if not last:
        return []
    versions = store.read(versions_of, now.image.id, list(last.values()))
    return [version.segmentation for version in versions]


def unlike(found: Sequence[Suggestion], settled: Sequence[rle.RLE]) -> list[Suggestion]:
    """What is found and none of what is settled, nor of what was found surer; the surest first."""
    by_sureness = sorted(found, key=lambda one: -one.predicted_iou)
    masks = [one.segmentation for one in by_sureness]
    is_same = rle.iou(masks, [*masks, *settled]) >= SAME_IOU
    kept: list[int] = []
    for number in range(len(masks)):
        known = [*kept, *range(len(masks), is_same.shape[1])]
        if not is_same[number, known].any():
            kept.append(number)
    return [by_sureness[number] for number in kept]


def _version(found: Suggestion, source: str, label_id: int | None) -> Version:
    return Version(
        str(uuid.uuid4()),
        found.segmentation,
        label_id=label_id,
        source=source,
        predicted_iou=found.predicted_iou,
        is_suggested=True,
    )
