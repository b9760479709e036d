"""Audits: automatic masks that annotators look at and correct, to say how good they are (§5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast
from uuid import uuid4

from sqlalchemy import ColumnElement, Select, and_, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from anymask.engine.store.annotators import engine_annotator, engine_id
from anymask.engine.store.automation.tables import AuditedMaskRow, AuditRow
from anymask.engine.store.clock import current_time
from anymask.engine.store.images import locked_image
from anymask.engine.store.log.actions import append_actions
from anymask.engine.store.masks import version_value
from anymask.engine.store.tables import (
    ActionRow,
    ChangeRow,
    ImageRow,
    MaskRow,
    VersionRow,
    table_of,
)
from anymask.engine.store.values import FINISHED, Action, State, Version
from anymask.errors import StoreError

AT_WORK: State = "returned"  # what an image is until an annotator has corrected it
FIRST_RANK = -1  # before all that nobody asked for
NOTHING_TO_AUDIT = (
    "there is nothing to audit: no image has masks of `anymask engine automatic` that are as "
    "they were"
)


@dataclass(frozen=True, slots=True)
class Audit:
    """A look at automatic masks. figures: what was found, by the last report; None before."""

    id: str
    started_at: datetime
    ended_at: datetime | None
    seed: int
    figures: Any | None = None


@dataclass(frozen=True, slots=True)
class AuditedMask:
    """An automatic mask and what an annotator made of it.

    found: as it was. corrected: as it is; None where it was deleted.
    """

    image_id: int
    found: Version
    corrected: Version | None


def audited_ids() -> Select[int]:
    """The ids of the images of the audit that is not ended, for a query."""
    return (
        select(AuditedMaskRow.image_id)
        .join(AuditRow, AuditRow.id == AuditedMaskRow.audit_id)
        .where(AuditRow.ended_at.is_(None))
        .distinct()
    )


def is_audited(session: Session, image_id: int) -> bool:
    """Whether an image waits to be corrected for an audit."""
    query = (
        select(ImageRow.id)
        .where(ImageRow.id == image_id, ImageRow.state.not_in(FINISHED))
        .where(ImageRow.id.in_(audited_ids().where(AuditedMaskRow.image_id == image_id)))
    )
    return session.scalar(query) is not None


def auditable(session: Session, now: datetime | None = None) -> dict[int, int]:
    """How many masks there are in each image that the engine was the last to work on, by its id.

    Images without masks, that somebody holds, that are held out or gone are left out.
    """
    done = _done_by_engine(now or current_time())
    query = select(ImageRow.id, ImageRow.masks).where(*done, ImageRow.masks > 0)
    return dict(session.execute(query.order_by(ImageRow.id)).all())


def start_audit(
    session: Session, image_ids: Sequence[int], seed: int, now: datetime | None = None
) -> tuple[Audit, Counter[int]]:
    """Put images before annotators, first of all; the audit, and how many masks are in each image.

    Images in which the engine made no mask, or that somebody took meanwhile, are left out. seed:
    what the images were drawn with. Raises ``StoreError`` where an audit is not ended, and where no
    image is left.
    """
    now = now or current_time()
    check_none_runs(session)
    audit = Audit(str(uuid4()), now, None, seed)
    session.add(AuditRow(id=audit.id, started_at=now, ended_at=None, seed=seed, figures=None))
    session.flush()
    masks: Counter[int] = Counter()
    for image_id in image_ids:
        rows = _automatic_masks(session, image_id, now)
        if rows:
            audited = [row | {"audit_id": audit.id} for row in rows]
            session.execute(insert(table_of(AuditedMaskRow)), audited)
            masks[image_id] = len(rows)
            _put_back(session, image_id, AT_WORK, FIRST_RANK, now)
    if not masks:
        raise StoreError("invalid", NOTHING_TO_AUDIT)
    return audit, masks


def check_none_runs(session: Session) -> None:
    """Raise ``StoreError`` where an audit is not ended."""
    last = last_audit(session)
    if last is not None and last.ended_at is None:
        raise StoreError(
            "invalid",
            f"an audit runs since {last.started_at.astimezone():%Y-%m-%d %H:%M}: "
            "`anymask engine audit end` ends it",
        )


def last_audit(session: Session) -> Audit | None:
    """The audit that was started last."""
    row = session.scalar(select(AuditRow).order_by(AuditRow.started_at.desc()).limit(1))
    return None if row is None else _value(row)


def audited_images(session: Session, audit_id: str) -> Mapping[int, State]:
    """The state of each image of an audit, by its id. Those that are gone are left out."""
    query = (
        select(ImageRow.id, ImageRow.state)
        .where(ImageRow.id.in_(_images_of(audit_id)), ImageRow.is_missing.is_(False))
        .order_by(ImageRow.id)
    )
    return {image_id: cast(State, state) for image_id, state in session.execute(query)}


def audited_masks(session: Session, audit_id: str, image_id: int) -> list[AuditedMask]:
    """The audited masks of an image, by their ids."""
    found, current = aliased(VersionRow), aliased(VersionRow)
    mask = AuditedMaskRow
    is_found = and_(found.image_id == mask.image_id, found.id == mask.version_id)
    is_current = and_(current.image_id == mask.image_id, current.id == MaskRow.version_id)
    query = (
        select(found, current, ImageRow.height, ImageRow.width)
        .select_from(mask)
        .join(ImageRow, ImageRow.id == mask.image_id)
        .join(MaskRow, and_(MaskRow.image_id == mask.image_id, MaskRow.id == mask.mask_id))
        .join(found, is_found)
        .outerjoin(current, is_current)
        .where(mask.audit_id == audit_id, mask.image_id == image_id)
        .order_by(mask.mask_id)
    )
    masks = []
    for was, now, height, width in session.execute(query):
        hw = height or 0, width or 0
        corrected = None if now is None else version_value(now, hw)
        masks.append(AuditedMask(image_id, version_value(was, hw), corrected))
    return masks


def put_figures(session: Session, audit_id: str, figures: Any) -> None:
    """Keep what a report found, in place of the one before."""
    session.execute(update(AuditRow).where(AuditRow.id == audit_id).values(figures=figures))


def end_audit(session: Session, audit_id: str, now: datetime | None = None) -> int:
    """End an audit; images that nobody began to correct are done again, as before. How many."""
    now = now or current_time()
    untouched = session.scalars(
        select(ImageRow.id)
        .where(ImageRow.id.in_(_images_of(audit_id)))
        .where(ImageRow.state == AT_WORK, ImageRow.annotator_id == engine_id())
        .order_by(ImageRow.id)
    ).all()
    for image_id in untouched:
        _put_back(session, image_id, "done", 0, now)
    session.execute(update(ImageRow).where(ImageRow.id.in_(_images_of(audit_id))).values(rank=0))
    session.execute(
        update(AuditRow)
        .where(AuditRow.id == audit_id, AuditRow.ended_at.is_(None))
        .values(ended_at=now)
    )
    return len(untouched)


def latest_figures(session: Session) -> tuple[Audit, Any] | None:
    """The last audit that was reported on, and its figures."""
    rows = session.scalars(select(AuditRow).order_by(AuditRow.started_at.desc()))
    row = next((row for row in rows if row.figures is not None), None)
    return None if row is None else (_value(row), row.figures)


def _automatic_masks(session: Session, image_id: int, now: datetime) -> list[dict[str, Any]]:
    """Ids of the masks of an image that the engine made and nobody changed."""
    query = (
        select(MaskRow.image_id, MaskRow.id, MaskRow.version_id)
        .join(ImageRow, ImageRow.id == MaskRow.image_id)
        .join(ChangeRow, _made_current())
        .join(ActionRow, _action_of_change())
        .where(MaskRow.image_id == image_id, *_done_by_engine(now), ActionRow.kind == "automatic")
    )
    return [
        {"image_id": image, "mask_id": mask, "version_id": version}
        for image, mask, version in session.execute(query)
    ]


def _made_current() -> ColumnElement[bool]:
    """That a change made a mask what it is."""
    return and_(
        ChangeRow.image_id == MaskRow.image_id,
        ChangeRow.mask_id == MaskRow.id,
        ChangeRow.after == MaskRow.version_id,
    )


def _action_of_change() -> ColumnElement[bool]:
    return and_(ActionRow.image_id == ChangeRow.image_id, ActionRow.number == ChangeRow.number)


def _done_by_engine(now: datetime) -> list[ColumnElement[bool]]:
    return [
        ImageRow.is_missing.is_(False),
        ImageRow.is_held_out.is_(False),
        ImageRow.state == "done",
        ImageRow.annotator_id == engine_id(),
        or_(ImageRow.lease_expires_at.is_(None), ImageRow.lease_expires_at <= now),
    ]


def _images_of(audit_id: str) -> Select[int]:
    return select(AuditedMaskRow.image_id).where(AuditedMaskRow.audit_id == audit_id).distinct()


def _put_back(session: Session, image_id: int, state: State, rank: int, now: datetime) -> None:
    """Give an image a state, as a step of the engine."""
    image = locked_image(session, image_id)
    image.rank = rank
    action = Action(str(uuid4()), "state", now, state=state)
    append_actions(session, image, engine_annotator(session), [action], now)


def _value(row: AuditRow) -> Audit:
    return Audit(row.id, row.started_at, row.ended_at, row.seed, row.figures)
