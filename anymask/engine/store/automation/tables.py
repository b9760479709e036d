"""Tables of the data engine: its stages, models, runs and audits."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, text
from sqlalchemy.orm import Mapped, mapped_column

from anymask.engine.store.tables import ID, Table

RUNNING = text("state = 'running'")


class StageRow(Table):
    """That the project entered a stage (*Segment Anything* §4), for a reason."""

    __tablename__ = "stages"

    number: Mapped[int] = mapped_column(primary_key=True)
    stage: Mapped[str]
    entered_at: Mapped[datetime]
    reason: Mapped[str]


class ModelRow(Table):
    """A model that the engine trained.

    kind: ``sam`` or ``detector``. path: its checkpoint. parent_id: what it was trained from, or
    whose embeddings it reads. state: ``candidate``, ``promoted`` or ``refused``; the promoted one
    of the highest number is in use. figures: what it was measured by.
    """

    __tablename__ = "models"

    number: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str]
    model_id: Mapped[str]
    path: Mapped[str]
    parent_id: Mapped[str | None]
    state: Mapped[str]
    made_at: Mapped[datetime]
    decided_at: Mapped[datetime | None]
    figures: Mapped[Any] = mapped_column(JSON)


class RunRow(Table):
    """A piece of the engine's work, of which one of a kind runs at a time.

    state: ``running``, ``ended``, ``stopped``, ``failed`` or ``lost``. seen_at: when its process
    last said that it lives.
    """

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    kind: Mapped[str]
    state: Mapped[str]
    host: Mapped[str]
    process: Mapped[int]
    started_at: Mapped[datetime]
    seen_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    done: Mapped[int]
    total: Mapped[int | None]
    note: Mapped[str]

    __table_args__ = (
        Index(
            "one_run_a_kind", "kind", unique=True, sqlite_where=RUNNING, postgresql_where=RUNNING
        ),
    )


class AuditRow(Table):
    """A look of annotators at automatic masks (§5). figures: once it is ended."""

    __tablename__ = "audits"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    started_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    seed: Mapped[int]
    figures: Mapped[Any | None] = mapped_column(JSON)


class AuditedMaskRow(Table):
    """A mask that is audited, and which of its versions was found automatically."""

    __tablename__ = "audited_masks"

    audit_id: Mapped[str] = mapped_column(ID, ForeignKey("audits.id"), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    mask_id: Mapped[str] = mapped_column(ID, primary_key=True)
    version_id: Mapped[str] = mapped_column(ID)

    __table_args__ = ({"sqlite_with_rowid": False},)
