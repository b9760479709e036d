"""Holding: the engine has an image to itself while it writes, and leaves those of people alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from anymask.engine.store.annotators import ENGINE_NAME, engine_annotator
from anymask.engine.store.leases import release_lease, take_lease
from anymask.engine.store.refusals import LeaseError
from anymask.engine.store.store import Store
from anymask.engine.store.values import Annotator, ImageSummary

Given = TypeVar("Given")


def holder_of(image: ImageSummary) -> str | None:
    """The person who is at work on an image.

    The engine's own lease is nobody's: it may be one of a process that was killed.
    """
    if image.lease is None or image.lease.annotator == ENGINE_NAME:
        return None
    return image.lease.annotator


def holding(
    store: Store, image_id: int, work: Callable[[Annotator, str], Given | None]
) -> Given | None:
    """What the engine does to an image that it holds meanwhile.

    work: takes the engine, and the token of its lease. None, and nothing is changed, where somebody
    holds the image, or an admin takes it over. Raises ``StoreError``.
    """
    engine = store.write(engine_annotator)
    try:
        lease = store.write(take_lease, image_id, engine)
    except LeaseError:
        return None
    try:
        return work(engine, lease.token)
    except LeaseError:
        return None
    finally:
        store.write(release_lease, image_id, engine, lease.token)
