"""Imports on both databases: masks added to logs, and none twice."""

from __future__ import annotations

from pathlib import Path

from anymask.engine.store.documents import document
from anymask.engine.store.labels import list_labels
from anymask.engine.store.log.imports import GivenImage, GivenMask, Imported, import_images
from anymask.engine.store.store import Store
from tests.engine.store.steps import HW, annotator, image, page, rectangle


def given(name: str = "a.png", *lefts: int, label: str | None = "house") -> GivenImage:
    masks = (GivenMask(rectangle(left, 3, 5, 5), label, "pair", 0.5) for left in lefts)
    return GivenImage(name, HW, tuple(masks))


def test_a_trial_changes_nothing_and_says_what_is_done(store: Store) -> None:
    image_id, boss = image(store), annotator(store, "Bo", "admin")
    trial = store.read(import_images, boss, [given("a.png", 1, 9)], is_trial=True)
    assert (trial.images, trial.labels) == ((Imported(added=2),), ("house",))
    assert store.read(list_labels) == ()
    assert store.write(import_images, boss, [given("a.png", 1, 9)]) == trial
    found = store.read(document, image_id)
    assert [(mask.version.group, mask.version.predicted_iou) for mask in found.masks] == [
        ("pair", 0.5)
    ] * 2
    again = store.write(import_images, boss, [given("a.png", 1, 9, 20)])
    assert again.images == (Imported(added=1, already=2),)
    assert [entry.kind for entry in store.read(document, image_id).log] == ["import", "import"]


def test_ids_are_those_of_the_content(store: Store, tmp_path: Path) -> None:
    ids = []
    with Store.open(tmp_path / "other.sqlite") as other:
        for one in (store, other):
            image_id, boss = image(one), annotator(one, "Bo", "admin")
            one.write(import_images, boss, [given("a.png", 1, 9)])
            ids.append([mask.id for mask in one.read(document, image_id).masks])
    assert ids[0] == ids[1]
    assert len(set(ids[0])) == 2


def test_one_image_s_trouble_is_not_another_s(store: Store) -> None:
    taken = page(store, "a.png")
    image(store, "b.png")
    boss = annotator(store, "Bo", "admin")
    batch = [given("a.png", 1), given("b.png", 1), given("c.png", 1)]
    held, added, unknown = store.write(import_images, boss, batch).images
    assert held.refused.startswith(f"is with {taken.annotator.name}")
    assert added == Imported(added=1)
    assert "not in the store" in unknown.refused
