"""Ranks of images, kept and asked for."""

from __future__ import annotations

from sqlalchemy import select

from anymask.engine.store.automation.ranks import (
    UNRANKED,
    choosable_images,
    learned_images,
    note_choice,
    put_ranks,
    rank_of_new,
)
from anymask.engine.store.folder import add_images
from anymask.engine.store.leases import release_lease
from anymask.engine.store.store import Store
from anymask.engine.store.tables import ImageRow
from tests.engine.store.steps import Page, add, annotator, become, image


def ranks(store: Store) -> dict[str, int]:
    query = select(ImageRow.name, ImageRow.rank)
    return store.read(lambda session: dict(session.execute(query).all()))


def test_ranks_are_kept_until_the_next_choice(store: Store) -> None:
    ids = [image(store, name) for name in ("a.png", "b.png", "c.png")]
    store.write(put_ranks, [(ids[0], 3), (ids[1], 1), (ids[2], -1)])
    store.write(put_ranks, [])
    assert store.read(rank_of_new) == 0
    store.write(note_choice, {"by": "random"})
    store.write(add_images, ["d.png"])
    assert ranks(store) == {"a.png": 3, "b.png": 1, "c.png": -1, "d.png": UNRANKED}
    store.write(note_choice, None)
    assert store.read(rank_of_new) == 0


def test_what_was_begun_is_not_chosen_but_learned_from(store: Store) -> None:
    ids = [image(store, name) for name in ("a.png", "b.png", "c.png")]
    store.write(put_ranks, [(image_id, 5) for image_id in ids])
    ann = annotator(store)
    for image_id, steps in ((ids[0], [add(), become("done")]), (ids[1], [become("skipped")])):
        desk = Page(store, image_id, ann)
        desk.send(*steps)
        store.write(release_lease, image_id, ann, desk.token)
    assert [one.name for one in store.read(choosable_images)] == ["c.png"]
    assert [one.name for one in store.read(learned_images)] == ["a.png"]
    store.write(note_choice, {"by": "random"})
    assert ranks(store) == {"a.png": 0, "b.png": 0, "c.png": 5}
