"""History: an image's log, as far as its undo and redo need it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from anymask.engine.store.log.stacks import Stacks, stacks
from anymask.engine.store.tables import ActionRow, ChangeRow
from anymask.engine.store.tallies import Account, Output
from anymask.engine.store.values import Action, ChangedIds
from anymask.errors import StoreError


@dataclass(frozen=True, slots=True)
class Step:
    """An action that changed masks, the tally that it belongs to, and what it adds there.

    output: an undo's and a redo's is their target's.
    """

    account: Account
    changes: tuple[ChangedIds, ...]
    output: Output


class History:
    """An image's log with actions appended to it. Only an undo or redo has it read."""

    def __init__(self, session: Session, image_id: int, actions: Sequence[Action]) -> None:
        self._session, self._image_id = session, image_id
        self._steps: dict[str, Step] = {}
        is_needed = any(action.target is not None for action in actions)
        self._stacks = self._read() if is_needed else Stacks()

    @property
    def is_taken_back(self) -> bool:
        """Whether nothing is left to undo; known after an undo or redo."""
        return not self._stacks.undo

    def append(self, action: Action, step: Step) -> tuple[Account, Output]:
        """Append an action; what it adds to which tally, an undo to its target's.

        Raises ``OutOfTurnError`` for an undo or redo that is not next, and ``StoreError`` for one
        that does not do what its target says.
        """
        self._stacks.push(action.id, action.kind, action.target)
        if action.target is None:
            self._steps[action.id] = step
            return step.account, step.output
        target = self._step(action.target)
        sign = -1 if action.kind == "undo" else 1
        expected = [turned(change) for change in target.changes] if sign < 0 else target.changes
        if set(expected) != set(step.changes):
            raise StoreError(
                "invalid", f"the {action.kind} of {action.target} has other changes than that has"
            )
        return target.account, target.output.times(sign)

    def _read(self) -> Stacks:
        query = (
            select(ActionRow.id, ActionRow.kind, ActionRow.target)
            .where(ActionRow.image_id == self._image_id)
            .order_by(ActionRow.number)
        )
        return stacks(self._session.execute(query))

    def _step(self, action_id: str) -> Step:
        if action_id not in self._steps:
            row = self._session.execute(
                select(
                    ActionRow.number,
                    ActionRow.kind,
                    ActionRow.stage,
                    ActionRow.day,
                    ActionRow.annotator_id,
                    ActionRow.model_id,
                    ActionRow.made,
                    ActionRow.removed,
                    ActionRow.automatic,
                ).where(ActionRow.image_id == self._image_id, ActionRow.id == action_id)
            ).one()
            changes = self._session.execute(
                select(ChangeRow.mask_id, ChangeRow.before, ChangeRow.after).where(
                    ChangeRow.image_id == self._image_id, ChangeRow.number == row.number
                )
            )
            account = Account(row.stage, row.day, row.annotator_id, row.model_id)
            changed = tuple(ChangedIds(*ids) for ids in changes)
            rejected = len(changed) if row.kind == "reject" else 0
            step = Step(account, changed, Output(row.made, row.removed, row.automatic, rejected))
            self._steps[action_id] = step
        return self._steps[action_id]


def turned(change: ChangedIds) -> ChangedIds:
    """The change back."""
    return ChangedIds(change.mask_id, change.after, change.before)
