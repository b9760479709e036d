"""Imports: masks that exist already, added to the logs of images. Nothing is overwritten.

Ids come from what a mask is, so that what was imported once is not imported again, also where
somebody has changed or deleted it since.
"""

from __future__ import annotations

import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from anymask.core import rle
from anymask.core.rle import RLE
from anymask.engine.store.checks import checked_text
from anymask.engine.store.clock import current_time
from anymask.engine.store.images import LARGEST_SIDE
from anymask.engine.store.labels import LONGEST_NAME, add_labels, list_labels
from anymask.engine.store.leases import holder_of
from anymask.engine.store.log.action_checks import MOST_CHANGES
from anymask.engine.store.log.actions import append_actions
from anymask.engine.store.log.segmentations import LONGEST_GROUP
from anymask.engine.store.masks import masks_of
from anymask.engine.store.tables import ImageRow, LabelRow, MaskRow
from anymask.engine.store.values import FINISHED, Action, Annotator, Change, Label, State, Version
from anymask.errors import Error, StoreError

SOURCE = "import"
UNLABELLED = "object"  # what formats that ask for a label call a mask without one
ORIGIN = uuid.UUID("0d5e7a34-52c1-4d0e-9f6c-3b1f5d6f8a21")  # of ids, the same every time
NOT_THERE = "is in the folder, and not in the store yet: open it once with `anymask annotate`"
GONE = "imported before, and changed or deleted since"


@dataclass(frozen=True, slots=True)
class GivenMask:
    """A mask that comes from elsewhere. segmentation: of the upright image."""

    segmentation: RLE
    label: str | None = None
    group: str | None = None
    predicted_iou: float | None = None


