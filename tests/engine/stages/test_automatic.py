"""Everything that the model finds becomes masks, once an image, and no person's work is undone."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anymask.core import rle
from anymask.core.protocol import DiscSegmenter
from anymask.engine.model.suggestion import Suggestion, suggestion
from anymask.engine.pictures.folder import ImageFolder
from anymask.engine.stages.automatic import (
    Added,
    Filled,
    Pass,
    fill,
    images_to_fill,
    put_masks,
    result_of,
)
from anymask.engine.stages.searching import Found
from anymask.engine.stages.suggesting import suggest
from anymask.engine.store.annotators import ENGINE_NAME
from anymask.engine.store.automation.audits import end_audit, start_audit
from anymask.engine.store.documents import document
from anymask.engine.store.folder import scan_folder
from anymask.engine.store.images import image_summary, list_images
from anymask.engine.store.leases import release_lease
from anymask.engine.store.store import Store
from anymask.engine.store.tables import ImageRow
from anymask.engine.store.tallies import status
from anymask.engine.store.values import Change, Mask, State, Version
from anymask.jobs.many_images import Outcome, Settings, segment_results
from anymask.jobs.result_names import NamedResult
from anymask.jobs.results import Format
from anymask.predict.automatic import AutomaticConfig
from tests.engine.store.steps import (
    HW,
    Page,
    act,
    add,
    annotator,
    become,
    image,
    rectangle,
    version,
)

CONFIG = AutomaticConfig(points_per_side=2, pred_iou_thresh=0.85, stability_score_thresh=0.0)
SETTINGS = Settings("discs", "float32", CONFIG, Format.json)
NEW: tuple[State, ...] = ("new",)


def found(x: int, width: int = 8, predicted_iou: float = 0.9) -> Suggestion:
    one = suggestion(rectangle(x, 4, width, 8), predicted_iou, 0.97)
    assert one is not None
    return one


def look(key: str = "m 1") -> Pass:
    return Pass(key.split()[0], key)


def put(store: Store, image_id: int, *some: Suggestion, search: str = "m 1") -> Added | None:
    seen = store.read(image_summary, image_id)
    return put_masks(store, seen, Found(HW, some), look(search))


def masks(store: Store, image_id: int) -> list[Mask]:
    return [one for one in store.read(document, image_id).masks if not one.version.is_suggested]


def places(store: Store, image_id: int) -> list[float]:
    return sorted(rle.bbox_xywh(one.version.segmentation)[0] for one in masks(store, image_id))


def left(page: Page) -> None:
    assert page.store.write(release_lease, page.image_id, page.annotator, page.token)


def test_what_is_found_is_masks_and_the_image_is_done(sqlite_store: Store) -> None:
    image_id = image(sqlite_store)
    assert put(sqlite_store, image_id, found(0), found(20)) == Added(added=2)
    assert [
        (one.version.source, one.version.predicted_iou, one.version.stability_score)
        for one in masks(sqlite_store, image_id)
    ] == [("everything", 0.9, 0.97)] * 2
    seen = sqlite_store.read(image_summary, image_id)
    assert (seen.state, seen.masks, seen.annotator, seen.lease) == ("done", 2, ENGINE_NAME, None)
    (tally,) = sqlite_store.read(status)  # that it says the image is done is no work
    assert (tally.masks, tally.automatic, tally.images, tally.seconds) == (2, 2, 1, 0.0)
    assert put(sqlite_store, image_id, found(0), found(20)) == Added(), (
        "the same again changes nothing"
    )
    assert sqlite_store.read(image_summary, image_id).masks == 2


def test_what_the_image_has_and_what_a_person_removed_is_left_out(sqlite_store: Store) -> None:
    page = Page(sqlite_store, image(sqlite_store), annotator(sqlite_store))
    mine, deleted = version(segmentation=rectangle(0, 4, 8, 8)), add(version(20, 4, 8, 8))
    page.send(add(mine), deleted)
    change = deleted.changes[0]
    assert isinstance(change.after, Version)
    page.send(act("delete", Change(change.mask_id, change.after.id, None)))
    left(page)
    assert put(sqlite_store, page.image_id, found(0), found(20), found(40)) == Added(
        added=1, known=2
    )
    assert places(sqlite_store, page.image_id) == [0, 40]


def test_what_was_suggested_and_is_a_mask_now_is_withdrawn(sqlite_store: Store) -> None:
    image_id = image(sqlite_store)
    suggest(sqlite_store, image_id, [found(0), found(40)], "detector", "d")
    assert put(sqlite_store, image_id, found(0), found(20)) == Added(added=2, withdrawn=1)
    seen = sqlite_store.read(image_summary, image_id)
    assert (seen.masks, seen.suggestions) == (2, 1), "the other still waits for an answer"


def test_a_newer_model_replaces_what_no_person_touched(store: Store) -> None:
    image_id = image(store)
    put(store, image_id, found(0), found(20), found(40))
    page = Page(store, image_id, annotator(store, role="reviewer"))
    last = max(masks(store, image_id), key=lambda one: rle.bbox_xywh(one.version.segmentation)[0])
    page.send(act("edit", Change(last.id, last.version.id, version(40, 4, 9, 8))))
    left(page)
    before = len(store.read(document, image_id).log)
    again = put(store, image_id, found(20), found(40), found(10), search="n 1")
    assert again == Added(added=1, known=1, replaced=1)
    assert places(store, image_id) == [10, 20, 40]
    whole = store.read(document, image_id)
    assert [one.kind for one in whole.log[before:]] == ["automatic"], "one step"
    (tally,) = (one for one in store.read(status) if one.model_id == "n")
    assert (tally.masks, tally.removed, tally.automatic) == (1, 1, 1)


def test_nobody_undoes_what_the_engine_did(sqlite_store: Store) -> None:
    """A step too far back would empty the image."""
    image_id = image(sqlite_store)
    put(sqlite_store, image_id, found(0))
    entry = sqlite_store.read(document, image_id).log[0]
    page = Page(sqlite_store, image_id, annotator(sqlite_store))
    (change,) = entry.changes
    with pytest.raises(Exception, match="was changed by another"):
        page.send(act("undo", Change(change.mask_id, change.after, None), target=entry.id))
    assert places(sqlite_store, image_id) == [0]


def test_nobody_is_disturbed_at_work(sqlite_store: Store) -> None:
    page = Page(sqlite_store, image(sqlite_store), annotator(sqlite_store))
    assert put(sqlite_store, page.image_id, found(0)) is None
    seen = sqlite_store.read(image_summary, page.image_id)
    page.send(become("done"))
    left(page)
    assert put_masks(sqlite_store, seen, Found(HW, [found(0)]), look()) is None, (
        "it was done meanwhile"
    )
    assert masks(sqlite_store, page.image_id) == []


def to_fill(sqlite_store: Store, search: str = "m 1", states: Sequence[State] = NEW) -> list[str]:
    return [one.name for one in images_to_fill(sqlite_store, look(search), states)]


def test_which_images_are_taken(store: Store) -> None:
    names = ["a.png", "b.png", "c.png", "d.png"]
    ids = dict(zip(names, [image(store, name) for name in names]))

    def hold_out(session: object) -> None:
        session.get(ImageRow, ids["d.png"]).is_held_out = True  # type: ignore[attr-defined]

    store.write(hold_out)
    ann = annotator(store)
    page = Page(store, ids["b.png"], ann)
    page.send(add())
    left(page)
    suggest(store, ids["c.png"], [found(0)], "detector", "d")
    assert to_fill(store) == ["a.png", "c.png"], "one that was only pre-filled is new"
    assert to_fill(store, states=("new", "started")) == ["a.png", "b.png", "c.png"]
    put(store, ids["a.png"], found(0))
    put(store, ids["c.png"], found(0))
    assert to_fill(store, states=("new", "done")) == []
    assert to_fill(store, "n 1") == ["a.png", "c.png"], "an older model did them alone"
    page = Page(store, ids["a.png"], ann)
    page.send(become("done"))
    left(page)
    assert to_fill(store, "n 1") == ["c.png"], "somebody looked at the other"
    audit, _ = store.write(start_audit, [ids["c.png"]], 0)
    assert to_fill(store, "n 1", ("new", "returned", "done")) == ["a.png"], "one is audited"
    store.write(end_audit, audit.id)
    assert to_fill(store, "n 1") == ["c.png"]


@pytest.fixture
def folder(tmp_path: Path, sqlite_store: Store) -> ImageFolder:
    """Three grey images in the store, two of one name but for its ending."""
    images = tmp_path / "images"
    images.mkdir()
    for name in ("a.png", "a.webp", "b.png"):
        Image.fromarray(np.full((12, 16, 3), 128, np.uint8)).save(images / name)
    scan_folder(sqlite_store, images)
    return ImageFolder(images)


class Job:
    """Everything in a folder's images by discs, which counts what it computes."""

    def __init__(self, store: Store, folder: ImageFolder, out: Path) -> None:
        self.store, self.folder, self.out = store, folder, out
        self.asked: list[str] = []

    def run(self, settings: Settings = SETTINGS) -> Iterator[Filled]:
        images = images_to_fill(self.store, Pass.of(settings), NEW)
        return fill(self.store, self.folder, images, self.out, settings, self.segment)

    def segment(
        self, results: Sequence[NamedResult], out: Path, settings: Settings
    ) -> Iterator[Outcome]:
        for outcome in segment_results(DiscSegmenter(), results, out, settings):
            if outcome.state == "done":
                self.asked.append(outcome.name)
            yield outcome


