"""Held out: images that no model learns from, so that models can be measured with them.

Their own names decide which they are: an image that comes later changes nothing for the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from sqlalchemy import exists, func, select, update
from sqlalchemy.orm import Session

from anymask.engine.store.settings import put_setting, setting
from anymask.engine.store.tables import ImageRow, SearchRow
from anymask.engine.store.values import FINISHED
from anymask.errors import StoreError

HELD_OUT_FRACTION = "held_out_fraction"  # the setting
DEFAULT_FRACTION = 0.1
AT_ONCE = 1_000
SCALE = 1 << 64


def is_held_out(name: str, fraction: float) -> bool:
    """Whether an image of this name is, of the images that a fraction of all are."""
    digest = hashlib.sha256(b"held out " + name.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") < fraction * SCALE


def held_out_fraction(session: Session) -> float:
    """The fraction that was set; 0 where nothing is held out yet."""
    return float(setting(session, HELD_OUT_FRACTION, 0.0))


def hold_out(session: Session, fraction: float) -> int:
    """Hold a fraction of the images out, also of those to come; how many are now.

    An image that a finder has looked through stays as it is: its masks are not people's alone.
    Raises ``StoreError`` for a fraction that is none.
    """
    if not 0 < fraction < 1:
        raise StoreError("invalid", f"{fraction} is no fraction of the images: between 0 and 1")
    put_setting(session, HELD_OUT_FRACTION, fraction)
    searched = exists().where(SearchRow.image_id == ImageRow.id)
    query = select(ImageRow.id, ImageRow.name, ImageRow.is_held_out, searched)
    changed: dict[bool, list[int]] = {True: [], False: []}
    count = 0
    for image_id, name, is_now, is_searched in session.execute(query):
        wanted = is_now if is_searched else is_held_out(name, fraction)
        count += wanted
        if wanted != is_now:
            changed[wanted].append(image_id)
    for wanted, ids in changed.items():
        _mark(session, ids, wanted)
    return count


def count_learnable(session: Session) -> tuple[int, int]:
    """How many finished images may be learned from, and how many masks they have."""
    return _counted(session, held_out=False)


def count_held_out(session: Session) -> tuple[int, int]:
    """How many finished images are held out, and how many masks they have."""
    return _counted(session, held_out=True)


def _counted(session: Session, *, held_out: bool) -> tuple[int, int]:
    query = select(func.count(), func.sum(ImageRow.masks)).where(
        ImageRow.is_held_out.is_(held_out),
        ImageRow.is_missing.is_(False),
        ImageRow.state.in_(FINISHED),
        ImageRow.masks > 0,
    )
    images, masks = session.execute(query).one()
    return int(images), int(masks or 0)


def _mark(session: Session, ids: Sequence[int], wanted: bool) -> None:
    for first in range(0, len(ids), AT_ONCE):
        some = ids[first : first + AT_ONCE]
        query = update(ImageRow).where(ImageRow.id.in_(some)).values(is_held_out=wanted)
        session.execute(query.execution_options(synchronize_session=False))
