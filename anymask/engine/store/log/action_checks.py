"""Action checks: what an action must look like, and who may do it, before anything is looked up."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence

from anymask.engine.store.annotators import ENGINE_NAME
from anymask.engine.store.checks import checked_id, checked_text
from anymask.engine.store.values import GIVEN_STATES, Action, Annotator, Change, Effort, State
from anymask.errors import StoreError

MOST_ACTIONS, MOST_CHANGES = 1_000, 10_000  # of one transaction
LONGEST_EVENTS = 4 << 20  # of one action, as JSON
LONGEST_MODEL_ID = 200
MOST_COUNTED, LONGEST_S = 1_000_000, 7 * 24 * 3600.0
ENGINE_KINDS = ("suggest", "withdraw", "automatic")
REVIEWED: tuple[State, ...] = ("accepted", "returned")


def check_actions(actions: Sequence[Action]) -> None:
    """Raise ``StoreError`` unless each action makes sense by itself."""
    if len(actions) > MOST_ACTIONS or sum(len(one.changes) for one in actions) > MOST_CHANGES:
        raise StoreError(
            "invalid",
            f"at most {MOST_ACTIONS} actions with {MOST_CHANGES} changes are taken at once",
        )
    for action in actions:
        checked_id(action.id, "an action")
        _check_kind(action)
        _check_effort(action.effort)
        for change in action.changes:
            checked_id(change.mask_id, "a mask")
            for version in (change.before, change.after):
                if isinstance(version, str):
                    checked_id(version, "a version")
        if len({change.mask_id for change in action.changes}) < len(action.changes):
            raise StoreError("invalid", f"the action {action.id} changes a mask twice")


def check_allowed(state: str, annotator: Annotator, actions: Sequence[Action]) -> None:
    """Raise ``StoreError`` for what only a reviewer does. state: the image's."""
    if annotator.name != ENGINE_NAME and any(one.kind in ENGINE_KINDS for one in actions):
        raise StoreError("forbidden", "only the engine suggests, withdraws and finds masks")
    if annotator.reviews:
        return
    for action in actions:
        if action.state in REVIEWED:
            raise StoreError("forbidden", f"only a reviewer makes an image {action.state}")
    if state == "accepted":
        raise StoreError(
            "forbidden", "this image is accepted; a reviewer can return it, then it can be changed"
        )


def is_review(state: str, annotator: Annotator) -> bool:
    """Whether what somebody does to an image of a state is review: it stays its annotator's then,
    to whom it goes back.
    """
    return annotator.reviews and state in ("done", "accepted")


def _creates(change: Change) -> bool:
    return change.before is None and change.after is not None


def _deletes(change: Change) -> bool:
    return change.before is not None and change.after is None


def _alters(change: Change) -> bool:
    return change.before is not None and change.after is not None


def _replaces(change: Change) -> bool:
    return _creates(change) or _deletes(change)


def _does(change: Change) -> bool:
    return change.before is not None or change.after is not None


SHAPES: Mapping[str, Callable[[Change], bool]] = {
    "add": _creates,
    "duplicate": _creates,
    "import": _creates,
    "automatic": _replaces,
    "delete": _deletes,
    "suggest": _creates,
    "withdraw": _deletes,
    "accept": _alters,
    "reject": _deletes,
    "edit": _alters,
    "label": _alters,
    "reorder": _alters,
    "merge": _does,
    "split": _does,
    "undo": _does,
    "redo": _does,
}


def _check_kind(action: Action) -> None:
    kind = action.kind
    if kind != "state" and kind not in SHAPES:
        raise StoreError("invalid", f"{kind!r} is no kind of action")
    if (action.target is not None) != (kind in ("undo", "redo")):
        raise StoreError("invalid", f"an undo and a redo have a target, and not a {kind}")
    if action.target is not None:
        checked_id(action.target, "a target")
    if (action.state is not None) != (kind == "state"):
        raise StoreError("invalid", f"a state action says which state, and not a {kind}")
    if kind == "state":
        if action.state not in GIVEN_STATES or action.changes:
            states = ", ".join(GIVEN_STATES)
            raise StoreError("invalid", f"a state is one of {states}, without changes")
    elif not action.changes or not all(map(SHAPES[kind], action.changes)):
        raise StoreError("invalid", f"the changes of {action.id} are none that {kind} makes")
    if action.at.tzinfo is None:
        raise StoreError("invalid", f"the time of {action.id} does not say in which zone it is")


def _check_effort(effort: Effort) -> None:
    counts = (effort.clicks_add, effort.clicks_remove, effort.boxes, effort.strokes)
    if not all(0 <= count <= MOST_COUNTED for count in counts):
        raise StoreError("invalid", f"clicks, boxes and strokes are counted from 0 on: {counts}")
    if not 0 <= effort.seconds <= LONGEST_S:
        raise StoreError("invalid", f"{effort.seconds} seconds are not what an action takes")
    if effort.chosen not in (None, 0, 1, 2):
        raise StoreError("invalid", f"chosen is 0, 1, 2 or nothing, not {effort.chosen}")
    if effort.model_id:
        checked_text(effort.model_id, "the id of a model", LONGEST_MODEL_ID)
    try:
        length = len(json.dumps(effort.events, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        raise StoreError("invalid", "events are what JSON has") from None
    if length > LONGEST_EVENTS:
        raise StoreError("invalid", f"the events are larger than {LONGEST_EVENTS >> 20} MB")
