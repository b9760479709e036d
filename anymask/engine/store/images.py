"""Images: lists of them in pages, counts, one of them, and the next one to work on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select, tuple_
from sqlalchemy.orm import Session, aliased

from anymask.engine.store.annotators import engine_id
from anymask.engine.store.automation.stages import current_stage
from anymask.engine.store.checks import checked_text
from anymask.engine.store.clock import current_time
from anymask.engine.store.naming import folded
from anymask.engine.store.settings import setting
from anymask.engine.store.tables import AnnotatorRow, ImageRow, LabelledRow
from anymask.engine.store.values import (
    STAGES,
    STATES,
    Annotator,
    Counts,
    ImageFilter,
    ImagePage,
    ImageSummary,
    LeaseHolder,
    Stage,
    State,
)
from anymask.errors import StoreError

MOST_IMAGES = 1_000  # of a page
LARGEST_SIDE = 1 << 20
LONGEST_TEXT = 1_000
ALL = ImageFilter()

PREFILLED: Stage = STAGES[1]
SUGGESTIONS_FIRST = "suggestions_first"  # a setting: somebody asked for some
QUEUE = (ImageRow.rank, ImageRow.place, ImageRow.id)  # what comes to annotators in which order


def list_images(
    session: Session,
    images: ImageFilter = ALL,
    after: str | None = None,
    limit: int = 100,
    now: datetime | None = None,
) -> ImagePage:
    """A page of a list, sorted as people count: ``img2`` before ``img10``.

    after: ``next`` of the page before. limit: 1 to 1000. Raises ``StoreError`` for a cursor that is
    none.
    """
    limit = max(1, min(limit, MOST_IMAGES))
    wanted = conditions_of(images)
    total = session.scalar(select(func.count()).select_from(ImageRow).where(*wanted)) or 0
    if after is not None:
        wanted.append(_behind(session, _cursor(after)))
    query = summary_query().where(*wanted).order_by(ImageRow.place, ImageRow.id).limit(limit + 1)
    found = summaries(session, query, now)
    more = len(found) > limit
    page = found[:limit]
    return ImagePage(tuple(page), str(page[-1].id) if more else None, total)


def count_images(session: Session) -> Counts:
    """The images that are there, by state, and the masks in them."""
    query = (
        select(ImageRow.state, func.count(), func.sum(ImageRow.masks))
        .where(ImageRow.is_missing.is_(False))
        .group_by(ImageRow.state)
    )
    rows = {state: (images, masks) for state, images, masks in session.execute(query)}
    return Counts(
        images=sum(images for images, _ in rows.values()),
        masks=sum(masks for _, masks in rows.values()),
        states={state: rows.get(state, (0, 0))[0] for state in STATES},
    )


def image_summary(session: Session, image_id: int, now: datetime | None = None) -> ImageSummary:
    """One image. Raises ``StoreError``."""
    found = summaries(session, summary_query().where(ImageRow.id == image_id), now)
    if not found:
        raise no_image(image_id)
    return found[0]


def next_image(
    session: Session,
    annotator: Annotator,
    after: int | None = None,
    *,
    review: bool = False,
    now: datetime | None = None,
) -> ImageSummary | None:
    """The next image to work on that no other holds, behind ``after`` and then from the top.

    They stand by rank, then by place; those of a negative rank come wherever ``after`` is. In stage
    2, and once somebody had what is like a mask sought, images with suggestions come first. First
    what is new, what this annotator began or got back, and what came back that the engine did; then
    what others left. review: of the images that are done, those of others first. None if nothing is
    left.
    """
    free = or_(
        ImageRow.lease_expires_at.is_(None),
        ImageRow.lease_expires_at < (now or current_time()),
        ImageRow.lease_annotator_id == annotator.id,
    )
    own = ImageRow.annotator_id == annotator.id
    rounds: list[list[tuple[State, ColumnElement[bool] | None]]]
    if review:
        rounds = [[("done", ImageRow.annotator_id != annotator.id)], [("done", own)]]
    else:
        of_nobody = ImageRow.annotator_id == engine_id()
        rounds = [[("new", None), ("started", own), ("returned", or_(own, of_nobody))]]
        if _suggestions_first(session):
            rounds.insert(0, [(state, _with_suggestions(whose)) for state, whose in rounds[0]])
        rounds.append([("started", None), ("returned", None)])
    starts = [None] if after is None else _starts(session, after)
    for wanted in rounds:
        for start in starts:
            ids = [_first(session, state, [free, whose, start]) for state, whose in wanted]
            found = [row for row in ids if row is not None]
            if found:
                return image_summary(session, min(found)[-1], now)
    return None


def queued_images(session: Session, after: int, limit: int) -> list[int]:
    """The ids of new images as they come to annotators behind one, whoever holds them.

    Raises ``StoreError`` where there is no image ``after``.
    """
    wanted = [ImageRow.is_missing.is_(False), ImageRow.state == "new", ImageRow.id != after]
    kinds = [ImageRow.suggestions > 0, None] if _suggestions_first(session) else [None]
    ids: list[int] = []
    for kind in kinds:
        for start in _starts(session, after):
            asked = [one for one in (kind, start) if one is not None]
            query = select(ImageRow.id).where(*wanted, *asked).order_by(*QUEUE).limit(limit)
            ids = list(dict.fromkeys([*ids, *session.scalars(query)]))
            if len(ids) >= limit:
                return ids[:limit]
    return ids


def _suggestions_first(session: Session) -> bool:
    """Whether images with suggestions come to annotators before others."""
    return current_stage(session) == PREFILLED or bool(setting(session, SUGGESTIONS_FIRST))


def set_size(session: Session, image_id: int, width: int, height: int) -> None:
    """Note the upright size of an image once its file was looked into.

    Raises ``StoreError`` for a size that is none, and for another one than masks were drawn on.
    """
    if not (0 < width <= LARGEST_SIDE and 0 < height <= LARGEST_SIDE):
        raise StoreError("invalid", f"an image is not {width}×{height}")
    image = locked_image(session, image_id)
    if (image.width, image.height) == (width, height):
        return
    check_size(image, width, height)
    image.width, image.height = width, height


def note_file(session: Session, image_id: int, fingerprint: str) -> None:
    """Note which file an image's masks are of from now on. Raises ``StoreError``."""
    locked_image(session, image_id).fingerprint = fingerprint


