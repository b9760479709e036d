"""Documents: all of an image that a page works on, of one moment."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from anymask.engine.store.automation.audits import is_audited
from anymask.engine.store.images import image_summary
from anymask.engine.store.log.actions import log_of
from anymask.engine.store.masks import masks_of
from anymask.engine.store.notes import notes_of
from anymask.engine.store.values import ImageDocument


def document(session: Session, image_id: int, now: datetime | None = None) -> ImageDocument:
    """An image with its masks, its log and its notes. Raises ``StoreError``."""
    return ImageDocument(
        image=image_summary(session, image_id, now),
        masks=tuple(masks_of(session, image_id)),
        log=log_of(session, image_id),
        notes=tuple(notes_of(session, image_id)),
        is_audited=is_audited(session, image_id),
    )
