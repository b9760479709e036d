"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Date, Double, Integer, Text

revision = "0001"
down_revision = None

ID = sa.Uuid(as_uuid=False)
NAME = Text().with_variant(Text(collation="C"), "postgresql")


def upgrade() -> None:
    """Make every table."""
    _project_tables()
    _image_tables()
    _mask_tables()
    _log_tables()
    _tally_tables()


def _project_tables() -> None:
    op.create_table(
        "settings",
        Column("name", Text, primary_key=True),
        Column("value", sa.JSON, nullable=False),
    )
    op.create_table(
        "annotators",
        Column("id", Integer, primary_key=True),
        Column("name", Text, nullable=False, unique=True),
        Column("role", Text, nullable=False),
        Column("token_sha256", Text, unique=True),
        Column("is_active", Boolean, nullable=False),
        Column("created_at", BigInteger, nullable=False),
    )
    op.create_table(
        "labels",
        Column("id", Integer, primary_key=True),
        Column("name", Text, nullable=False),
        Column("color", Text, nullable=False),
        Column("hotkey", Text),
        Column("place", Integer, nullable=False),
        Column("is_removed", Boolean, nullable=False),
    )


def _image_tables() -> None:
    op.create_table(
        "images",
        Column("id", Integer, primary_key=True),
        Column("name", NAME, nullable=False, unique=True),
        Column("place", NAME, nullable=False),
        Column("folded", Text, nullable=False),
        Column("width", Integer),
        Column("height", Integer),
        Column("state", Text, nullable=False),
        Column("masks", Integer, nullable=False),
        Column("revision", Integer, nullable=False),
        Column("is_missing", Boolean, nullable=False),
        Column("annotator_id", Integer, sa.ForeignKey("annotators.id")),
        Column("updated_at", BigInteger, nullable=False),
        Column("lease_annotator_id", Integer, sa.ForeignKey("annotators.id")),
        Column("lease_token_sha256", Text),
        Column("lease_expires_at", BigInteger),
    )
    for name, *columns in (
        ("images_by_place", "place", "id", "folded"),
        ("images_counted", "state", "masks"),
        ("images_by_state", "state", "place", "id"),
        ("images_by_annotator", "annotator_id", "place", "id"),
    ):
        op.create_index(name, "images", ["is_missing", *columns])
    op.create_table(
        "notes",
        Column("id", ID, primary_key=True),
        Column("image_id", Integer, sa.ForeignKey("images.id"), nullable=False, index=True),
        Column("annotator_id", Integer, sa.ForeignKey("annotators.id"), nullable=False),
        Column("text", Text, nullable=False),
        Column("x", Double, nullable=False),
        Column("y", Double, nullable=False),
        Column("is_resolved", Boolean, nullable=False),
        Column("created_at", BigInteger, nullable=False),
    )


def _mask_tables() -> None:
    op.create_table(
        "masks",
        Column("image_id", Integer, sa.ForeignKey("images.id"), primary_key=True),
        Column("id", ID, primary_key=True),
        Column("version_id", ID),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "versions",
        Column("image_id", Integer, primary_key=True),
        Column("id", ID, primary_key=True),
        Column("mask_id", ID, nullable=False),
        Column("label_id", Integer, sa.ForeignKey("labels.id")),
        Column("group_name", Text),
        Column("z", Integer, nullable=False),
        Column("source", Text, nullable=False),
        Column("predicted_iou", Double),
        Column("x", Integer, nullable=False),
        Column("y", Integer, nullable=False),
        Column("width", Integer, nullable=False),
        Column("height", Integer, nullable=False),
        Column("area", BigInteger, nullable=False),
        Column("counts", Text, nullable=False),
        sa.ForeignKeyConstraint(["image_id", "mask_id"], ["masks.image_id", "masks.id"]),
    )
    op.create_table(
        "labelled",
        Column("label_id", Integer, sa.ForeignKey("labels.id"), primary_key=True),
        Column("image_id", Integer, sa.ForeignKey("images.id"), primary_key=True),
        Column("masks", Integer, nullable=False),
        sqlite_with_rowid=False,
    )


def _log_tables() -> None:
    op.create_table(
        "actions",
        Column("image_id", Integer, sa.ForeignKey("images.id"), primary_key=True),
        Column("number", Integer, primary_key=True),
        Column("id", ID, nullable=False),
        Column("kind", Text, nullable=False),
        Column("target", ID),
        Column("state", Text),
        Column("annotator_id", Integer, sa.ForeignKey("annotators.id"), nullable=False),
        Column("at", BigInteger, nullable=False),
        Column("received_at", BigInteger, nullable=False),
        Column("day", Date, nullable=False),
        Column("model_id", Text, nullable=False),
        Column("seconds", Double, nullable=False),
        Column("clicks_add", Integer, nullable=False),
        Column("clicks_remove", Integer, nullable=False),
        Column("boxes", Integer, nullable=False),
        Column("strokes", Integer, nullable=False),
        Column("chosen", Integer),
        Column("events", sa.JSON, nullable=False),
        sa.UniqueConstraint("image_id", "id"),
    )
    op.create_table(
        "changes",
        Column("image_id", Integer, primary_key=True),
        Column("number", Integer, primary_key=True),
        Column("mask_id", ID, primary_key=True),
        Column("version_before", ID),
        Column("version_after", ID),
        sa.ForeignKeyConstraint(["image_id", "number"], ["actions.image_id", "actions.number"]),
        sqlite_with_rowid=False,
    )


def _tally_tables() -> None:
    def key() -> list[Column[object]]:
        return [
            Column("day", Date, primary_key=True),
            Column("annotator_id", Integer, sa.ForeignKey("annotators.id"), primary_key=True),
            Column("model_id", Text, primary_key=True),
        ]

    sums = (
        "images", "masks", "removed", "actions", "clicks_add", "clicks_remove", "boxes", "strokes",
        "whole", "part", "subpart",
    )  # fmt: skip
    op.create_table(
        "tallies",
        *key(),
        Column("seconds", Double, nullable=False),
        *(Column(name, Integer, nullable=False) for name in sums),
    )
    op.create_table(
        "tallied_images",
        *key(),
        Column("image_id", Integer, sa.ForeignKey("images.id"), primary_key=True),
        sqlite_with_rowid=False,
    )
