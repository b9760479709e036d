"""Ranks: the order in which images come to annotators, lowest first, then by their place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session

from anymask.engine.store.settings import put_setting, setting
from anymask.engine.store.tables import ImageRow, table_of
from anymask.engine.store.values import State

CHOICE = "choice"  # the setting: by what the order was chosen
WORKED_ON: tuple[State, ...] = ("started", "done", "returned", "accepted")
UNRANKED = 1 << 30  # of an image that comes after a choice: behind those that were chosen


@dataclass(frozen=True, slots=True)
class Choosable:
    """An image that can be chosen, or that others are compared with."""

    id: int
    name: str
    is_held_out: bool


def choosable_images(session: Session) -> tuple[Choosable, ...]:
    """Images that nobody began, by their places."""
    return _listed(session, ImageRow.state == "new")


def learned_images(session: Session) -> tuple[Choosable, ...]:
    """Images with masks of which a model learns, by their places."""
    return _listed(
        session,
        ImageRow.state.in_(WORKED_ON),
        ImageRow.masks > 0,
        ImageRow.is_held_out.is_(False),
    )


def put_ranks(session: Session, ranks: Sequence[tuple[int, int]]) -> None:
    """Give images ranks: pairs of an image's id and its rank."""
    images = table_of(ImageRow)
    query = update(images).where(images.c.id == bindparam("image")).values(rank=bindparam("to"))
    if ranks:
        session.connection().execute(query, [{"image": i, "to": rank} for i, rank in ranks])


def note_choice(session: Session, choice: dict[str, Any] | None) -> None:
    """Note by what the order was chosen; None for that of the list.

    What was begun comes before what was chosen; what an audit puts first stays there.
    """
    put_setting(session, CHOICE, choice)
    query = update(ImageRow).where(ImageRow.state != "new", ImageRow.rank > 0).values(rank=0)
    session.execute(query.execution_options(synchronize_session=False))


def rank_of_new(session: Session) -> int:
    """The rank of an image that comes now."""
    return UNRANKED if setting(session, CHOICE) else 0


def _listed(session: Session, *conditions: Any) -> tuple[Choosable, ...]:
    query = (
        select(ImageRow.id, ImageRow.name, ImageRow.is_held_out)
        .where(ImageRow.is_missing.is_(False), *conditions)
        .order_by(ImageRow.place, ImageRow.id)
    )
    return tuple(Choosable(*row) for row in session.execute(query))
