"""Simulated annotators at a real server: what they leave behind is what a person would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anymask.core import rle
from anymask.engine.annotate import Project
from anymask.engine.model.suggestion import suggestion
from anymask.engine.simulation.annotating import Person, Work
from anymask.engine.simulation.annotator import COSTS, HABITS, Costs, Habits
from anymask.engine.simulation.client import Client, RefusedError
from anymask.engine.simulation.serving import staff
from anymask.engine.simulation.simulating import Office
from anymask.engine.simulation.truth import Truth
from anymask.engine.stages.suggesting import suggest
from anymask.engine.store.documents import document
from anymask.engine.store.images import count_images, list_images, set_size
from anymask.engine.store.leases import take_lease
from anymask.engine.store.store import Store
from anymask.engine.store.tallies import status, summed
from anymask.engine.store.values import ImageDocument, Mask
from anymask.errors import Error
from tests.engine.simulation.conftest import HW, NAMES, OBJECTS, UNKNOWN, region, running
from tests.engine.store.steps import annotator

PATIENT = Habits(image_s=1e6, mask_s=1e6)


@pytest.fixture
def url(store: Store, project: Project) -> Iterator[str]:
    """A server."""
    with running(store, project) as address:
        yield address


def office(url: str, truth: Path, photos: Path, habits: Habits = PATIENT, **facts: Any) -> Office:
    return Office(url, Truth.open(str(truth), photos), Person(COSTS, habits), **facts)


def documents(store: Store) -> list[ImageDocument]:
    return [store.read(document, one.id) for one in store.read(list_images).images]


def best_iou(mask: Mask) -> float:
    return float(rle.iou([mask.version.segmentation], [region(*box) for box in OBJECTS]).max())


def test_all_objects_of_all_images_get_a_mask(
    store: Store, url: str, truth: Path, photos: Path
) -> None:
    work = office(url, truth, photos).staff(staff(store, 2))
    assert (work.images, work.masks, work.left) == (3, 9, 0)
    for whole in documents(store):
        assert whole.image.state == "done"
        assert len(whole.masks) == len(OBJECTS)
        assert all(best_iou(mask) >= HABITS.enough_iou for mask in whole.masks)
        assert [entry.kind for entry in whole.log] == ["add"] * 3 + ["state"]
        drawn = [mask.version.area for mask in sorted(whole.masks, key=lambda m: m.version.order)]
        assert drawn == sorted(drawn, reverse=True), "the most prominent first"
    (total,) = summed(store.read(status))
    assert (total.masks, total.images) == (9, 3)
    assert total.seconds == pytest.approx(work.seconds, abs=0.1)
    assert total.clicks_add + total.clicks_remove == work.clicks
    assert total.strokes == work.strokes
    people = {tally.annotator for tally in store.read(status)}
    assert people <= {"simulated 1", "simulated 2"}
    assert work.iou / work.masks >= HABITS.enough_iou


def test_suggestions_are_judged_before_anything_is_drawn(
    store: Store, url: str, truth: Path, photos: Path
) -> None:
    good, poor = region(*OBJECTS[0]), region(60, 10, 12, 6)
    found = [suggestion(one, 0.9) for one in (good, poor, region(*UNKNOWN))]
    first = store.read(list_images).images[0]
    store.write(set_size, first.id, HW[1], HW[0])
    suggest(store, first.id, [one for one in found if one is not None], "detector", "m")
    work = office(url, truth, photos, until=1).staff(staff(store, 1))
    assert (work.images, work.masks, work.accepted, work.rejected) == (1, 3, 1, 2)
    whole = documents(store)[0]
    kinds = Counter(entry.kind for entry in whole.log)
    assert kinds == {"suggest": 1, "accept": 1, "reject": 2, "add": 2, "state": 1}
    (taken,) = (mask for mask in whole.masks if mask.version.source == "detector")
    assert taken.version.segmentation == good
    (total,) = summed(store.read(status))
    assert (total.masks, total.automatic, total.rejected) == (3, 1, 2)


def test_what_is_nearly_right_is_accepted_and_corrected(
    store: Store, url: str, truth: Path, photos: Path
) -> None:
    nearly = region(10, 10, 32, 30)  # of the largest object; 0.8
    first = store.read(list_images).images[0]
    store.write(set_size, first.id, HW[1], HW[0])
    found = suggestion(nearly, 0.9)
    assert found is not None
    suggest(store, first.id, [found], "detector", "m")
    work = office(url, truth, photos, until=1).staff(staff(store, 1))
    assert (work.masks, work.accepted, work.corrected, work.rejected) == (3, 1, 1, 0)
    whole = documents(store)[0]
    kinds = Counter(entry.kind for entry in whole.log)
    assert kinds == {"suggest": 1, "accept": 1, "edit": 1, "add": 2, "state": 1}
    assert len(whole.masks) == 3
    assert all(best_iou(mask) >= HABITS.enough_iou for mask in whole.masks)
    (total,) = summed(store.read(status))
    assert (total.masks, total.automatic) == (3, 1)
    assert total.seconds == pytest.approx(work.seconds, abs=0.1)


def test_what_is_left_for_want_of_time_costs_what_it_took(
    store: Store, url: str, truth: Path, photos: Path
) -> None:
    habits = Habits(mask_s=0, least_iou=0.85)
    work = office(url, truth, photos, habits).staff(staff(store, 1))
    assert (work.images, work.masks, work.left, work.strokes) == (3, 0, 9, 0)
    (total,) = summed(store.read(status))
    assert total.masks == 0
    assert total.seconds == pytest.approx(work.seconds, abs=0.1)
    assert total.clicks_add + total.clicks_remove == work.clicks > 9


def test_it_goes_on_where_it_was_ended(store: Store, url: str, truth: Path, photos: Path) -> None:
    tokens = staff(store, 1)
    first = office(url, truth, photos)
    stopped = Stopping(first, after=2)
    first.on_image = stopped
    first.staff(tokens)
    assert stopped.images == 2
    second = office(url, truth, photos).staff(tokens)
    assert second.images == 1
    assert store.read(count_images).masks == 9
    assert office(url, truth, photos).staff(tokens) == Work()


class Stopping:
    """Somebody who has had enough after so many images."""

    def __init__(self, room: Office, after: int) -> None:
        self.room, self.after, self.images = room, after, 0

    def __call__(self, name: str, work: Work) -> None:
        self.images += 1
        if self.images == self.after:
            self.room.stopping.set()


def test_what_is_made_depends_on_the_seed_alone(
    store: Store, url: str, truth: Path, photos: Path, project: Project, tmp_path: Path
) -> None:
    one = office(url, truth, photos).staff(staff(store, 1))
    with Store.open(tmp_path / "other.sqlite") as other, running(other, project) as elsewhere:
        two = office(elsewhere, truth, photos).staff(staff(other, 2))
        assert masks_of(store) == masks_of(other)
    assert (one.masks, one.clicks, one.strokes) == (two.masks, two.clicks, two.strokes)


def masks_of(store: Store) -> dict[str, set[str]]:
    return {
        whole.image.name: {mask.version.segmentation["counts"] for mask in whole.masks}
        for whole in documents(store)
    }


def test_an_image_that_another_holds_is_left_alone(
    store: Store, url: str, truth: Path, photos: Path
) -> None:
    held = store.read(list_images).images[0]
    store.write(take_lease, held.id, annotator(store))
    assert office(url, truth, photos).staff(staff(store, 1)).images == 2
    assert [whole.image.state for whole in documents(store)] == ["new", "done", "done"]


def test_what_cannot_be_worked_on_is_skipped_and_named(
    store: Store, project: Project, truth: Path, photos: Path
) -> None:
    (photos / NAMES[0]).write_bytes(b"no picture")
    with running(store, project) as url:
        room = office(url, truth, photos)
        assert room.staff(staff(store, 1)).images == 2
    ((name, reason),) = room.passed
    assert name == NAMES[0]
    assert "picture" in reason or "image" in reason
    assert [whole.image.state for whole in documents(store)] == ["unreadable", "done", "done"]


def test_who_is_not_let_in_ends_all(store: Store, url: str, truth: Path, photos: Path) -> None:
    with pytest.raises(RefusedError, match="link"):
        office(url, truth, photos).staff(["wrong"])
    old, _ = staff(store, 1), staff(store, 1)
    with pytest.raises(RefusedError, match="link"):
        office(url, truth, photos).staff(old)


def test_a_server_that_is_not_there_is_waited_for_and_then_named() -> None:
    with pytest.raises(Error, match="does not answer"):
        Client("http://127.0.0.1:9", patience_s=0).project()
    with pytest.raises(Error, match="no address"):
        Client("127.0.0.1:8420")


def test_costs_change_seconds_and_nothing_else(
    store: Store, url: str, truth: Path, photos: Path
) -> None:
    free = Costs(**dict.fromkeys(vars(COSTS), 0.0))
    room = office(url, truth, photos)
    room.person = Person(free, PATIENT)
    assert room.staff(staff(store, 1)).seconds == 0
    assert store.read(count_images).masks == 9