def check_size(image: ImageRow | ImageSummary, width: int, height: int) -> None:
    """Raise ``StoreError`` if masks were drawn on an image of another size."""
    drawn_on = image.width, image.height
    if image.width is not None and image.revision > 0 and drawn_on != (width, height):
        raise StoreError(
            "invalid",
            f"{image.name} is {width}×{height} now, and its masks were drawn on "
            f"{image.width}×{image.height}: put the old file back, or this one under another name",
        )


def locked_image(session: Session, image_id: int) -> ImageRow:
    """The row of an image that this transaction alone changes. Raises ``StoreError``."""
    query = (
        select(ImageRow)
        .where(ImageRow.id == image_id)
        .with_for_update(key_share=True)
        .execution_options(populate_existing=True)  # another may have changed it since we looked
    )
    image = session.scalar(query)
    if image is None:
        raise no_image(image_id)
    return image


def no_image(image_id: int) -> StoreError:
    """What is said of an image that is not there."""
    return StoreError("not_found", f"there is no image {image_id}")


def summary_query() -> Select[ImageRow, str, str]:
    """Images, with who holds them and who acted last, for ``summaries``."""
    # Of each query its own: an alias that two threads use first at once can end up with columns
    # that its own conditions don't know, and then no query over it works until the process ends.
    holder, worker = aliased(AnnotatorRow), aliased(AnnotatorRow)
    return (
        select(ImageRow, holder.name, worker.name)
        .outerjoin(holder, ImageRow.lease_annotator_id == holder.id)
        .outerjoin(worker, ImageRow.annotator_id == worker.id)
    )


