"""Models that the engine trained, and images that they never learn from."""

from __future__ import annotations

import pytest

from anymask.engine.store.automation.held_out import (
    count_held_out,
    count_learnable,
    hold_out,
    is_held_out,
)
from anymask.engine.store.automation.models import (
    EngineModel,
    ModelKind,
    ModelState,
    add_model,
    decide,
    last_model,
    list_models,
    model_in_use,
    model_of_id,
    next_number,
)
from anymask.engine.store.automation.searches import note_search, unsearched
from anymask.engine.store.folder import add_images
from anymask.engine.store.images import list_images
from anymask.engine.store.store import Store
from anymask.engine.store.values import ImageFilter
from anymask.errors import StoreError

NAMES = [f"{number}.jpg" for number in range(400)]


def made(store: Store, kind: ModelKind, model_id: str, state: ModelState) -> EngineModel:
    """A model, noted."""
    number = store.read(next_number)
    figures = {"miou_1": 0.5}
    return store.write(
        add_model, number, kind, model_id, "/m", parent_id=None, state=state, figures=figures
    )


def held_out(store: Store) -> set[str]:
    """The names of those that are."""
    page = store.read(list_images, ImageFilter(is_held_out=True), None, 1000)
    return {image.name for image in page.images}


def test_the_model_that_was_promoted_last_is_in_use(store: Store) -> None:
    assert store.read(model_in_use, "sam") is None
    first = made(store, "sam", "a@1", "promoted")
    made(store, "sam", "b@2", "refused")
    made(store, "detector", "c@3", "promoted")
    assert store.read(model_in_use, "sam") == first
    second = made(store, "sam", "d@4", "candidate")
    assert second.decided_at is None
    assert store.read(model_in_use, "sam") == first
    promoted = store.write(decide, second.number, "promoted")
    assert promoted.decided_at is not None
    assert store.read(model_in_use, "sam") == promoted
    store.write(decide, second.number, "refused")
    assert store.read(model_in_use, "sam") == first
    last = store.read(last_model, "sam")
    assert last is not None
    assert last.model_id == "d@4"
    assert [model.number for model in store.read(list_models)] == [4, 3, 2, 1]


def test_a_model_is_noted_once(store: Store) -> None:
    first = made(store, "sam", "a@1", "promoted")
    assert made(store, "sam", "a@1", "refused") == first == store.read(model_of_id, "a@1")
    with pytest.raises(StoreError, match="there is a model 1 already"):
        store.write(add_model, 1, "sam", "b@2", "/m", parent_id=None, state="refused", figures={})
    with pytest.raises(StoreError, match="there is no model 7"):
        store.write(decide, 7, "promoted")


def test_names_decide_what_is_held_out_whatever_comes_later(store: Store) -> None:
    store.write(add_images, NAMES[:200])
    assert not held_out(store)
    count = store.write(hold_out, 0.1)
    before = held_out(store)
    assert len(before) == count
    assert 10 <= count <= 30
    store.write(add_images, NAMES[200:])
    assert held_out(store) == {name for name in NAMES if is_held_out(name, 0.1)} > before
    store.write(hold_out, 0.2)
    assert held_out(store) > before
    for wrong in (0, 1, -0.1):
        with pytest.raises(StoreError, match="no fraction of the images"):
            store.write(hold_out, wrong)


def test_what_an_engine_looked_through_is_not_held_out_afterwards(store: Store) -> None:
    store.write(add_images, NAMES)
    wanted = {name for name in NAMES if is_held_out(name, 0.1)}
    images = store.read(list_images, ImageFilter(), None, 1000).images
    seen = next(image for image in images if image.name in wanted)
    store.write(note_search, seen.id, "detector", "d@1")
    store.write(hold_out, 0.1)
    assert held_out(store) == wanted - {seen.name}
    open_images = store.read(unsearched, "detector", "d@1", ("new",), 0, 1000)
    assert {image.name for image in open_images} == set(NAMES) - wanted


def test_finished_images_are_counted_apart(store: Store) -> None:
    from sqlalchemy import update

    from anymask.engine.store.tables import ImageRow

    store.write(add_images, NAMES[:100])
    count = store.write(hold_out, 0.1)
    done = update(ImageRow).values(state="done", masks=3)
    store.write(lambda session: session.execute(done))
    assert store.read(count_held_out) == (count, 3 * count)
    assert store.read(count_learnable) == (100 - count, 3 * (100 - count))
