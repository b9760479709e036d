"""The model: embeddings for the browser's decoder, and answers for browsers without one."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from anymask.core.prompts import BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, Prompts
from anymask.engine.api import schema
from anymask.engine.api.workplace import Asking, Here, ImageId
from anymask.engine.model.everything import everything as look_for_everything
from anymask.errors import PromptError, StoreError

router = APIRouter(prefix="/api/images/{image_id}", tags=["model"])

BINARY = "application/octet-stream"
ACCEPTED = 202
PREPARED_S = 30.0  # for an embedding that somebody asks something of
NOT_KEPT = {"Cache-Control": "no-store"}  # 2 MB each, and the server has them at hand


@router.get(
    "/embedding",
    response_class=Response,
    responses={200: {"content": {BINARY: {}}}, ACCEPTED: {"model": schema.Waiting}},
)
def embedding(here: Here, annotator: Asking, image_id: ImageId) -> Response:
    """The image's embedding; while it is computed, how many come before it."""
    file = here.file(image_id)
    content = here.embeddings.ready(file)
    if content is None:
        waiting = schema.Waiting(position=here.embeddings.want(image_id))
        return JSONResponse(waiting.model_dump(), ACCEPTED, NOT_KEPT)
    here.embeddings.expect(image_id)
    headers = {**NOT_KEPT, "ETag": f'"{file.fingerprint}"'}  # which picture it is of
    return Response(content, media_type=BINARY, headers=headers)


@router.post("/decode")
def decode(
    here: Here, annotator: Asking, image_id: ImageId, request: schema.DecodeRequest
) -> list[schema.Suggestion]:
    """The masks of a prompt, best first; what several people ask at once is answered at once."""
    prompts = prompts_of(request)
    file = here.file(image_id)
    content = here.embeddings.wait(image_id, file, PREPARED_S)
    if content is None:
        raise StoreError("busy", f"{file.name} is still being prepared; try again")
    found = here.decoder.ask(file.fingerprint, content, prompts)
    return [schema.Suggestion.model_validate(one) for one in found]


@router.post("/everything")
def everything(
    here: Here, annotator: Asking, image_id: ImageId, request: schema.EverythingRequest
) -> list[schema.Suggestion]:
    """Masks of what is in the image, or in a box of it, surest first."""
    pixels = here.pictures.pixels(here.file(image_id))
    found = look_for_everything(here.model, pixels, request.box)
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