def test_each_image_is_filled_once_and_nothing_is_left_behind(
    sqlite_store: Store, folder: ImageFolder, tmp_path: Path
) -> None:
    job = Job(sqlite_store, folder, tmp_path / "jobs" / "1")
    assert list(job.run()) == [Filled(name, Added(4)) for name in ("a.png", "a.webp", "b.png")]
    assert list(job.run()) == []
    assert not (tmp_path / "jobs").exists()
    assert [one.masks for one in sqlite_store.read(list_images).images] == [4, 4, 4]
    other = replace(SETTINGS, config=replace(CONFIG, pred_iou_thresh=0.95))
    assert list(job.run(other)) == [
        Filled(name, Added(replaced=4)) for name in ("a.png", "a.webp", "b.png")
    ], "other thresholds, other masks"


def test_what_was_found_is_kept_until_the_store_has_it(
    sqlite_store: Store, folder: ImageFolder, tmp_path: Path
) -> None:
    job = Job(sqlite_store, folder, tmp_path / "1")
    results = [result_of(folder, one) for one in sqlite_store.read(list_images).images]
    list(job.segment(results[:2], job.out, SETTINGS))  # and ended before the store had any
    assert [one.name for one in job.run()] == ["a.png", "a.webp", "b.png"]
    assert job.asked == ["a.png", "a.webp", "b.png"], "each once"
    assert [one.masks for one in sqlite_store.read(list_images).images] == [4, 4, 4]


