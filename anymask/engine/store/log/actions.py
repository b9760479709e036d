"""Log: actions are appended to an image's log whole or not at all, and change its masks.

An action that is there already is passed over, so that a client may send it until it hears of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any, cast

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from anymask.engine.store.annotators import ENGINE_NAME
from anymask.engine.store.automation.stages import current_stage
from anymask.engine.store.clock import current_time
from anymask.engine.store.images import locked_image
from anymask.engine.store.leases import use_lease
from anymask.engine.store.log.action_checks import (
    ENGINE_KINDS,
    check_actions,
    check_allowed,
    is_review,
)
from anymask.engine.store.log.history import History, Step
from anymask.engine.store.log.mask_changes import Changed, MaskChanges
from anymask.engine.store.log.stacks import OutOfTurnError
from anymask.engine.store.log.states import state_after
from anymask.engine.store.masks import masks_named
from anymask.engine.store.refusals import ConflictError
from anymask.engine.store.tables import ActionRow, AnnotatorRow, ChangeRow, ImageRow, table_of
from anymask.engine.store.tallies import Account, Output, TallySheet
from anymask.engine.store.values import (
    Action,
    Annotator,
    Applied,
    ChangedIds,
    Effort,
    Kind,
    LogEntry,
    State,
)

CLOCK_MAY_ERR = timedelta(days=1)
UNTALLIED = ("suggest", "withdraw")
BY_NO_PERSON = ("accept", "automatic")  # who accepts a mask did not draw it
MAY_COME_LATE = timedelta(days=365)  # from a laptop that was offline


def apply_actions(
    session: Session,
    image_id: int,
    annotator: Annotator,
    token: str,
    actions: Sequence[Action],
    now: datetime | None = None,
) -> Applied:
    """Append actions to an image's log, all of them or none, those that it has already left out.

    token: of the lease, which is renewed; what is in the log already needs none.

    Raises ``ConflictError`` with what masks are now, if a change builds on another version or an
    undo is of another action than the next one; ``LeaseError`` for a lease that is forged, lost or
    another's; ``StoreError`` for what makes no sense, and for what only a reviewer may do.
    """
    now = now or current_time()
    check_actions(actions)
    image = locked_image(session, image_id)
    unknown = _unknown(session, image_id, actions)
    if unknown:
        with session.no_autoflush:  # the image is written once, at the end
            use_lease(session, image, annotator, token, now)
            check_allowed(image.state, annotator, unknown)
            append_actions(session, image, annotator, unknown, now)
    return Applied(image.revision, tuple(action.id for action in actions))


def append_actions(
    session: Session,
    image: ImageRow,
    annotator: Annotator,
    actions: Sequence[Action],
    now: datetime,
) -> None:
    """Append actions to the log of a locked image, whoever holds it: its lease was looked at.

    Raises ``ConflictError`` and ``StoreError`` as ``apply_actions``.
    """
    masks = MaskChanges(session, image, actions)
    history = History(session, image.id, actions)
    sheet, stage = TallySheet(), current_stage(session)
    rows: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    state: str = image.state
    for number, action in enumerate(actions, image.revision + 1):
        changed = [masks.make(action.kind, change) for change in action.changes]
        ids = tuple(one.ids for one in changed)
        account = Account(stage, _day(action.at, now), annotator.id, action.effort.model_id or "")
        step = Step(account, ids, _output(action.kind, changed))
        try:
            tallied, output = history.append(action, step)
        except OutOfTurnError:
            masks.stale.update(change.mask_id for change in ids)
            break
        is_bare = history.is_taken_back
        state = state_after(state, action.kind, action.state, is_taken_back=is_bare)
        if _is_tallied(action, annotator):
            sheet.add_effort(account, action.effort)
            sheet.add_output(tallied, image.id, output)
        rows.append(_row(image.id, number, annotator, action, step, now))
        changes.extend(_change_rows(image.id, number, ids))
    if masks.stale:
        raise _conflict(session, image, masks.stale)
    before, image.state = image.state, state
    image.revision += len(actions)
    is_of_engine = all(action.kind in ENGINE_KINDS for action in actions)
    if not is_of_engine and (image.annotator_id is None or not is_review(before, annotator)):
        image.annotator_id = annotator.id
    image.updated_at = now
    masks.write()
    session.execute(insert(table_of(ActionRow)), rows)
    if changes:
        session.execute(insert(table_of(ChangeRow)), changes)
    sheet.write(session)


def log_of(session: Session, image_id: int) -> tuple[LogEntry, ...]:
    """The log of an image, from the first action on."""
    changes: dict[int, list[ChangedIds]] = {}
    changed = session.execute(
        select(ChangeRow.number, ChangeRow.mask_id, ChangeRow.before, ChangeRow.after)
        .where(ChangeRow.image_id == image_id)
        .order_by(ChangeRow.number, ChangeRow.mask_id)
    )
    for number, mask_id, before, after in changed:
        changes.setdefault(number, []).append(ChangedIds(mask_id, before, after))
    columns = ActionRow.id, ActionRow.number, ActionRow.kind, ActionRow.target, ActionRow.state
    rows = session.execute(
        select(*columns, AnnotatorRow.name, ActionRow.at)
        .join(AnnotatorRow, ActionRow.annotator_id == AnnotatorRow.id)
        .where(ActionRow.image_id == image_id)
        .order_by(ActionRow.number)
    )
    return tuple(
        LogEntry(
            id=action_id,
            number=number,
            kind=cast(Kind, kind),
            target=target,
            state=cast("State | None", state),
            annotator=name,
            at=at,
            changes=tuple(changes.get(number, ())),
        )
        for action_id, number, kind, target, state, name, at in rows
    )


def efforts_of(session: Session, image_id: int) -> Mapping[str, Effort]:
    """What each action of an image took, by its id, in the order of the log."""
    query = select(ActionRow).where(ActionRow.image_id == image_id).order_by(ActionRow.number)
    return {row.id: _effort(row) for row in session.scalars(query)}


def _unknown(session: Session, image_id: int, actions: Sequence[Action]) -> list[Action]:
    """Those that the log has not, each once."""
    by_id = {action.id: action for action in actions}
    query = select(ActionRow.id).where(ActionRow.image_id == image_id, ActionRow.id.in_(by_id))
    known = set(session.scalars(query))
    return [action for action_id, action in by_id.items() if action_id not in known]


def _conflict(session: Session, image: ImageRow, stale: set[str]) -> ConflictError:
    return ConflictError(
        f"{image.name} was changed by another since this page saw it; nothing is overwritten",
        masks_named(session, image.id, sorted(stale)),
        image.revision,
    )


def _is_tallied(action: Action, annotator: Annotator) -> bool:
    """Whether an action is work that figures count. The engine's word on a state is none."""
    if action.kind == "state":
        return annotator.name != ENGINE_NAME
    return action.kind not in UNTALLIED


