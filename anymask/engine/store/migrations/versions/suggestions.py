"""Suggested masks, the searches for them, and how many masks each action made and removed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy import Boolean, Column, Integer, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Nothing is suggested in a store of before; what its actions made, their changes say."""
    no = sa.false()
    op.add_column("versions", Column("is_suggested", Boolean, nullable=False, server_default=no))
    op.add_column("images", Column("suggestions", Integer, nullable=False, server_default="0"))
    op.create_index(
        "images_with_suggestions", "images", ["is_missing", "suggestions", "place", "id"]
    )
    op.create_table(
        "searches",
        Column("image_id", Integer, sa.ForeignKey("images.id"), primary_key=True),
        Column("source", Text, primary_key=True),
        Column("model_id", Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("searches_by_model", "searches", ["source", "model_id"])
    for name in ("made", "removed"):
        op.add_column("actions", Column(name, Integer, nullable=False, server_default="0"))
    for name, side in (("made", "version_before"), ("removed", "version_after")):
        op.execute(
            f"UPDATE actions SET {name} = (SELECT count(*) FROM changes"
            " WHERE changes.image_id = actions.image_id AND changes.number = actions.number"
            f" AND changes.{side} IS NULL) WHERE kind NOT IN ('undo', 'redo', 'state')"
        )
    op.execute("UPDATE actions SET made = 0 WHERE kind = 'import'")
