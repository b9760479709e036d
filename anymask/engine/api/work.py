"""Work: leases, actions and notes."""

from __future__ import annotations

from fastapi import APIRouter, Response

from anymask.engine.api import schema, values
from anymask.engine.api.workplace import Asking, Here, ImageId
from anymask.engine.store.leases import release_lease, take_lease
from anymask.engine.store.log.actions import apply_actions
from anymask.engine.store.notes import add_note, resolve_note

router = APIRouter(prefix="/api", tags=["work"])

NO_CONTENT, CONFLICT = 204, 409


@router.post(
    "/images/{image_id}/lease",
    responses={CONFLICT: {"model": schema.LeaseErrorBody, "description": "Another holds it"}},
)
def lease(
    here: Here, annotator: Asking, image_id: ImageId, request: schema.LeaseRequest
) -> schema.Lease:
    """Take an image, or keep it."""
    taken = here.store.write(
        take_lease, image_id, annotator, request.token, take_over=request.take_over
    )
    return schema.Lease.model_validate(taken)


@router.delete("/images/{image_id}/lease", status_code=NO_CONTENT)
def release(here: Here, annotator: Asking, image_id: ImageId, token: str) -> Response:
    """Let go of an image; of one that is not held, too."""
    here.store.write(release_lease, image_id, annotator, token)
    return Response(status_code=NO_CONTENT)


@router.post(
    "/images/{image_id}/actions",
    responses={
        CONFLICT: {
            "model": schema.LeaseErrorBody | schema.ConflictBody,
            "description": "Another holds the image, or has changed the masks",
        }
    },
)
def actions(
    here: Here, annotator: Asking, image_id: ImageId, request: schema.ActionsRequest
) -> schema.Applied:
    """Append actions to an image's log, all or none; what is there already is passed over."""
    given = [values.stored_action(action) for action in request.actions]
    applied = here.store.write(apply_actions, image_id, annotator, request.token, given)
    here.metrics.saved(len(applied.actions))
    return schema.Applied(revision=applied.revision, applied=list(applied.actions))


@router.post("/images/{image_id}/notes")
def note(here: Here, annotator: Asking, image_id: ImageId, draft: schema.NoteDraft) -> schema.Note:
    """Pin words to a place."""
    added = here.store.write(add_note, draft.id, image_id, annotator, draft.text, draft.x, draft.y)
    return schema.Note.model_validate(added)


@router.patch("/notes/{note_id}")
def change_note(
    here: Here, annotator: Asking, note_id: schema.Uuid, patch: schema.NotePatch
) -> schema.Note:
    """Note that words were seen to, or that they were not."""
    changed = here.store.write(resolve_note, note_id, is_resolved=patch.is_resolved)
    return schema.Note.model_validate(changed)
