"""Annotators: who works, in which role, and the tokens that they show.

A token is shown once, when it is made; the store keeps its SHA-256. 256 random bits can't be
guessed from it, so it is not salted, and can be looked up.
"""

from __future__ import annotations

import hashlib
import secrets
from typing import cast

from sqlalchemy import ScalarSelect, func, select, update
from sqlalchemy.orm import Session

from anymask.engine.store.checks import checked_text
from anymask.engine.store.clock import current_time
from anymask.engine.store.tables import AnnotatorRow, ImageRow
from anymask.engine.store.values import ROLES, Annotator, Role
from anymask.errors import StoreError

TOKEN_BYTES = 32
LOCAL_NAME = "me"
ENGINE_NAME = "anymask"
LONGEST_NAME = 80


def sha256_of(token: str) -> str:
    """What is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def same_token(token: str, kept: str | None) -> bool:
    """Whether what is kept is of this token; takes as long for a near miss as for a far one."""
    return secrets.compare_digest(sha256_of(token), kept or "")


def list_annotators(session: Session) -> tuple[Annotator, ...]:
    """Everybody, by name, those who left included; the engine is nobody."""
    rows = session.scalars(
        select(AnnotatorRow).where(AnnotatorRow.name != ENGINE_NAME).order_by(AnnotatorRow.name)
    )
    return tuple(_value(row) for row in rows)


def local_annotator(session: Session) -> Annotator:
    """The one person on loopback: the admin "me", who needs no token; made when first asked for."""
    row = session.scalar(select(AnnotatorRow).where(AnnotatorRow.name == LOCAL_NAME))
    if row is None:
        row = _added(session, LOCAL_NAME, "admin", None)
    return _value(row)


def engine_annotator(session: Session) -> Annotator:
    """The engine, which suggests masks; made when first asked for. Nobody has a token of it."""
    row = session.scalar(select(AnnotatorRow).where(AnnotatorRow.name == ENGINE_NAME))
    if row is None:
        row = _added(session, ENGINE_NAME, "annotator", None)
    return _value(row)


def engine_id() -> ScalarSelect[int]:
    """The number of the engine, for a query; of no row before it did anything."""
    return select(AnnotatorRow.id).where(AnnotatorRow.name == ENGINE_NAME).scalar_subquery()


def add_annotator(session: Session, name: str, role: Role) -> tuple[Annotator, str]:
    """Somebody new, and their token. Raises ``StoreError`` for a name that is taken, or none."""
    name = checked_text(" ".join(name.split()), "a name", LONGEST_NAME)
    _check_role(role)
    if name == ENGINE_NAME:
        raise StoreError("invalid", f"{ENGINE_NAME} is the engine's own name; take another")
    if session.scalar(select(AnnotatorRow.id).where(AnnotatorRow.name == name)) is not None:
        raise StoreError("invalid", f"there is an annotator {name} already")
    token = secrets.token_urlsafe(TOKEN_BYTES)
    return _value(_added(session, name, role, token)), token


def annotator_of(session: Session, token: str) -> Annotator | None:
    """Whose token it is; None if nobody's, or of one who left."""
    query = select(AnnotatorRow).where(AnnotatorRow.token_sha256 == sha256_of(token))
    row = session.scalar(query)
    if row is None or not row.is_active or not same_token(token, row.token_sha256):
        return None
    return _value(row)


def annotator_named(session: Session, name: str) -> Annotator:
    """An annotator by name. Raises ``StoreError``."""
    row = session.scalar(select(AnnotatorRow).where(AnnotatorRow.name == name))
    if row is None:
        raise StoreError("not_found", f"there is no annotator {name}")
    return _value(row)


def renew_token(session: Session, annotator_id: int) -> str:
    """A new token; the old one is nobody's from now on. Raises ``StoreError``."""
    token = secrets.token_urlsafe(TOKEN_BYTES)
    _row(session, annotator_id).token_sha256 = sha256_of(token)
    return token


def change_annotator(
    session: Session, annotator_id: int, *, role: Role | None = None, is_active: bool | None = None
) -> Annotator:
    """Another role, or leaving and coming back. Whoever leaves holds no image any more.

    Raises ``StoreError`` for the last admin's.
    """
    # All of them: two admins who leave at once would leave none.
    rows = session.scalars(select(AnnotatorRow).order_by(AnnotatorRow.id).with_for_update()).all()
    row = next((row for row in rows if row.id == annotator_id), None)
    if row is None:
        raise StoreError("not_found", f"there is no annotator {annotator_id}")
    if role is not None:
        _check_role(role)
        row.role = role
    if is_active is not None:
        row.is_active = is_active
    if not any(row.is_active and row.role == "admin" for row in rows):
        raise StoreError("invalid", f"{row.name} is the last admin; make another one first")
    if is_active is False:
        session.execute(
            update(ImageRow)
            .where(ImageRow.lease_annotator_id == annotator_id)
            .values(lease_annotator_id=None, lease_token_sha256=None, lease_expires_at=None)
        )
    return _value(row)


def has_tokens(session: Session) -> bool:
    """Whether anybody can show a token, without which nobody may come from elsewhere."""
    query = select(func.count()).where(
        AnnotatorRow.token_sha256.is_not(None), AnnotatorRow.is_active.is_(True)
    )
    return bool(session.scalar(query))


def _check_role(role: str) -> None:
    if role not in ROLES:
        raise StoreError("invalid", f"a role is one of {', '.join(ROLES)}, not {role!r}")


def _added(session: Session, name: str, role: Role, token: str | None) -> AnnotatorRow:
    row = AnnotatorRow(
        name=name,
        role=role,
        token_sha256=None if token is None else sha256_of(token),
        is_active=True,
        created_at=current_time(),
    )
    session.add(row)
    session.flush()
    return row


def _row(session: Session, annotator_id: int) -> AnnotatorRow:
    row = session.get(AnnotatorRow, annotator_id)
    if row is None:
        raise StoreError("not_found", f"there is no annotator {annotator_id}")
    return row


def _value(row: AnnotatorRow) -> Annotator:
    return Annotator(row.id, row.name, cast(Role, row.role), row.is_active)
