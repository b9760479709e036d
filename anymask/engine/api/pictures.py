"""Pictures of images, for browsers: the whole, tiles, thumbnails."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from anymask.engine.api.numbers import window_between
from anymask.engine.api.workplace import Asking, Here, ImageId
from anymask.engine.pictures.pictures import MOST_PX, Picture
from anymask.engine.store.images import image_summary

router = APIRouter(prefix="/api/images/{image_id}", tags=["pictures"])

# Another project may have another image at the same address: a browser asks, and is told quickly.
ASK_FIRST = "private, no-cache"
NOT_MODIFIED = 304


@router.get("/pixels", response_class=Response)
def pixels(
    here: Here,
    annotator: Asking,
    request: Request,
    image_id: ImageId,
    longest: Annotated[int | None, Query(ge=1, le=MOST_PX)] = None,
    low: float | None = None,
    high: float | None = None,
) -> Response:
    """The whole image. longest: of its sides, in pixels. low, high: what is black and white."""
    options = window_between(low, high)
    return _answer(request, here.pictures.whole(here.file(image_id), longest, options))


@router.get("/tiles/{level}/{column}/{row}", response_class=Response)
def tile(
    here: Here,
    annotator: Asking,
    request: Request,
    image_id: ImageId,
    level: int,
    column: int,
    row: int,
    low: float | None = None,
    high: float | None = None,
) -> Response:
    """512 × 512 pixels of the image at 1/2^level of its size, rounded up; less at the edges."""
    options = window_between(low, high)
    picture = here.pictures.tile(here.file(image_id), level, column, row, options)
    return _answer(request, picture)


@router.get("/thumbnail", response_class=Response)
def thumbnail(here: Here, annotator: Asking, request: Request, image_id: ImageId) -> Response:
    """The image in a list."""
    image = here.store.read(image_summary, image_id)
    with here.reading(image):  # all of it, and each that a list shows
        picture = here.pictures.thumbnail(here.folder.file(image.name))
    return _answer(request, picture)


def _answer(request: Request, picture: Picture) -> Response:
    headers = {"ETag": f'"{picture.tag}"', "Cache-Control": ASK_FIRST}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=NOT_MODIFIED, headers=headers)
    return Response(picture.content, media_type=picture.media_type, headers=headers)
