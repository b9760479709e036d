"""Answers: what people said of the masks that a source suggested."""

from __future__ import annotations

from typing import Literal

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from anymask.engine.store.masks import version_value
from anymask.engine.store.tables import ActionRow, ChangeRow, ImageRow, MaskRow, VersionRow
from anymask.engine.store.values import Version


def answered(
    session: Session, source: str, kind: Literal["accept", "reject"], limit: int
) -> list[tuple[int, Version]]:
    """The suggestions of a source that people accepted, or rejected, with their images' ids.

    The last answered come first. Not those whose answer was taken back.
    """
    # An undo makes it what was suggested again.
    now = MaskRow.version_id.is_(None) if kind == "reject" else MaskRow.version_id != VersionRow.id
    query = (
        select(VersionRow, ImageRow.height, ImageRow.width)
        .join(
            ChangeRow,
            and_(ChangeRow.image_id == VersionRow.image_id, ChangeRow.before == VersionRow.id),
        )
        .join(
            ActionRow,
            and_(ActionRow.image_id == ChangeRow.image_id, ActionRow.number == ChangeRow.number),
        )
        .join(
            MaskRow, and_(MaskRow.image_id == VersionRow.image_id, MaskRow.id == VersionRow.mask_id)
        )
        .join(ImageRow, ImageRow.id == VersionRow.image_id)
        .where(
            ActionRow.kind == kind,
            VersionRow.source == source,
            VersionRow.is_suggested.is_(True),
            now,
        )
        .order_by(ActionRow.received_at.desc())
        .limit(limit)
    )
    return [
        (row.image_id, version_value(row, (height or 0, width or 0)))
        for row, height, width in session.execute(query)
    ]
