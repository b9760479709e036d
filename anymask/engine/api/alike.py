"""Alike: what is like a mask, sought in the other images in the background."""

from __future__ import annotations

from fastapi import APIRouter

from anymask.engine.api.messages.alike import AlikeRequest, AlikeSearch
from anymask.engine.api.workplace import Asking, Here, ImageId

router = APIRouter(prefix="/api", tags=["alike"])

ACCEPTED = 202


@router.post("/images/{image_id}/alike", status_code=ACCEPTED)
def find_alike(
    here: Here, annotator: Asking, image_id: ImageId, request: AlikeRequest
) -> AlikeSearch:
    """Look through the open images for what is like masks; it is suggested there.

    What is sought by now is sought no further.
    """
    return AlikeSearch.model_validate(here.alike.begin(image_id, request.mask_ids))


@router.get("/alike")
def alike(here: Here, annotator: Asking) -> AlikeSearch:
    """How the search stands."""
    return AlikeSearch.model_validate(here.alike.now)


@router.delete("/alike")
def stop_alike(here: Here, annotator: Asking) -> AlikeSearch:
    """Look no further; what is suggested stays."""
    return AlikeSearch.model_validate(here.alike.stop())
