"""Why the file of an image can't be read."""

from __future__ import annotations

from alembic import op
from sqlalchemy import Column, Text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Nobody looked for faults before: they are found as the files are read."""
    op.add_column("images", Column("fault", Text))
