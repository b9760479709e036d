"""Audits: images are drawn, put before annotators, and reported on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from anymask.engine.stages.auditing import drawn, report, start
from anymask.engine.stages.automatic import put_masks
from anymask.engine.stages.searching import Found
from anymask.engine.store.automation.audits import (
    auditable,
    audited_images,
    end_audit,
    last_audit,
    latest_figures,
)
from anymask.engine.store.automation.searches import unsearched
from anymask.engine.store.documents import document
from anymask.engine.store.images import image_summary, next_image
from anymask.engine.store.leases import release_lease
from anymask.engine.store.store import Store
from anymask.engine.store.values import Annotator, Change
from anymask.errors import StoreError
from tests.engine.stages.test_automatic import found, look
from tests.engine.store.steps import HW, Page, act, add, annotator, become, image, version


def filled(store: Store, name: str, *places: int) -> int:
    """An image in which the engine found masks."""
    image_id = image(store, name)
    seen = store.read(image_summary, image_id)
    assert put_masks(store, seen, Found(HW, [found(x) for x in places]), look())
    return image_id


def left(page: Page) -> None:
    assert page.store.write(release_lease, page.image_id, page.annotator, page.token)


def test_each_image_is_drawn_as_often() -> None:
    """Of 20 images 5 are drawn: a quarter of the times each."""
    masks = {image_id: image_id % 7 for image_id in range(1, 21)}
    counts = Counter(one for seed in range(2000) for one in drawn(masks, 5, seed))
    assert set(counts) == set(masks)
    assert all(420 < count < 580 for count in counts.values()), counts
    assert drawn(masks, 5, 3) == drawn(masks, 5, 3) != drawn(masks, 5, 4)
    assert drawn(masks, 99, 0) == sorted(masks)


def test_crowded_images_are_drawn_as_they_are_there() -> None:
    """Half of the images have one mask, half a hundred: so has half of any sample."""
    masks = {image_id: 1 if image_id <= 50 else 100 for image_id in range(1, 101)}
    for seed in range(20):
        assert sum(one <= 50 for one in drawn(masks, 10, seed)) == 5


def test_which_images_can_be_audited(store: Store) -> None:
    ids = [filled(store, f"{name}.png", 0, 20) for name in "abc"]
    empty = filled(store, "d.png")
    ann = annotator(store)
    page = Page(store, ids[0], ann)
    page.send(become("done"))
    left(page)
    Page(store, ids[1], ann)
    page = Page(store, image(store, "e.png"), ann)
    page.send(add(), become("done"))
    assert store.read(auditable) == {ids[2]: 2}
    assert store.read(image_summary, empty).state == "done"


def test_an_audit_from_start_to_end(store: Store) -> None:
    """a is corrected, b skipped, c left alone; d was not drawn, e is new."""
    a, b, c = (filled(store, f"{name}.png", 0, 20, 40) for name in "abc")
    image(store, "e.png")
    ann = annotator(store)
    started = start(store, 9, seed=1)
    assert (started.images, started.masks, started.of) == (3, 9, 3)
    with pytest.raises(StoreError, match="an audit runs since"):
        start(store, 9, seed=1)
    assert set(store.read(audited_images, started.audit.id).values()) == {"returned"}
    waiting = store.read(unsearched, "detector", "d", ("new", "returned"))
    assert [one.name for one in waiting] == ["e.png"], "nothing is suggested in what is audited"
    page = opened(store, ann, a)
    masks = {one.version.bbox[0]: one for one in store.read(document, a).masks}
    half = version(0, 4, 4, 8)  # of 8 by 8
    page.send(
        act("edit", Change(masks[0].id, masks[0].version.id, half)),
        act("delete", Change(masks[20].id, masks[20].version.id, None)),
        add(),
        become("done"),
    )
    left(page)
    assert not store.read(document, a).is_audited
    page = opened(store, ann, b)
    page.send(become("skipped"))
    left(page)
    figures = report(store, started.audit, lambda values, images: None, 0.5)
    assert {name: figures[name] for name in ("images", "waiting", "skipped", "masks", "pairs")} == {
        "images": 1,
        "waiting": 1,
        "skipped": 1,
        "masks": 3,
        "pairs": 2,
    }
    assert figures["mean_iou"] == 0.75
    assert figures["share_above"]["0.9"]["share"] == 0.5
    assert figures["deleted"]["share"] == pytest.approx(1 / 3)
    assert store.write(end_audit, started.audit.id) == 1
    untouched = store.read(document, c)
    assert (untouched.image.state, untouched.is_audited) == ("done", False)
    ended = store.read(last_audit)
    assert ended is not None
    assert ended.ended_at is not None
    assert report(store, ended, lambda values, images: None, 0.9) == figures, "as it was kept"
    kept = store.read(latest_figures)
    assert kept is not None
    assert kept[1] == figures
    assert start(store, 9, seed=2).images == 1, "the one that nobody has corrected"


def opened(store: Store, person: Annotator, image_id: int) -> Page:
    """A page on an image that is to be corrected, before the new ones."""
    queue = list(_queue(store, person))
    assert image_id in queue[:-1], "the new one is the last"
    assert store.read(document, image_id).is_audited
    return Page(store, image_id, person)


def _queue(store: Store, person: Annotator) -> Iterator[int]:
    """What an annotator is given, one after the other."""
    seen: list[int] = []
    after = None
    while True:
        following = store.read(next_image, person, after)
        assert following is not None
        if following.id in seen:
            return
        seen.append(following.id)
        after = following.id
        yield following.id


def test_nothing_to_audit_is_said(store: Store) -> None:
    image(store)
    with pytest.raises(StoreError, match="nothing to audit"):
        start(store, 5, 0)
    assert store.read(last_audit) is None
