"""The model: embeddings for the browser's decoder, and answers for browsers without one."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from anymask.engine.api import schema
from anymask.engine.api.workplace import Asking, Here, ImageId

router = APIRouter(prefix="/api/images/{image_id}", tags=["model"])

BINARY = "application/octet-stream"
ACCEPTED = 202
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
    return Response(content, media_type=BINARY, headers=NOT_KEPT)
