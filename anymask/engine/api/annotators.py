"""Annotators: getting in and out, and whom an admin lets in."""

from __future__ import annotations

from fastapi import APIRouter, Response

from anymask.engine.api.messages.annotator import (
    Invitation,
    Member,
    MemberDraft,
    MemberPatch,
    Session,
    TokenBody,
)
from anymask.engine.api.schema import Annotator
from anymask.engine.api.workplace import Administering, AnnotatorId, Here, keep_token, signed_out
from anymask.engine.store.annotators import (
    add_annotator,
    annotator_of,
    change_annotator,
    list_annotators,
    renew_token,
)

router = APIRouter(prefix="/api", tags=["annotators"])

NO_CONTENT = 204


@router.post("/session")
def sign_in(here: Here, response: Response, body: TokenBody) -> Session:
    """Get in by a token, which the browser keeps from now on where no page can read it."""
    annotator = here.store.read(annotator_of, body.token)
    if annotator is None:
        raise signed_out("this token lets nobody in: it is mistyped, or there is a newer one")
    keep_token(here, response, body.token)
    return Session(annotator=Annotator(id=annotator.id, name=annotator.name, role=annotator.role))


@router.delete("/session", status_code=NO_CONTENT)
def sign_out(here: Here) -> Response:
    """Get out: this browser has no token any more. The token stays good."""
    response = Response(status_code=NO_CONTENT)
    response.delete_cookie(here.cookie, httponly=True, samesite="strict")
    return response


@router.get("/annotators")
def annotators(here: Here, admin: Administering) -> list[Member]:
    """Everybody who works here or did, by name."""
    return [Member.model_validate(one) for one in here.store.read(list_annotators)]


@router.post("/annotators")
def invite(here: Here, admin: Administering, draft: MemberDraft) -> Invitation:
    """Let somebody in."""
    added, token = here.store.write(add_annotator, draft.name, draft.role)
    return Invitation(member=Member.model_validate(added), token=token)


@router.patch("/annotators/{annotator_id}")
def change_member(
    here: Here, admin: Administering, annotator_id: AnnotatorId, patch: MemberPatch
) -> Member:
    """Give somebody another role, let them in no more, or again. Their work stays theirs."""
    changed = here.store.write(
        change_annotator, annotator_id, role=patch.role, is_active=patch.is_active
    )
    return Member.model_validate(changed)


@router.post("/annotators/{annotator_id}/token")
def renew(here: Here, admin: Administering, annotator_id: AnnotatorId) -> Invitation:
    """Give somebody a new token; the old one lets nobody in any more."""
    token = here.store.write(renew_token, annotator_id)
    members = here.store.read(list_annotators)
    member = next(one for one in members if one.id == annotator_id)
    return Invitation(member=Member.model_validate(member), token=token)
