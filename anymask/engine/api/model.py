"""The model: embeddings for the browser's decoder, and answers for browsers without one."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from fastapi.responses import JSONResponse

from anymask.core.prompts import BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, Prompts
from anymask.core.rle import RLE
from anymask.engine.api import schema
from anymask.engine.api.messages.model import ModelInUse
from anymask.engine.api.workplace import Asking, Here, ImageId
from anymask.engine.model.everything import everything as look_for_everything
from anymask.errors import PromptError, StoreError

router = APIRouter(prefix="/api", tags=["model"])

ModelId = Annotated[str, Query(description="of whom it is asked; by default the one in use")]
BINARY = "application/octet-stream"
ACCEPTED = 202
PREPARED_S = 30.0  # for an embedding that somebody asks something of
NOT_KEPT = {"Cache-Control": "no-store"}  # 2 MB each, and the server has them at hand


@router.get("/model")
def model(here: Here, annotator: Asking) -> ModelInUse:
    """The model that the next image is annotated with, and where a browser gets it."""
    now = here.models.now
    return ModelInUse(id=now.model.id, folder=f"model/{now.key}/")


@router.get(
    "/images/{image_id}/embedding",
    response_class=Response,
    responses={200: {"content": {BINARY: {}}}, ACCEPTED: {"model": schema.Waiting}},
)
def embedding(here: Here, annotator: Asking, image_id: ImageId, model: ModelId = "") -> Response:
    """The image's embedding; while it is computed, how many come before it."""
    embeddings = here.models.of(model).embeddings
    file = here.file(image_id)
    content = embeddings.ready(file)
    if content is None:
        waiting = schema.Waiting(position=embeddings.want(image_id))
        return JSONResponse(waiting.model_dump(), ACCEPTED, NOT_KEPT)
    embeddings.expect(image_id)
    headers = {**NOT_KEPT, "ETag": f'"{file.fingerprint}"'}  # which picture it is of
    return Response(content, media_type=BINARY, headers=headers)


@router.post("/images/{image_id}/decode")
def decode(
    here: Here,
    annotator: Asking,
    image_id: ImageId,
    request: schema.DecodeRequest,
    model: ModelId = "",
) -> list[schema.Suggestion]:
    """The masks of a prompt, best first; what several people ask at once is answered at once.

    A mask that it goes on from is told to the model by its box and as soft logits.
    """
    prompts = prompts_of(request)
    served = here.models.of(model)
    file = here.file(image_id)
    content = served.embeddings.wait(image_id, file, PREPARED_S)
    if content is None:
        raise StoreError("busy", f"{file.name} is still being prepared; try again")
    start = None
    if request.mask is not None:
        start = RLE(size=[*request.mask.size], counts=request.mask.counts)
    found = served.decoder.ask(file.fingerprint, content, prompts, start)
    return [schema.Suggestion.model_validate(one) for one in found]


@router.post("/images/{image_id}/everything")
def everything(
    here: Here,
    annotator: Asking,
    image_id: ImageId,
    request: schema.EverythingRequest,
    model: ModelId = "",
) -> list[schema.Suggestion]:
    """Masks of what is in the image, or in a box of it, surest first."""
    pixels = here.pictures.pixels(here.file(image_id))
    found = look_for_everything(here.models.of(model).model, pixels, request.box)
    return [schema.Suggestion.model_validate(one) for one in found]


def prompts_of(request: schema.DecodeRequest) -> Prompts:
    """One prompt. Raises ``PromptError`` for one that says nothing."""
    xy = [(point.x, point.y) for point in request.points]
    labels: list[int] = [point.label for point in request.points]
    if request.box is not None:
        left, top, right, bottom = request.box
        xy += [(left, top), (right, bottom)]
        labels += [BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]
    if not xy:
        raise PromptError("a prompt has a point or a box")
    return Prompts.of_points(xy, labels)