@dataclass(frozen=True, slots=True)
class GivenImage:
    """An image and masks for it, from the back on. hw: (H, W) of its file, upright.

    state: what those who drew them said of it; one that is not known is none.
    """

    name: str
    hw: tuple[int, int]
    masks: tuple[GivenMask, ...]
    state: str | None = None


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of the masks for an image.

    added: how many are new. already: how many were there. lost: how many are left out, by reason.
    refused: why nothing is added, as it stands after the image's name; "" if it may be.
    """

    added: int = 0
    already: int = 0
    lost: Mapping[str, int] = field(default_factory=dict)
    refused: str = ""


@dataclass(frozen=True, slots=True)
class ImportedBatch:
    """What became of images, in their order, and which labels are new."""

    images: tuple[Imported, ...]
    labels: tuple[str, ...]


@dataclass(slots=True)
class _Plan:
    """The masks for an image that are new, with their ids. above: the order of the next mask."""

    row: ImageRow
    new: list[tuple[str, GivenMask]] = field(default_factory=list)
    already: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    above: int = 0


def import_images(
    session: Session,
    annotator: Annotator,
    images: Sequence[GivenImage],
    *,
    is_trial: bool = False,
    now: datetime | None = None,
) -> ImportedBatch:
    """Add masks to images, each named once, as an action that can be undone, above what is there.

    An image that somebody else holds, one that is accepted and one of another size get none.
    is_trial: only say what would be done. Raises ``StoreError``.
    """
    now = now or current_time()
    rows = _rows(session, [image.name for image in images], is_locked=not is_trial)
    label_names = {row.id: row.name for row in session.scalars(select(LabelRow))}
    plans: list[_Plan | Imported] = []
    for image in images:
        row = rows.get(image.name)
        objection = NOT_THERE if row is None else _objection(session, row, image, annotator, now)
        if row is None or objection:
            plans.append(Imported(refused=objection))
        else:
            plans.append(_planned(session, row, image, label_names))
    to_do = [plan for plan in plans if isinstance(plan, _Plan)]
    labels = _new_labels(session, to_do)
    if not is_trial:
        label_ids = {label.name: label.id for label in _labels(session, labels)}
        for plan, image in zip(plans, images):
            if isinstance(plan, _Plan):
                _add(session, plan, image, annotator, label_ids, now)
    done = (
        Imported(len(plan.new), plan.already, dict(plan.lost)) if isinstance(plan, _Plan) else plan
        for plan in plans
    )
    return ImportedBatch(tuple(done), labels)


def _rows(session: Session, names: Sequence[str], *, is_locked: bool) -> Mapping[str, ImageRow]:
    query = select(ImageRow).where(ImageRow.name.in_(names)).order_by(ImageRow.id)
    if is_locked:
        query = query.with_for_update(key_share=True)
    query = query.execution_options(populate_existing=True)
    return {row.name: row for row in session.scalars(query)}


def _objection(
    session: Session, row: ImageRow, image: GivenImage, annotator: Annotator, now: datetime
) -> str:
    """Why an image gets no masks; "" if it may."""
    height, width = image.hw
    if row.is_missing:
        return "is not in the folder any more"
    holder = holder_of(session, row, now)
    if holder is not None and row.lease_annotator_id != annotator.id:
        return f"is with {holder.annotator} just now; import it again when it is free"
    if row.state == "accepted":
        return "is accepted; a reviewer can return it, then it can be changed"
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        return f"is {width}×{height} (width×height)"
    if row.revision > 0 and (row.height, row.width) != image.hw:
        return (
            f"is {width}×{height} (width×height) now, and its masks were drawn on "
            f"{row.width}×{row.height}"
        )
    return ""


def _planned(
    session: Session, row: ImageRow, image: GivenImage, label_names: Mapping[int, str]
) -> _Plan:
    """Which masks are new, and which are there with the same pixels and say nothing else."""
    plan = _Plan(row)
    there: dict[str, list[tuple[str | None, str | None]]] = defaultdict(list)
    for current in masks_of(session, row.id):
        version = current.version
        label = None if version.label_id is None else label_names.get(version.label_id)
        there[version.segmentation["counts"]].append((label, version.group))
        plan.above = max(plan.above, version.order + 1)
    known = set(session.scalars(select(MaskRow.id).where(MaskRow.image_id == row.id)))
    repeats: Counter[tuple[str, str | None, str | None]] = Counter()
    for mask in image.masks:
        try:
            checked = _checked(mask, image.hw)
        except Error as error:
            plan.lost[str(error)] += 1
            continue
        counts = checked.segmentation["counts"]
        same = _same(checked, there[counts])
        if same is not None:
            there[counts].remove(same)
            plan.already += 1
            continue
        content = counts, checked.label, checked.group
        mask_id = _id(image.name, *content, repeats[content])
        repeats[content] += 1
        if mask_id in known:
            plan.lost[GONE] += 1
        else:
            plan.new.append((mask_id, checked))
    return plan


def _checked(mask: GivenMask, hw: tuple[int, int]) -> GivenMask:
    """The mask, its run lengths as the store writes them. Raises ``Error``, with a reason."""
    if mask.label is not None:
        checked_text(mask.label, "a label", LONGEST_NAME)
    if mask.group is not None:
        checked_text(mask.group, "a group", LONGEST_GROUP)
    runs = rle.runs(mask.segmentation)
    if not any(runs[1::2]):
        raise StoreError("invalid", "without a pixel")
    canonical = rle.from_counts(runs, hw)
    return GivenMask(canonical, mask.label, mask.group, mask.predicted_iou)


def _same(
    mask: GivenMask, there: Sequence[tuple[str | None, str | None]]
) -> tuple[str | None, str | None] | None:
    """Label and group of a mask that is there and is the same; None without one.

    Its group may be another, as some formats number them, and its label where this one has none.
    Formats that ask for a label call what has none "object".
    """
    if (mask.label, mask.group) in there:
        return mask.label, mask.group
    for label, group in there:
        if mask.label in (None, label) or (label is None and mask.label == UNLABELLED):
            return label, group
    return None


def _new_labels(session: Session, plans: Sequence[_Plan]) -> tuple[str, ...]:
    """The labels of new masks that are not there, in the order in which they are met."""
    known = {label.name for label in list_labels(session)}
    labels = (mask.label for plan in plans for _, mask in plan.new)
    return tuple(dict.fromkeys(label for label in labels if label and label not in known))


def _labels(session: Session, new: Sequence[str]) -> Sequence[Label]:
    return add_labels(session, new) if new else list_labels(session)


def _add(
    session: Session,
    plan: _Plan,
    image: GivenImage,
    annotator: Annotator,
    label_ids: Mapping[str, int | None],
    now: datetime,
) -> None:
    plan.row.height, plan.row.width = image.hw
    was_new = plan.row.state == "new"
    changes = [
        Change(mask_id, None, _version(mask_id, mask, plan.above + number, label_ids))
        for number, (mask_id, mask) in enumerate(plan.new)
    ]
    for start in range(0, len(changes), MOST_CHANGES):
        some = changes[start : start + MOST_CHANGES]
        action_id = _id(image.name, *(change.mask_id for change in some))
        action = Action(action_id, "import", now, tuple(some))
        append_actions(session, plan.row, annotator, [action], now)
    if changes and was_new and image.state in FINISHED:
        state: State = "accepted" if image.state == "accepted" and annotator.reviews else "done"
        finish = Action(_id(image.name, changes[0].mask_id, state), "state", now, state=state)
        append_actions(session, plan.row, annotator, [finish], now)


def _version(
    mask_id: str, mask: GivenMask, order: int, label_ids: Mapping[str, int | None]
) -> Version:
    return Version(
        id=_id(mask_id, "version"),
        segmentation=mask.segmentation,
        label_id=None if mask.label is None else label_ids[mask.label],
        group=mask.group,
        order=order,
        source=SOURCE,
        predicted_iou=mask.predicted_iou,
    )


def _id(*content: object) -> str:
    return str(uuid.uuid5(ORIGIN, repr(content)))
