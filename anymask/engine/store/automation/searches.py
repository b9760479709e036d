"""Searches: which images the engine has looked through, and with which model."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, and_, func, or_, select
from sqlalchemy.orm import Session

from anymask.engine.store.annotators import engine_id
from anymask.engine.store.automation.audits import audited_ids
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

    Not those that are held out: what is measured by their masks must have no part in them.

    after: the last id of the ones before.
    """
    query = (
        summary_query()
        .outerjoin(SearchRow, _search_by(source))
        .where(*_still_open(model_id, states), ImageRow.id > after)
        .order_by(ImageRow.id)
        .limit(limit)
    )
    return summaries(session, query)


def unfilled(
    session: Session,
    source: str,
    model_id: str,
    states: Sequence[State],
    after: int = 0,
    limit: int = 100,
) -> list[ImageSummary]:
    """Images whose masks a finder may make by itself and has not with a model, by their ids.

    Those of some states, and those that it did with another model and nobody worked on since. None
    that is held out, and none that is audited. after: the last id of the ones before.
    """
    is_its_own = and_(
        SearchRow.model_id.is_not(None),
        ImageRow.state == "done",
        ImageRow.annotator_id == engine_id(),
    )
    query = (
        summary_query()
        .outerjoin(SearchRow, _search_by(source))
        .where(
            *_not_looked_through(model_id),
            or_(ImageRow.state.in_(states), is_its_own),
            ImageRow.id > after,
        )
        .order_by(ImageRow.id)
        .limit(limit)
    )
    return summaries(session, query)


def count_open(session: Session, source: str, model_id: str, states: Sequence[State]) -> int:
    """How many images ``unsearched`` gives in all."""
    query = (
        select(func.count())
        .select_from(ImageRow)
        .outerjoin(SearchRow, _search_by(source))
        .where(*_still_open(model_id, states))
    )
    return session.scalar(query) or 0


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


def _search_by(source: str) -> ColumnElement[bool]:
    return and_(SearchRow.image_id == ImageRow.id, SearchRow.source == source)


def _still_open(model_id: str, states: Sequence[State]) -> list[ColumnElement[bool]]:
    return [ImageRow.state.in_(states), *_not_looked_through(model_id)]


def _not_looked_through(model_id: str) -> list[ColumnElement[bool]]:
    """That a model has not looked through an image where the engine may."""
    return [
        ImageRow.is_missing.is_(False),
        ImageRow.is_held_out.is_(False),
        ImageRow.id.not_in(audited_ids()),
        or_(SearchRow.model_id.is_(None), SearchRow.model_id != model_id),
    ]
