"""Notes: a reviewer's words, pinned to a place of an image."""

from __future__ import annotations

import math
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from anymask.engine.store.checks import checked_id, checked_text
from anymask.engine.store.clock import current_time
from anymask.engine.store.images import no_image
from anymask.engine.store.tables import AnnotatorRow, ImageRow, NoteRow
from anymask.engine.store.values import Annotator, Note
from anymask.errors import StoreError

LONGEST_TEXT = 4_000


def add_note(
    session: Session,
    note_id: str,
    image_id: int,
    annotator: Annotator,
    text: str,
    x: float,
    y: float,
) -> Note:
    """Pin words to a place, in pixels; the same id again changes nothing. Raises ``StoreError``."""
    note_id = checked_id(note_id, "a note")
    known = session.get(NoteRow, note_id)
    if known is not None:
        return _value(known, _name(session, known.annotator_id))
    image = session.get(ImageRow, image_id)
    if image is None:
        raise no_image(image_id)
    checked_text(text, "a note", LONGEST_TEXT)
    width, height = image.width or math.inf, image.height or math.inf
    if not (0 <= x <= width and 0 <= y <= height and math.isfinite(x) and math.isfinite(y)):
        raise StoreError("invalid", f"({x}, {y}) is no place in {image.name}")
    row = NoteRow(
        id=note_id,
        image_id=image_id,
        annotator_id=annotator.id,
        text=text,
        x=x,
        y=y,
        is_resolved=False,
        created_at=current_time(),
    )
    session.add(row)
    session.flush()
    return _value(row, annotator.name)


def resolve_note(session: Session, note_id: str, *, is_resolved: bool = True) -> Note:
    """Note that it was seen to, or that it was not. Raises ``StoreError``."""
    row = session.get(NoteRow, checked_id(note_id, "a note"), with_for_update=True)
    if row is None:
        raise StoreError("not_found", f"there is no note {note_id}")
    row.is_resolved = is_resolved
    return _value(row, _name(session, row.annotator_id))


def notes_of(session: Session, image_id: int) -> Sequence[Note]:
    """All notes of an image, as they were made."""
    query = (
        select(NoteRow, AnnotatorRow.name)
        .join(AnnotatorRow, NoteRow.annotator_id == AnnotatorRow.id)
        .where(NoteRow.image_id == image_id)
        .order_by(NoteRow.created_at, NoteRow.id)
    )
    return [_value(row, name) for row, name in session.execute(query)]


def _name(session: Session, annotator_id: int) -> str:
    return session.get_one(AnnotatorRow, annotator_id).name


def _value(row: NoteRow, annotator: str) -> Note:
    return Note(
        row.id, row.image_id, row.text, row.x, row.y, annotator, row.created_at, row.is_resolved
    )
