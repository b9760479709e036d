"""States: what an image is after each action, and that its file can't be read."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from anymask.engine.store.clock import current_time
from anymask.engine.store.images import locked_image
from anymask.engine.store.log.action_checks import ENGINE_KINDS
from anymask.engine.store.log.stacks import Stacks
from anymask.engine.store.tables import ActionRow

UNREADABLE = "unreadable"
LONGEST_FAULT = 500


def state_after(state: str, kind: str, given: str | None, *, is_taken_back: bool) -> str:
    """What an image of a state is after an action.

    given: the state that the action makes of it. is_taken_back: no step is left to undo. An
    unreadable one stays so, whatever was done to it by a page that had it open.
    """
    if state == UNREADABLE:
        return state
    if given is not None:
        return given
    if kind == "undo" and is_taken_back and state == "started":
        return "new"
    if state in ("new", "skipped") and kind not in ENGINE_KINDS:
        return "started"
    return state


def note_fault(session: Session, image_id: int, reason: str) -> None:
    """Note that the file of an image can't be read, and why. Raises ``StoreError``."""
    image = locked_image(session, image_id)
    reason = reason[:LONGEST_FAULT]
    if (image.state, image.fault) == (UNREADABLE, reason):
        return
    image.state, image.fault, image.updated_at = UNREADABLE, reason, current_time()


def note_readable(session: Session, image_id: int) -> None:
    """Note that the file of an image can be read again: it is what its log says.

    Raises ``StoreError``.
    """
    image = locked_image(session, image_id)
    if image.fault is None:
        return
    image.state, image.fault, image.updated_at = _logged(session, image_id), None, current_time()


def _logged(session: Session, image_id: int) -> str:
    """The state that an image's log leads to."""
    query = (
        select(ActionRow.id, ActionRow.kind, ActionRow.target, ActionRow.state)
        .where(ActionRow.image_id == image_id)
        .order_by(ActionRow.number)
    )
    state, stacks = "new", Stacks()
    for action_id, kind, target, given in session.execute(query):
        stacks.push(action_id, kind, target)
        state = state_after(state, kind, given, is_taken_back=not stacks.undo)
    return state
