"""Refusals: errors of the store that carry what the refused one needs to go on."""

from __future__ import annotations

from collections.abc import Mapping

from anymask.engine.store.values import LeaseHolder, Mask
from anymask.errors import StoreError


class ConflictError(StoreError):
    """Actions built on masks that have changed since; none of them was applied.

    masks: what each of these masks is now, None for one that is deleted or was never there.
    """

    def __init__(self, message: str, masks: Mapping[str, Mask | None], revision: int) -> None:
        super().__init__("conflict", message)
        self.masks, self.revision = masks, revision


class LeaseError(StoreError):
    """An image that another holds. holder: who; None if nobody does, and it can be taken."""

    def __init__(self, message: str, holder: LeaseHolder | None) -> None:
        super().__init__("lease", message)
        self.holder = holder


class RunningError(StoreError):
    """A run that can't begin, or go on, because another of its kind runs."""

    def __init__(self, message: str) -> None:
        super().__init__("conflict", message)