def _output(kind: Kind, changed: Sequence[Changed]) -> Output:
    made = 0 if kind == "import" else sum(one.makes for one in changed)
    return Output(
        made=made,
        removed=sum(one.removes for one in changed),
        automatic=made if kind in BY_NO_PERSON else 0,
        rejected=len(changed) if kind == "reject" else 0,
    )


def _day(at: datetime, now: datetime) -> date:
    """The date where the annotator was; today, where their clock can't be right."""
    if now - MAY_COME_LATE <= at <= now + CLOCK_MAY_ERR:
        return at.date()
    return now.date()


def _row(
    image_id: int,
    number: int,
    annotator: Annotator,
    action: Action,
    step: Step,
    now: datetime,
) -> dict[str, Any]:
    effort, account = action.effort, step.account
    is_first = action.target is None  # an undo's masks are its target's
    return {
        "image_id": image_id,
        "number": number,
        "id": action.id,
        "kind": action.kind,
        "target": action.target,
        "state": action.state,
        "annotator_id": annotator.id,
        "at": action.at,
        "received_at": now,
        "day": account.day,
        "model_id": account.model_id,
        "seconds": effort.seconds,
        "clicks_add": effort.clicks_add,
        "clicks_remove": effort.clicks_remove,
        "boxes": effort.boxes,
        "strokes": effort.strokes,
        "chosen": effort.chosen,
        "made": step.output.made if is_first else 0,
        "removed": step.output.removed if is_first else 0,
        "stage": account.stage,
        "automatic": step.output.automatic if is_first else 0,
        "events": list(effort.events),
    }


def _change_rows(
    image_id: int, number: int, changed: Iterable[ChangedIds]
) -> Iterable[dict[str, Any]]:
    for change in changed:
        yield {
            "image_id": image_id,
            "number": number,
            "mask_id": change.mask_id,
            "version_before": change.before,
            "version_after": change.after,
        }


def _effort(row: ActionRow) -> Effort:
    return Effort(
        seconds=row.seconds,
        clicks_add=row.clicks_add,
        clicks_remove=row.clicks_remove,
        boxes=row.boxes,
        strokes=row.strokes,
        chosen=row.chosen,
        model_id=row.model_id or None,
        events=tuple(row.events),
    )
