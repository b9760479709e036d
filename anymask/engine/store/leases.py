"""Leases: an image is changed by one annotator through one page at a time.

A lease that ran out is good until another takes the image: nobody loses work to a long lunch.
"""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from anymask.engine.store.annotators import ENGINE_NAME, same_token, sha256_of
from anymask.engine.store.clock import current_time
from anymask.engine.store.images import image_summary, locked_image, next_image
from anymask.engine.store.refusals import LeaseError
from anymask.engine.store.tables import AnnotatorRow, ImageRow
from anymask.engine.store.values import Annotator, ImageSummary, Lease, LeaseHolder
from anymask.errors import StoreError

LASTS = timedelta(minutes=10)
ENGINE_LASTS = timedelta(seconds=20)  # it holds an image only while it writes, unless it is killed
TOKEN_BYTES = 24


def take_lease(
    session: Session,
    image_id: int,
    annotator: Annotator,
    token: str | None = None,
    *,
    take_over: bool = False,
    now: datetime | None = None,
) -> Lease:
    """Take an image, or keep it with the token of its lease.

    An annotator's newest page takes the image from their older one, which has it back by taking it
    over, and not by a token that is good no more. take_over: from another annotator, which an admin
    may. Raises ``LeaseError`` with who holds it, and ``StoreError``.
    """
    now = now or current_time()
    image = locked_image(session, image_id)
    if token is not None and _is_of(image, annotator, token):
        return Lease(token, _renewed(image, annotator, now), image.revision)
    holder = holder_of(session, image, now)
    if holder is not None:
        is_own = image.lease_annotator_id == annotator.id
        if take_over and not is_own and annotator.role != "admin":
            raise StoreError("forbidden", "an admin may take an image from another; nobody else")
        if not take_over and not is_own:
            raise LeaseError(f"{holder.annotator} is at work on {image.name}", holder)
        if not take_over and token is not None:  # else two pages would take it in turns
            raise LeaseError(f"another page of yours is at work on {image.name}", holder)
    return _granted(image, annotator, now)


def take_next(
    session: Session,
    annotator: Annotator,
    after: int | None = None,
    *,
    review: bool = False,
    now: datetime | None = None,
) -> tuple[ImageSummary, Lease] | None:
    """The next image to work on (``next_image``), taken at once, so that no two get the same."""
    now = now or current_time()
    while image := next_image(session, annotator, after, review=review, now=now):
        try:
            lease = take_lease(session, image.id, annotator, now=now)
        except LeaseError:  # another was faster; there is one image less to choose from now
            continue
        return image_summary(session, image.id, now), lease
    return None


def release_lease(session: Session, image_id: int, annotator: Annotator, token: str) -> bool:
    """Let go of an image; False if the token is of no lease that holds."""
    image = locked_image(session, image_id)
    if not _is_of(image, annotator, token):
        return False
    image.lease_annotator_id = image.lease_token_sha256 = image.lease_expires_at = None
    return True


def use_lease(
    session: Session, image: ImageRow, annotator: Annotator, token: str, now: datetime
) -> None:
    """Renew the lease that allows a change. Raises ``LeaseError`` for a forged or lost one."""
    if not _is_of(image, annotator, token):
        holder = holder_of(session, image, now)
        who = "nobody" if holder is None else holder.annotator
        if holder is not None and image.lease_annotator_id == annotator.id:
            who = "another page of yours"
        raise LeaseError(f"this page does not hold {image.name}: {who} does", holder)
    _renewed(image, annotator, now)


def holder_of(session: Session, image: ImageRow, now: datetime) -> LeaseHolder | None:
    """Whose lease has not run out."""
    expires_at = image.lease_expires_at
    if image.lease_annotator_id is None or expires_at is None or expires_at <= now:
        return None
    row = session.get(AnnotatorRow, image.lease_annotator_id)
    return None if row is None else LeaseHolder(row.name, expires_at)


def _renewed(image: ImageRow, annotator: Annotator, now: datetime) -> datetime:
    """When it runs out, which is as late from now on as of a new one."""
    expires_at = now + (ENGINE_LASTS if annotator.name == ENGINE_NAME else LASTS)
    image.lease_expires_at = expires_at
    return expires_at


def _granted(image: ImageRow, annotator: Annotator, now: datetime) -> Lease:
    token = secrets.token_urlsafe(TOKEN_BYTES)
    image.lease_annotator_id = annotator.id
    image.lease_token_sha256 = sha256_of(token)
    return Lease(token, _renewed(image, annotator, now), image.revision)


def _is_of(image: ImageRow, annotator: Annotator, token: str) -> bool:
    return same_token(token, image.lease_token_sha256) and image.lease_annotator_id == annotator.id
