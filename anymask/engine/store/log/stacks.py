"""Stacks: what can be undone and redone next, read off an image's log alone.

So both survive a reload and a killed browser: there is nothing else to keep.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

# What stays out of both stacks: a kind that changes no mask, and what the engine does.
UNTOUCHED = ("state", "suggest", "withdraw", "automatic")


class OutOfTurnError(ValueError):
    """An undo or redo of another action than the next one."""


@dataclass(slots=True)
class Stacks:
    """Ids of actions, the next one last.

    Doing pushes on ``undo`` and empties ``redo``; an undo moves an action from ``undo`` to
    ``redo``, a redo moves it back.
    """

    undo: list[str] = field(default_factory=list)
    redo: list[str] = field(default_factory=list)

    def push(self, action_id: str, kind: str, target: str | None) -> None:
        """Take in the next action of the log. Raises ``OutOfTurnError``, and changes nothing."""
        if kind == "undo":
            _move(target, self.undo, self.redo)
        elif kind == "redo":
            _move(target, self.redo, self.undo)
        elif kind not in UNTOUCHED:
            self.undo.append(action_id)
            self.redo.clear()


def stacks(log: Iterable[tuple[str, str, str | None]]) -> Stacks:
    """The stacks after a log of (id, kind, target). Raises ``OutOfTurnError``."""
    both = Stacks()
    for action_id, kind, target in log:
        both.push(action_id, kind, target)
    return both


def _move(target: str | None, source: list[str], goal: list[str]) -> None:
    if not source or source[-1] != target:
        expected = source[-1] if source else "nothing"
        raise OutOfTurnError(f"{target} is not next: {expected} is")
    goal.append(source.pop())
