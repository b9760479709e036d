"""Stages, models, runs and audits of the data engine; tallies are told apart by stage."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Integer, Text

revision = "0005"
down_revision = "0004"

ID = sa.Uuid(as_uuid=False)
FIRST_STAGE = "assisted-manual"
SUMS = (
    "images", "masks", "removed", "actions", "clicks_add", "clicks_remove", "boxes", "strokes",
    "whole", "part", "subpart",
)  # fmt: skip


def upgrade() -> None:
    """What was done before is of the first stage, and no mask of it is automatic."""
    _columns()
    _engine_tables()
    _audit_tables()
    _tallies()


def _columns() -> None:
    no = sa.false()
    op.add_column("images", Column("rank", Integer, nullable=False, server_default="0"))
    op.add_column("images", Column("is_held_out", Boolean, nullable=False, server_default=no))
    ranked = ["is_missing", "state", "rank", "place", "id", "suggestions"]
    op.create_index("images_by_rank", "images", ranked)
    op.create_index("images_held_out", "images", ["is_held_out", "is_missing", "id"])
    op.add_column("versions", Column("stability_score", Double))
    op.add_column("actions", Column("stage", Text, nullable=False, server_default=FIRST_STAGE))
    op.add_column("actions", Column("automatic", Integer, nullable=False, server_default="0"))


def _engine_tables() -> None:
    op.create_table(
        "stages",
        Column("number", Integer, primary_key=True),
        Column("stage", Text, nullable=False),
        Column("entered_at", BigInteger, nullable=False),
        Column("reason", Text, nullable=False),
    )
    op.create_table(
        "models",
        Column("number", Integer, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("model_id", Text, nullable=False),
        Column("path", Text, nullable=False),
        Column("parent_id", Text),
        Column("state", Text, nullable=False),
        Column("made_at", BigInteger, nullable=False),
        Column("decided_at", BigInteger),
        Column("figures", sa.JSON, nullable=False),
    )
    op.create_table(
        "runs",
        Column("id", ID, primary_key=True),
        Column("kind", Text, nullable=False),
        Column("state", Text, nullable=False),
        Column("host", Text, nullable=False),
        Column("process", Integer, nullable=False),
        Column("started_at", BigInteger, nullable=False),
        Column("seen_at", BigInteger, nullable=False),
        Column("ended_at", BigInteger),
        Column("done", Integer, nullable=False),
        Column("total", Integer),
        Column("note", Text, nullable=False),
    )
    running = sa.text("state = 'running'")
    op.create_index(
        "one_run_a_kind",
        "runs",
        ["kind"],
        unique=True,
        sqlite_where=running,
        postgresql_where=running,
    )


def _audit_tables() -> None:
    op.create_table(
        "audits",
        Column("id", ID, primary_key=True),
        Column("started_at", BigInteger, nullable=False),
        Column("ended_at", BigInteger),
        Column("seed", Integer, nullable=False),
        Column("figures", sa.JSON),
    )
    op.create_table(
        "audited_masks",
        Column("audit_id", ID, sa.ForeignKey("audits.id"), primary_key=True),
        Column("image_id", Integer, sa.ForeignKey("images.id"), primary_key=True),
        Column("mask_id", ID, primary_key=True),
        Column("version_id", ID, nullable=False),
        sqlite_with_rowid=False,
    )


def _tallies() -> None:
    """A key can't be changed in SQLite: the rows move to a new table."""

    def key() -> list[Column[object]]:
        return [
            Column("stage", Text, primary_key=True),
            Column("day", Date, primary_key=True),
            Column("annotator_id", Integer, sa.ForeignKey("annotators.id"), primary_key=True),
            Column("model_id", Text, primary_key=True),
        ]

    op.create_table(
        "stage_tallies",
        *key(),
        Column("seconds", Double, nullable=False),
        *(Column(name, Integer, nullable=False) for name in SUMS),
        Column("automatic", Integer, nullable=False),
        Column("rejected", Integer, nullable=False),
    )
    op.create_table(
        "stage_tallied_images",
        *key(),
        Column("image_id", Integer, sa.ForeignKey("images.id"), primary_key=True),
        sqlite_with_rowid=False,
    )
    kept = ", ".join(("day", "annotator_id", "model_id", "seconds", *SUMS))
    op.execute(
        f"INSERT INTO stage_tallies (stage, {kept}, automatic, rejected)"
        f" SELECT '{FIRST_STAGE}', {kept}, 0, 0 FROM tallies"
    )
    kept = "day, annotator_id, model_id, image_id"
    op.execute(
        f"INSERT INTO stage_tallied_images (stage, {kept})"
        f" SELECT '{FIRST_STAGE}', {kept} FROM tallied_images"
    )
    for name in ("tallies", "tallied_images"):
        op.drop_table(name)
        op.rename_table(f"stage_{name}", name)
