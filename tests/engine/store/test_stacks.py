"""The stacks against a person who keeps a list and a finger on it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anymask.engine.store.log.stacks import OutOfTurnError, Stacks, stacks

Entry = tuple[str, str, str | None]
STEPS = st.lists(st.sampled_from(["add", "edit", "state", "undo", "redo"]), max_size=40)


class Finger:
    """All that was done, in a list, and how far it holds: the naive model."""

    def __init__(self) -> None:
        self.done: list[str] = []
        self.at = 0

    def do(self, action_id: str) -> None:
        self.done = [*self.done[: self.at], action_id]
        self.at += 1

    def undo(self) -> str | None:
        if self.at == 0:
            return None
        self.at -= 1
        return self.done[self.at]

    def redo(self) -> str | None:
        if self.at == len(self.done):
            return None
        self.at += 1
        return self.done[self.at - 1]


def played(steps: list[str]) -> tuple[list[Entry], Finger]:
    """The log of somebody who does these things; an undo of nothing is not done."""
    log: list[Entry] = []
    finger = Finger()
    for number, kind in enumerate(steps):
        action_id = f"{kind}{number}"
        if kind in ("undo", "redo"):
            target = finger.undo() if kind == "undo" else finger.redo()
            if target is not None:
                log.append((action_id, kind, target))
        else:
            if kind != "state":
                finger.do(action_id)
            log.append((action_id, kind, None))
    return log, finger


@given(STEPS)
def test_stacks_are_what_a_list_and_a_finger_give(steps: list[str]) -> None:
    log, finger = played(steps)
    both = stacks(log)
    assert both.undo == finger.done[: finger.at]
    assert both.redo == finger.done[finger.at :][::-1]


@given(STEPS, st.sampled_from(["undo", "redo"]), st.integers(0, 40))
def test_only_the_next_one_can_be_undone_or_redone(steps: list[str], kind: str, n: int) -> None:
    log, finger = played(steps)
    both = stacks(log)
    target = f"add{n}"
    next_ = (both.undo if kind == "undo" else both.redo)[-1:]
    if next_ == [target]:
        both.push("x", kind, target)
        return
    before = Stacks(list(both.undo), list(both.redo))
    with pytest.raises(OutOfTurnError):
        both.push("x", kind, target)
    assert both == before, "a refused one changes nothing"
    assert finger.done[: finger.at] == both.undo
