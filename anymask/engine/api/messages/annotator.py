"""Annotator messages: who works here, as the JSON of a page says it."""

from __future__ import annotations

from anymask.engine.api.schema import Annotator, Message
from anymask.engine.store.values import Role


class Member(Message):
    """Somebody of the team. is_active: False for one who left."""

    id: int
    name: str
    role: Role
    is_active: bool


class MemberDraft(Message):
    """Somebody to add."""

    name: str
    role: Role = "annotator"


class MemberPatch(Message):
    """What changes of somebody; what is not given stays."""

    role: Role | None = None
    is_active: bool | None = None


class Invitation(Message):
    """A new token, told this once: the server keeps its hash alone."""

    member: Member
    token: str


class TokenBody(Message):
    """What somebody shows to get in."""

    token: str


class Session(Message):
    """Who is in."""

    annotator: Annotator
