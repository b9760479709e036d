"""Rate: the page of ratings put together, of a room, its pictures and the built page."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response
from fastapi.middleware.trustedhost import TrustedHostMiddleware

import anymask
from anymask.engine.api.application import application
from anymask.engine.api.guard import Guard
from anymask.engine.api.schema import Segmentation
from anymask.engine.page import LOOPBACK, Files, Isolated
from anymask.engine.rating import messages
from anymask.engine.rating import room as rooms
from anymask.engine.rating.items import Item
from anymask.engine.rating.order import Showing
from anymask.engine.rating.photographs import Photographs
from anymask.errors import StoreError

PAGE = "rate.html"
BREAK_EVERY = 50
KEPT = "private, max-age=86400, immutable"  # the address is of the picture's name and the plan

router = APIRouter()


@dataclass(frozen=True)
class RatingPlace:
    """What the routes share. rater: the name that a page proposes. plan: of the file's head."""

    room: rooms.Room
    photographs: Photographs
    plan: str
    rater: str = ""
    pictures: dict[str, tuple[str, str]] = field(init=False)

    def __post_init__(self) -> None:
        names = {self.key(item): item.picture for item in self.room.items}
        object.__setattr__(self, "pictures", names)

    def key(self, item: Item) -> str:
        """What stands for the name of an item's image."""
        text = "\0".join((self.plan, *item.picture))
        return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()[:24]


def place_of(request: Request) -> RatingPlace:
    """The place that a request is about."""
    place: RatingPlace = request.app.state.place
    return place


Here = Annotated[RatingPlace, Depends(place_of)]
Rater = Annotated[str, Query(max_length=4 * rooms.LONGEST_NAME)]


@router.get("/api/rating")
def rating(here: Here) -> messages.Rating:
    """What is rated, and who has begun."""
    return messages.Rating(
        rater=here.rater,
        raters=here.room.raters,
        masks=len(here.room.items),
        break_every=BREAK_EVERY,
        version=anymask.__version__,
    )


@router.get("/api/progress")
def progress(here: Here, rater: Rater) -> messages.Progress:
    """How far a rater is, and the mask to rate next."""
    return _progress(here, here.room.progress(rater))


@router.get("/api/showings/{number}")
def showing(here: Here, number: int, rater: Rater) -> messages.Showing:
    """A mask that the rater has rated, or the next; to correct what was said."""
    shown, rated, before = here.room.showing(rater, number)
    return _showing(here, shown, rated.rating if rated else None, before)


@router.post("/api/ratings")
def rate(here: Here, draft: messages.RatingDraft) -> messages.Progress:
    """Keep a rating; it is on the disk when this answers."""
    given = rooms.GivenRating(draft.id, draft.rater, draft.showing, draft.rating, draft.seconds)
    return _progress(here, here.room.rate(given))


@router.get("/api/pictures/{key}", response_class=Response)
def picture(here: Here, key: str) -> Response:
    """An image, exact."""
    if key not in here.pictures:
        raise StoreError("not_found", "there is no such picture")
    content, media_type = here.photographs.picture(here.pictures[key])
    return Response(content, media_type=media_type, headers={"Cache-Control": KEPT})


@router.get("/health")
def health() -> messages.Health:
    """That the server answers."""
    return messages.Health(status="ok", version=anymask.__version__)


def api() -> FastAPI:
    """The HTTP of no place yet; its schema is at ``/api/openapi.json``."""
    return application("anymask rate", [router])


def rate_app(place: RatingPlace, static: Path) -> FastAPI:
    """The application: the page at ``/``, the rest at ``/api``. static: the built page."""
    app = api()
    app.state.place = place
    files = Files(static, forever="assets/")

    @app.get("/", include_in_schema=False)
    async def page(request: Request) -> Response:
        return await files.get_response(PAGE, request.scope)

    app.mount("/", files)
    app.add_middleware(Guard)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, "[::1]"])
    app.add_middleware(Isolated)
    return app


def _progress(here: RatingPlace, of: rooms.Progress) -> messages.Progress:
    current, upcoming = of.current, of.upcoming
    return messages.Progress(
        rater=of.rater,
        done=of.done,
        total=of.total,
        current=None if current is None else _showing(here, current, None, of.last),
        upcoming=None if upcoming is None else _picture(here, upcoming.item),
        last=of.last,
    )


def _showing(
    here: RatingPlace, shown: Showing, rating: int | None, before: int | None
) -> messages.Showing:
    height, width = shown.item.segmentation["size"]
    return messages.Showing(
        number=shown.number,
        picture=_picture(here, shown.item),
        width=width,
        height=height,
        segmentation=Segmentation.model_validate(shown.item.segmentation),
        point=shown.item.point,
        rating=rating,
        before=before,
    )


def _picture(here: RatingPlace, item: Item) -> str:
    return f"/api/pictures/{here.key(item)}"
