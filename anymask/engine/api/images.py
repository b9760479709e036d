"""Images: lists of them, one with all its masks, the next one."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Response

from anymask.engine.api import schema, values
from anymask.engine.api.workplace import Asking, Here, ImageId
from anymask.engine.store.documents import document
from anymask.engine.store.images import list_images, next_image, note_file
from anymask.engine.store.masks import versions_of
from anymask.engine.store.values import ImageFilter, State

router = APIRouter(prefix="/api", tags=["images"])

MOST_IMAGES = 1_000
NO_CONTENT = 204
SHA256 = "^[0-9a-f]{64}$"
CURSOR: dict[str, Any] = {"pattern": "^[0-9]{1,15}$"}


@router.get("/images")
def images(
    here: Here,
    annotator: Asking,
    state: Annotated[list[State], Query(default_factory=list)],
    label: schema.Id | None = None,
    text: str = "",
    worker: Annotated[schema.Id | None, Query(alias="annotator")] = None,
    suggested: bool = False,
    after: Annotated[str | None, Query(json_schema_extra=CURSOR)] = None,
    limit: Annotated[int, Query(ge=1, le=MOST_IMAGES)] = 100,
) -> schema.ImagePage:
    """A page of the list of images.

    suggested: those with suggested masks alone. annotator: whose work it is.
    """
    wanted = ImageFilter(tuple(state), label, text, worker, is_suggested=suggested)
    return schema.ImagePage.model_validate(here.store.read(list_images, wanted, after, limit))


@router.get("/next")
def following(
    here: Here, annotator: Asking, after: schema.Id | None = None, review: bool = False
) -> schema.ImageSummary | None:
    """The next image to work on, or to review, that nobody else has."""
    image = here.store.read(next_image, annotator, after, review=review and annotator.reviews)
    return None if image is None else values.summary(image)


@router.get("/images/{image_id}")
def image(here: Here, annotator: Asking, image_id: ImageId) -> schema.ImageDocument:
    """An image with its masks, its log and its notes."""
    whole = here.store.read(document, image_id)
    looked_into = here.looked_into(whole.image)
    file, is_replaced = here.file_of_masks(looked_into)
    whole = replace(whole, image=looked_into)
    return values.document(whole, file.fingerprint, is_replaced=is_replaced)


@router.put("/images/{image_id}/file", status_code=NO_CONTENT)
def fits(
    here: Here, annotator: Asking, image_id: ImageId, file: Annotated[str, Query(pattern=SHA256)]
) -> Response:
    """Say that an image's masks are right for a file that lies there in the place of theirs.

    file: its SHA-256, hexadecimal.
    """
    here.store.write(note_file, image_id, file)
    return Response(status_code=NO_CONTENT)


@router.get("/images/{image_id}/versions")
def versions(
    here: Here, annotator: Asking, image_id: ImageId, ids: Annotated[str, Query()]
) -> list[schema.Version]:
    """Versions that a log names, in the order of their ids, which have commas between."""
    named = [one for one in ids.split(",") if one]
    return [values.version(one) for one in here.store.read(versions_of, image_id, named)]
