"""Models: those that the engine trained, what they were measured by, and which is in use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, cast

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from anymask.engine.store.automation.tables import ModelRow
from anymask.engine.store.clock import current_time
from anymask.errors import StoreError

ModelKind = Literal["sam", "detector"]
ModelState = Literal["candidate", "promoted", "refused"]


@dataclass(frozen=True, slots=True)
class EngineModel:
    """A model that the engine trained.

    model_id: name and hash, as embeddings and actions carry them. path: of its checkpoint.
    parent_id: the model it was trained from, or whose embeddings it reads. state: whether it is in
    use, or why not. figures: what it was measured by, and what it learned from, as JSON has it.
    """

    number: int
    kind: ModelKind
    model_id: str
    path: str
    parent_id: str | None
    state: ModelState
    made_at: datetime
    decided_at: datetime | None
    figures: Mapping[str, Any]

    @property
    def encoder_id(self) -> str:
        """The model that makes the same embeddings: this one, unless its encoder is another's."""
        return str(self.figures.get("encoder_id") or self.model_id)


def model_in_use(session: Session, kind: ModelKind) -> EngineModel | None:
    """The one that was promoted last; None where none was."""
    return _first(session, ModelRow.kind == kind, ModelRow.state == "promoted")


def last_model(session: Session, kind: ModelKind) -> EngineModel | None:
    """The one that was made last, also if it was refused."""
    return _first(session, ModelRow.kind == kind)


def model_of_id(session: Session, model_id: str) -> EngineModel | None:
    """The one of a name and hash."""
    return _first(session, ModelRow.model_id == model_id)


def list_models(session: Session) -> Sequence[EngineModel]:
    """All of them, the last first."""
    return [_model(row) for row in session.scalars(select(ModelRow).order_by(_LAST_FIRST))]


def next_number(session: Session) -> int:
    """The number of the model to come."""
    return (session.scalar(select(func.max(ModelRow.number))) or 0) + 1


def add_model(
    session: Session,
    number: int,
    kind: ModelKind,
    model_id: str,
    path: str,
    *,
    parent_id: str | None,
    state: ModelState,
    figures: Mapping[str, Any],
) -> EngineModel:
    """Note a model under the number that ``next_number`` gave.

    One of the same id is noted once. Raises ``StoreError`` where the number is taken.
    """
    known = model_of_id(session, model_id)
    if known is not None:
        return known
    if session.get(ModelRow, number) is not None:
        raise StoreError("conflict", f"there is a model {number} already")
    now = current_time()
    row = ModelRow(
        number=number,
        kind=kind,
        model_id=model_id,
        path=path,
        parent_id=parent_id,
        state=state,
        made_at=now,
        decided_at=None if state == "candidate" else now,
        figures=json.loads(json.dumps(figures)),  # as it will be read
    )
    session.add(row)
    session.flush()
    return _model(row)


def decide(session: Session, number: int, state: ModelState) -> EngineModel:
    """Promote a model, or refuse it. Raises ``StoreError`` where there is none of that number."""
    row = session.get(ModelRow, number)
    if row is None:
        raise StoreError("not_found", f"there is no model {number}")
    row.state, row.decided_at = state, current_time()
    session.flush()
    return _model(row)


_LAST_FIRST = ModelRow.number.desc()


def _first(session: Session, *conditions: Any) -> EngineModel | None:
    query = select(ModelRow).where(*conditions).order_by(_LAST_FIRST).limit(1)
    row = session.scalar(query)
    return None if row is None else _model(row)


def _model(row: ModelRow) -> EngineModel:
    return EngineModel(
        row.number,
        cast(ModelKind, row.kind),
        row.model_id,
        row.path,
        row.parent_id,
        cast(ModelState, row.state),
        row.made_at,
        row.decided_at,
        row.figures,
    )
