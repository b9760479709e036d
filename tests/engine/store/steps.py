"""Steps of an annotator, made up: rectangles added, edited, deleted, undone."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import numpy as np
from sqlalchemy.orm import Session

from anymask.core import rle
from anymask.engine.store.annotators import add_annotator
from anymask.engine.store.folder import add_images
from anymask.engine.store.images import list_images, set_size
from anymask.engine.store.leases import take_lease
from anymask.engine.store.log.actions import apply_actions
from anymask.engine.store.store import Store
from anymask.engine.store.values import (
    Action,
    Annotator,
    Applied,
    Change,
    ChangedIds,
    Effort,
    Kind,
    Role,
    State,
    Version,
)

HW = (40, 60)
NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def new_id() -> str:
    return str(uuid.uuid4())


def rectangle(x: int, y: int, width: int, height: int, hw: tuple[int, int] = HW) -> rle.RLE:
    mask = np.zeros(hw, bool)
    mask[y : y + height, x : x + width] = True
    return rle.encode(mask)


def version(x: int = 1, y: int = 2, width: int = 3, height: int = 4, **more: Any) -> Version:
    drawn = Version(new_id(), rectangle(x, y, width, height), source="clicks")
    return replace(drawn, **more)


def act(kind: Kind, *changes: Change, **more: Any) -> Action:
    given: dict[str, Any] = {"effort": Effort(seconds=2.0, clicks_add=1, model_id="m"), "at": NOW}
    return Action(new_id(), kind, changes=changes, **(given | more))


def add(drawn: Version | None = None, mask_id: str | None = None, **more: Any) -> Action:
    return act("add", Change(mask_id or new_id(), None, drawn or version()), **more)


def undo(action: Action, **more: Any) -> Action:
    back = [Change(c.mask_id, c.after, c.before) for c in changed_ids(action)]
    return act("undo", *back, target=action.id, **more)


def redo(action: Action, **more: Any) -> Action:
    again = [Change(c.mask_id, c.before, c.after) for c in changed_ids(action)]
    return act("redo", *again, target=action.id, **more)


def changed_ids(action: Action) -> list[ChangedIds]:
    return [
        ChangedIds(c.mask_id, c.before, c.after.id if isinstance(c.after, Version) else c.after)
        for c in action.changes
    ]


def become(state: State) -> Action:
    return act("state", state=state, effort=Effort())


def annotator(store: Store, name: str = "Ann", role: Role = "annotator") -> Annotator:
    return store.write(add_annotator, name, role)[0]


def image(store: Store, name: str = "a.png") -> int:
    """An image of a known size in the store."""

    def work(session: Session) -> int:
        add_images(session, [name])
        found = next(one for one in list_images(session).images if one.name == name)
        set_size(session, found.id, HW[1], HW[0])
        return found.id

    return store.write(work)


class Page:
    """An annotator's page on an image, which it holds."""

    def __init__(self, store: Store, image_id: int, annotator: Annotator) -> None:
        self.store, self.image_id, self.annotator = store, image_id, annotator
        self.token = store.write(take_lease, image_id, annotator).token

    def send(self, *actions: Action, now: datetime | None = None) -> Applied:
        return self.store.write(
            apply_actions, self.image_id, self.annotator, self.token, actions, now
        )


def page(store: Store, name: str = "a.png") -> Page:
    """A page of a new annotator on a new image."""
    return Page(store, image(store, name), annotator(store))
