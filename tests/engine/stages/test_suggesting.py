"""What the engine suggests, and what becomes of it."""

from __future__ import annotations

import pytest

from anymask.core import rle
from anymask.engine.model.suggestion import Suggestion, suggestion
from anymask.engine.stages.suggesting import Suggested, suggest
from anymask.engine.store.automation.searches import count_searched, unsearched
from anymask.engine.store.documents import document
from anymask.engine.store.images import image_summary
from anymask.engine.store.leases import release_lease
from anymask.engine.store.store import Store
from anymask.engine.store.values import Change, Mask
from tests.engine.store.steps import Page, act, annotator, become, image, rectangle, undo, version

SOURCE, MODEL = "detector", "mobile-sam 1"


def found(x: int, predicted_iou: float = 0.9, width: int = 8) -> Suggestion:
    one = suggestion(rectangle(x, 4, width, 8), predicted_iou)
    assert one is not None
    return one


def waiting(store: Store, image_id: int) -> list[Mask]:
    return [mask for mask in store.read(document, image_id).masks if mask.version.is_suggested]


def left(page: Page) -> None:
    assert page.store.write(release_lease, page.image_id, page.annotator, page.token)


def test_masks_are_suggested_once(store: Store) -> None:
    image_id = image(store)
    both = [found(0), found(20, 0.8)]
    assert suggest(store, image_id, both, SOURCE, MODEL) == Suggested(added=2)
    assert suggest(store, image_id, both, SOURCE, MODEL) == Suggested()
    masks = waiting(store, image_id)
    assert {(mask.version.source, mask.version.predicted_iou) for mask in masks} == {
        (SOURCE, 0.9),
        (SOURCE, 0.8),
    }
    seen = store.read(image_summary, image_id)
    assert (seen.suggestions, seen.revision, seen.lease) == (2, 1, None)


def test_of_two_alike_the_surer_is_suggested(store: Store) -> None:
    image_id = image(store)
    suggest(store, image_id, [found(0, 0.7, 9), found(0, 0.9, 8)], SOURCE, MODEL)
    (mask,) = waiting(store, image_id)
    assert mask.version.predicted_iou == 0.9


def test_what_the_image_has_is_not_suggested(store: Store) -> None:
    page = Page(store, image(store), annotator(store))
    mine = version(segmentation=rectangle(0, 4, 8, 8))
    page.send(act("add", Change("1" * 8 + "-1111-1111-1111-" + "1" * 12, None, mine)))
    left(page)
    assert suggest(store, page.image_id, [found(0), found(20)], SOURCE, MODEL) == Suggested(1, 1)


def test_what_was_rejected_is_not_suggested_again_until_that_is_undone(store: Store) -> None:
    image_id, person = image(store), annotator(store)
    suggest(store, image_id, [found(0)], SOURCE, MODEL)
    (mask,) = waiting(store, image_id)
    page = Page(store, image_id, person)
    rejected = act("reject", Change(mask.id, mask.version.id, None))
    page.send(rejected)
    left(page)
    almost = found(0, 0.95, 9)
    assert suggest(store, image_id, [almost], SOURCE, "another") == Suggested(known=1)
    page = Page(store, image_id, person)
    page.send(undo(rejected))
    left(page)
    assert suggest(store, image_id, [almost], SOURCE, "another") == Suggested(1, 0, 1)


def test_a_new_model_takes_back_what_the_old_one_suggested(store: Store) -> None:
    image_id = image(store)
    suggest(store, image_id, [found(0), found(20)], SOURCE, MODEL)
    suggest(store, image_id, [found(40)], "everything", MODEL)
    assert suggest(store, image_id, [found(20)], SOURCE, "another") == Suggested(withdrawn=1)
    kept = [mask.version.segmentation for mask in waiting(store, image_id)]
    assert {rle.bbox_xywh(mask)[0] for mask in kept} == {20, 40}


def test_nobody_is_disturbed_at_work(store: Store) -> None:
    page = Page(store, image(store), annotator(store))
    assert suggest(store, page.image_id, [found(0)], SOURCE, MODEL) is None
    assert waiting(store, page.image_id) == []


@pytest.mark.parametrize("state", ["done", "skipped"])
def test_nothing_is_suggested_where_nothing_is_missing(store: Store, state: str) -> None:
    page = Page(store, image(store), annotator(store))
    page.send(become(state))  # type: ignore[arg-type]
    left(page)
    assert suggest(store, page.image_id, [found(0)], SOURCE, MODEL) is None


def test_an_image_is_searched_once_with_each_model(store: Store) -> None:
    ids = [image(store, name) for name in ("a.png", "b.png", "c.png")]

    def open_images(model_id: str) -> list[int]:
        return [one.id for one in store.read(unsearched, SOURCE, model_id, ("new",))]

    assert suggest(store, ids[0], [], SOURCE, MODEL) == Suggested()
    assert open_images(MODEL) == ids[1:]
    assert open_images("another") == ids
    assert store.read(unsearched, "everything", MODEL, ("done",)) == []
    assert [store.read(count_searched, SOURCE, model) for model in (MODEL, "another")] == [1, 0]
    suggest(store, ids[0], [found(0)], SOURCE, "another")
    assert open_images("another") == ids[1:]
    assert open_images(MODEL) == ids
