"""Searches: which images the engine has looked through, and with which model."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from anymask.engine.store.images import summaries, summary_query
from anymask.engine.store.log.actions import apply_actions
from anymask.engine.store.tables import ImageRow, SearchRow
from anymask.engine.store.values import Action, Annotator, ImageSummary, State


def note_search(session: Session, image_id: int, source: str, model_id: str) -> None:
    """An image was looked through by a finder with a model; what it found is in the log."""
    session.merge(SearchRow(image_id=image_id, source=source, model_id=model_id))


def put_search(
    session: Session,
    image_id: int,
    annotator: Annotator,
    token: str,
    actions: Sequence[Action],
    *,
    source: str,
    model_id: str,
) -> None:
    """What was found in an image, and that it was looked for, at once (``apply_actions``)."""
    apply_actions(session, image_id, annotator, token, actions)
    note_search(session, image_id, source, model_id)


def unsearched(
    session: Session,
    source: str,
    model_id: str,
    states: Sequence[State],
    after: int = 0,
    limit: int = 100,
) -> list[ImageSummary]:
    """Images of some states that a finder has not looked through with a model, by their ids.

    after: the last id of the ones before.
    """
    of_image = and_(SearchRow.image_id == ImageRow.id, SearchRow.source == source)
    query = (
        summary_query()
        .outerjoin(SearchRow, of_image)
        .where(
            ImageRow.is_missing.is_(False),
            ImageRow.state.in_(states),
            ImageRow.id > after,
            or_(SearchRow.model_id.is_(None), SearchRow.model_id != model_id),
        )
        .order_by(ImageRow.id)
        .limit(limit)
    )
    return summaries(session, query)


def count_searched(session: Session, source: str, model_id: str) -> int:
    """How many images that are there a finder has looked through with a model."""
    query = (
        select(func.count())
        .select_from(SearchRow)
        .join(ImageRow, ImageRow.id == SearchRow.image_id)
        .where(
            SearchRow.source == source,
            SearchRow.model_id == model_id,
            ImageRow.is_missing.is_(False),
        )
    )
    return session.scalar(query) or 0