def summaries(
    session: Session,
    query: Select[ImageRow, str, str],
    now: datetime | None = None,
) -> list[ImageSummary]:
    """What a ``summary_query`` finds; a lease that ran out is none."""
    now = now or current_time()
    return [
        _summary(image, holder, worker, now) for image, holder, worker in session.execute(query)
    ]


def _summary(
    image: ImageRow, holder: str | None, worker: str | None, now: datetime
) -> ImageSummary:
    expires_at = image.lease_expires_at
    is_held = holder is not None and expires_at is not None and expires_at > now
    return ImageSummary(
        id=image.id,
        name=image.name,
        width=image.width,
        height=image.height,
        state=cast(State, image.state),
        masks=image.masks,
        revision=image.revision,
        lease=LeaseHolder(holder, expires_at) if is_held and holder and expires_at else None,
        annotator=worker,
        updated_at=image.updated_at,
        is_missing=image.is_missing,
        suggestions=image.suggestions,
        fault=image.fault,
        fingerprint=image.fingerprint,
    )


def conditions_of(images: ImageFilter) -> list[ColumnElement[bool]]:
    """What a filter asks of an image."""
    wanted: list[ColumnElement[bool]] = [ImageRow.is_missing.is_(images.is_missing)]
    if len(images.states) == 1:
        wanted.append(ImageRow.state == images.states[0])
    elif images.states:
        wanted.append(ImageRow.state.in_(images.states))
    if images.is_suggested:
        wanted.append(ImageRow.suggestions > 0)
    if images.is_held_out is not None:
        wanted.append(ImageRow.is_held_out.is_(images.is_held_out))
    if images.label_id is not None:
        carried = and_(LabelledRow.label_id == images.label_id, LabelledRow.image_id == ImageRow.id)
        wanted.append(exists().where(carried))
    if images.text:
        checked_text(images.text, "a text to search", LONGEST_TEXT)
        wanted.append(ImageRow.folded.contains(folded(images.text), autoescape=True))
    if images.annotator_id is not None:
        wanted.append(ImageRow.annotator_id == images.annotator_id)
    return wanted


def _cursor(after: str) -> int:
    if not after.isascii() or not after.isdecimal() or len(after) > 15:
        raise StoreError("invalid", f"{after[:40]!r} is no place in a list of images")
    return int(after)


def _behind(session: Session, image_id: int) -> ColumnElement[bool]:
    """That an image stands behind another in the list. Raises ``StoreError``."""
    place = session.scalar(select(ImageRow.place).where(ImageRow.id == image_id))
    if place is None:
        raise no_image(image_id)
    return tuple_(ImageRow.place, ImageRow.id) > tuple_(place, image_id)


def _starts(session: Session, after: int) -> list[ColumnElement[bool] | None]:
    """Where the next image is looked for, one after the other. Raises ``StoreError``."""
    row = session.get(ImageRow, after)
    if row is None:
        raise no_image(after)
    behind = tuple_(*QUEUE) > tuple_(row.rank, row.place, row.id)
    at_once = [] if row.rank < 0 else [ImageRow.rank < 0]
    return [*at_once, behind, None]


def _with_suggestions(condition: ColumnElement[bool] | None) -> ColumnElement[bool]:
    is_suggested = ImageRow.suggestions > 0
    return is_suggested if condition is None else and_(condition, is_suggested)


def _first(
    session: Session, state: State, conditions: Sequence[ColumnElement[bool] | None]
) -> tuple[Any, ...] | None:
    """Rank, place and id of the first image of a state that fulfils what is a condition."""
    query = (
        select(*QUEUE)
        .where(
            ImageRow.is_missing.is_(False),
            ImageRow.state == state,
            *(condition for condition in conditions if condition is not None),
        )
        .order_by(*QUEUE)
        .limit(1)
    )
    row = session.execute(query).first()
    return None if row is None else tuple(row)