def test_a_held_image_is_taken_the_next_time_without_computing_it_again(
    sqlite_store: Store, folder: ImageFolder, tmp_path: Path
) -> None:
    job, ann = Job(sqlite_store, folder, tmp_path / "1"), annotator(sqlite_store)
    ids = [one.id for one in sqlite_store.read(list_images).images]
    first = Page(sqlite_store, ids[0], ann)
    segment, taken = job.segment, list[Page]()

    def meanwhile(*given: object) -> Iterator[Outcome]:
        for outcome in segment(*given):  # type: ignore[arg-type]
            if outcome.name == "b.png":
                taken.append(Page(sqlite_store, ids[2], annotator(sqlite_store, "Bob")))
            yield outcome

    job.segment = meanwhile  # type: ignore[assignment]
    assert list(job.run()) == [
        Filled("a.png", None, "Ann is at work on it"),
        Filled("a.webp", Added(4)),
        Filled("b.png", None, "somebody began to work on it"),
    ]
    left(first)
    left(taken[0])
    job.segment = segment  # type: ignore[method-assign]
    assert list(job.run()) == [Filled("a.png", Added(4)), Filled("b.png", Added(4))]
    assert job.asked == ["a.webp", "b.png", "a.png"], "b was there already"


def test_what_cannot_be_read_is_passed_over_and_an_outdated_record_is_made_again(
    sqlite_store: Store, folder: ImageFolder, tmp_path: Path
) -> None:
    job = Job(sqlite_store, folder, tmp_path / "1")
    first, _, last = sqlite_store.read(list_images).images
    list(job.segment([result_of(folder, last)], job.out, SETTINGS))
    (job.out / "99.json").write_text("of an image that is gone")
    Image.new("RGB", (30, 20), "grey").save(folder.path / last.name)
    os.utime(job.out / f"{last.id}.json", (0, 0))
    good = (folder.path / first.name).read_bytes()
    (folder.path / first.name).write_bytes(b"nothing")
    broken, *rest = job.run()
    assert "a.png" in broken.reason
    assert rest == [Filled("a.webp", Added(4)), Filled("b.png", Added(4))]
    assert sqlite_store.read(image_summary, last.id).width == 30
    assert not (job.out / "99.json").exists()
    (folder.path / first.name).write_bytes(good)
    assert list(job.run()) == [Filled("a.png", Added(4))]
