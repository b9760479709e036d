"""Which file the masks of an image were drawn on."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Text

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Of before, nobody knows: it is the file that is there when somebody next looks."""
    op.add_column("images", Column("fingerprint", Text))
