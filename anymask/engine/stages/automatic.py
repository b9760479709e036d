"""Automatic: everything that the model finds in the project's images becomes masks (§4, stage 3).

What is found in an image is a record in a job's folder, as ``anymask masks`` writes it, until the
store has it. So nothing is computed twice, wherever this is ended.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from anymask.core import rle
from anymask.datasets import sa1b_record
from anymask.datasets.photographs import Photograph
from anymask.engine.model.suggestion import Suggestion, suggestion
from anymask.engine.pictures.folder import ImageFolder
from anymask.engine.stages.holding import holder_of, holding
from anymask.engine.stages.searching import Found
from anymask.engine.stages.suggesting import SAME_IOU, removed_from, unlike
from anymask.engine.store.automation.searches import put_search, unfilled
from anymask.engine.store.documents import document
from anymask.engine.store.images import set_size
from anymask.engine.store.log.action_checks import ENGINE_KINDS
from anymask.engine.store.settings import project_id
from anymask.engine.store.store import Store
from anymask.engine.store.values import (
    Action,
    Annotator,
    Change,
    Effort,
    ImageDocument,
    ImageSummary,
    Kind,
    State,
    Version,
)
from anymask.errors import RecordError, StoreError
from anymask.jobs.many_images import Outcome, Settings
from anymask.jobs.many_images import State as OutcomeState
from anymask.jobs.result_names import NamedResult

SOURCE = "everything"
AFTERWARDS: State = "done"  # so that it is reviewed like any other's work
AT_ONCE = 1_000
RECORD_ENDING = ".json"

Segment = Callable[[Sequence[NamedResult], Path, Settings], Iterator[Outcome]]


@dataclass(frozen=True)
class Added:
    """What became of what was found in an image: masks.

    added: are masks now. known: left out, as the image has them, or as a person removed them.
    replaced: of an older model, that no person touched and that are gone. withdrawn: suggested
    ones that are masks now.
    """

    added: int = 0
    known: int = 0
    replaced: int = 0
    withdrawn: int = 0


@dataclass(frozen=True)
class Filled:
    """What became of one image. added: None where it was passed over, for a reason."""

    name: str
    added: Added | None
    reason: str = ""


@dataclass(frozen=True)
class Pass:
    """A look through the project's images.

    model_id: of the model. key: what tells it from one with another model or other settings.
    """

    model_id: str
    key: str

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The pass with these settings."""
        digest = hashlib.sha256(json.dumps(settings.to_json(), sort_keys=True).encode())
        return cls(settings.model, f"{settings.model} {digest.hexdigest()[:8]}")


def images_to_fill(store: Store, look: Pass, states: Sequence[State]) -> list[ImageSummary]:
    """The images that a pass goes through (``searches.unfilled``). Raises ``StoreError``."""
    images: list[ImageSummary] = []
    while some := store.read(
        unfilled, SOURCE, look.key, states, images[-1].id if images else 0, AT_ONCE
    ):
        images.extend(some)
    return images


def fill(
    store: Store,
    folder: ImageFolder,
    images: Sequence[ImageSummary],
    out: Path,
    settings: Settings,
    segment: Segment,
) -> Iterator[Filled]:
    """Look for everything in images, and put it into the store; what became of each, as it does.

    images: of ``images_to_fill``. out: the folder of the job: ended at any moment, it goes on there
    when this is called again. segment: ``many_images.segment_results`` with its model. An image
    that somebody is at work on, or that can't be read, is passed over, and comes again the next
    time. Raises ``StoreError``, and ``Error`` as ``segment`` does.
    """
    _sweep(out, images)
    results: list[NamedResult] = []
    by_name: dict[str, ImageSummary] = {}
    for image in images:
        if holder := holder_of(image):
            yield Filled(image.name, None, f"{holder} is at work on it")
            continue
        try:
            result = result_of(folder, image)
        except StoreError as error:
            yield Filled(image.name, None, str(error))
            continue
        _drop_outdated(out / result.name, Path(result.photograph.url))
        by_name[image.name] = image
        results.append(result)
    look = Pass.of(settings)
    for outcome in segment(results, out, settings):
        yield _put_outcome(store, by_name[outcome.name], outcome, out, look)
    _remove_if_empty(out)


def put_masks(store: Store, image: ImageSummary, found: Found, look: Pass) -> Added | None:
    """Make masks of what was found in an image, and note that it was looked for, in one step.

    image: as it was when it was chosen. Those like its masks, and like those that a person removed,
    are left out; what an older pass found and no person touched goes. The image is done then. None,
    and nothing is changed, where somebody works on it, or did meanwhile. Raises ``StoreError``.
    """

    def work(engine: Annotator, token: str) -> Added | None:
        return _put_masks(store, (engine, token), image, found, look)

    return holding(store, image.id, work)


def _put_masks(
    store: Store, holder: tuple[Annotator, str], image: ImageSummary, found: Found, look: Pass
) -> Added | None:
    """holder: the engine, and the token of its lease."""
    height, width = found.hw
    store.write(set_size, image.id, width, height)
    now = store.read(document, image.id)
    if (now.image.state, now.image.annotator) != (image.state, image.annotator):
        return None
    own = _own_masks(now)
    settled = [
        mask.version.segmentation
        for mask in now.masks
        if mask.id not in own and not mask.version.is_suggested
    ]
    fresh = unlike(found.suggestions, [*settled, *removed_from(store, now, ("reject", "delete"))])
    namespace = uuid.uuid5(uuid.UUID(store.write(project_id)), f"{image.id} {SOURCE}")
    wanted = {str(uuid.uuid5(namespace, one.segmentation["counts"])): one for one in fresh}
    stale = {mask_id: version for mask_id, version in own.items() if mask_id not in wanted}
    new = {mask_id: one for mask_id, one in wanted.items() if mask_id not in own}
    answered = _answered(now, [*settled, *(one.segmentation for one in fresh)])
    changes: dict[Kind, tuple[Change, ...]] = {
        "withdraw": tuple(Change(mask_id, version, None) for mask_id, version in answered.items()),
        "automatic": (
            *(Change(mask_id, version, None) for mask_id, version in stale.items()),
            *(Change(mask_id, None, _version(one)) for mask_id, one in new.items()),
        ),
    }
    actions = _actions(changes, look.model_id, now.image.state)
    store.write(put_search, image.id, *holder, actions, source=SOURCE, model_id=look.key)
    return Added(len(new), len(found.suggestions) - len(fresh), len(stale), len(answered))


def _actions(
    changes: Mapping[Kind, tuple[Change, ...]], model_id: str, state: State
) -> list[Action]:
    at, effort = datetime.now(UTC), Effort(model_id=model_id)
    actions = [
        Action(str(uuid.uuid4()), kind, at, some, effort) for kind, some in changes.items() if some
    ]
    if state != AFTERWARDS:
        actions.append(Action(str(uuid.uuid4()), "state", at, state=AFTERWARDS))
    return actions


def _own_masks(now: ImageDocument) -> dict[str, str]:
    """The versions of masks that an earlier pass made and no person touched, by the masks' ids."""
    touched = {
        change.mask_id
        for entry in now.log
        for change in entry.changes
        if entry.kind not in ENGINE_KINDS
    }
    return {
        mask.id: mask.version.id
        for mask in now.masks
        if mask.version.source == SOURCE
        and not mask.version.is_suggested
        and mask.id not in touched
    }


def _answered(now: ImageDocument, masks: Sequence[rle.RLE]) -> dict[str, str]:
    """The versions of suggested masks that are masks now, by the suggested ones' ids."""
    waiting = [mask for mask in now.masks if mask.version.is_suggested]
    ious = rle.iou([mask.version.segmentation for mask in waiting], list(masks))
    return {mask.id: mask.version.id for mask, row in zip(waiting, ious) if (row >= SAME_IOU).any()}


def _version(found: Suggestion) -> Version:
    return Version(
        str(uuid.uuid4()),
        found.segmentation,
        source=SOURCE,
        predicted_iou=found.predicted_iou,
        stability_score=found.stability_score,
    )


def _put_outcome(
    store: Store, image: ImageSummary, outcome: Outcome, out: Path, look: Pass
) -> Filled:
    if outcome.state == OutcomeState.broken:
        return Filled(image.name, None, outcome.reason)
    record = out / _record_name(image.id)
    try:
        added = put_masks(store, image, _read(record), look)
    except (RecordError, StoreError) as error:
        if isinstance(error, StoreError) and error.kind in ("storage", "busy"):
            raise
        record.unlink(missing_ok=True)
        return Filled(image.name, None, str(error))
    if added is None:
        return Filled(image.name, None, "somebody began to work on it")
    record.unlink(missing_ok=True)
    return Filled(image.name, added)


def _read(record: Path) -> Found:
    """What was found in an image. Raises ``RecordError``."""
    content = sa1b_record.from_bytes(record.read_bytes(), record.name)
    image = content["image"]
    found = (
        suggestion(one["segmentation"], one["predicted_iou"], one["stability_score"])
        for one in content["annotations"]
    )
    return Found((image["height"], image["width"]), [one for one in found if one is not None])


def result_of(folder: ImageFolder, image: ImageSummary) -> NamedResult:
    """The record of an image, under a name that no other images change."""
    photograph = Photograph(str(folder.path_of(image.name)), image.name)
    return NamedResult(photograph, _record_name(image.id))


def _record_name(image_id: int) -> str:
    return f"{image_id}{RECORD_ENDING}"


def _sweep(out: Path, images: Iterable[ImageSummary]) -> None:
    """Remove records that the store has by now, or that it wants no more."""
    wanted = {_record_name(image.id) for image in images}
    with suppress(FileNotFoundError):
        for name in os.listdir(out):
            if name.endswith(RECORD_ENDING) and name not in wanted:
                (out / name).unlink(missing_ok=True)


def _drop_outdated(record: Path, image: Path) -> None:
    """Remove a record that is older than its image."""
    with suppress(OSError):
        if record.stat().st_mtime_ns < image.stat().st_mtime_ns:
            record.unlink(missing_ok=True)


def _remove_if_empty(out: Path) -> None:
    """Leave no folder of a job behind whose records the store has."""
    with suppress(OSError):
        if not any(name.endswith(RECORD_ENDING) for name in os.listdir(out)):
            shutil.rmtree(out)
            out.parent.rmdir()
