"""Masks that come into a store: what is added, what is not, and that all of it is said."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from anymask.core import rle
from anymask.engine.importing import importing
from anymask.engine.store.annotators import local_annotator
from anymask.engine.store.documents import document
from anymask.engine.store.images import image_summary, list_images
from anymask.engine.store.leases import release_lease, take_lease
from anymask.engine.store.log.actions import apply_actions
from anymask.engine.store.log.imports import import_images
from anymask.engine.store.store import Store
from anymask.engine.store.tallies import status
from anymask.engine.store.values import Change
from anymask.errors import DatasetError
from tests.engine.importing.stores import MaskArray, brought, folder_of, fresh, given, put, seen
from tests.engine.store.steps import act, annotator, become

HW = (10, 12)


def square(left: int = 1, side: int = 4, hw: tuple[int, int] = HW) -> MaskArray:
    """A mask of one square."""
    mask = np.zeros(hw, bool)
    mask[2 : 2 + side, left : left + side] = True
    return mask


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of(tmp_path / "photos", {"a.png": HW, "b.png": HW, "deep/c.png": HW})


@pytest.fixture
def store(tmp_path: Path, folder: Path) -> Iterator[Store]:
    with fresh(tmp_path / "store.sqlite", folder) as opened:
        yield opened


def coco(path: Path, masks: dict[str, list[dict[str, Any]]], hw: tuple[int, int] = HW) -> Path:
    """A COCO file of annotations, by image; each says what is not as usual."""
    images, annotations = list[Any](), list[Any]()
    for number, (name, ones) in enumerate(masks.items(), 1):
        images.append({"id": number, "file_name": name, "height": hw[0], "width": hw[1]})
        for one in ones:
            segmentation = rle.encode(square(hw=hw))
            usual = {"id": len(annotations) + 1, "image_id": number, "category_id": 1}
            annotations.append({**usual, "segmentation": segmentation, "iscrowd": 0, **one})
    names = ["house", "tree"]
    categories = [{"id": number, "name": name} for number, name in enumerate(names, 1)]
    content = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(content))
    return path


def id_of(store: Store, name: str) -> int:
    return next(one.id for one in store.read(list_images).images if one.name == name)


def test_what_would_be_done_is_what_is_done(store: Store, folder: Path, tmp_path: Path) -> None:
    tree = {"category_id": 2, "segmentation": rle.encode(square(6))}
    file = coco(tmp_path / "m.json", {"a.png": [{}, tree], "b.png": [{}], "gone/x.jpg": [{}]})
    trial = brought(store, file, folder, is_trial=True)
    assert seen(store) == {}
    assert trial.lines() == [
        "3 masks in 2 images",
        "labels house, tree are new",
        "1 image is not in this folder: gone/x.jpg",
    ]
    report = brought(store, file, folder)
    assert report == trial
    assert {name: [one[1] for one in masks] for name, masks in seen(store).items()} == {
        "a.png": ["house", "tree"],
        "b.png": ["house"],
    }
    (tally,) = store.read(status)  # nobody made these masks
    assert (tally.masks, tally.seconds, tally.actions) == (0, 0, 2)
    image = store.read(image_summary, id_of(store, "a.png"))
    assert (image.state, image.revision, (image.height, image.width)) == ("started", 1, HW)


def test_the_same_file_twice_adds_nothing_twice(store: Store, folder: Path, tmp_path: Path) -> None:
    file = coco(tmp_path / "m.json", {"a.png": [{}, {"category_id": 2}]})
    assert brought(store, file, folder).masks == 2  # of the same pixels, and other labels
    again = brought(store, file, folder)
    assert (again.masks, again.images, again.already, again.lost) == (0, 0, 2, {})
    assert store.read(image_summary, id_of(store, "a.png")).revision == 1


def test_masks_lie_above_those_that_are_there_and_a_like_one_is_not_doubled(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    put(store, "a.png", HW, given(square(), "house"), given(square(3)))
    other = {"category_id": 2, "segmentation": rle.encode(square(7))}
    report = brought(store, coco(tmp_path / "m.json", {"a.png": [other, {}]}), folder)
    assert (report.masks, report.already) == (1, 1)
    assert [one[1] for one in seen(store)["a.png"]] == ["house", None, "tree"]


def test_an_import_is_undone_and_stays_so(store: Store, folder: Path, tmp_path: Path) -> None:
    file = coco(tmp_path / "m.json", {"a.png": [{}]})
    brought(store, file, folder)
    image_id, me = id_of(store, "a.png"), store.write(local_annotator)
    token = store.write(take_lease, image_id, me).token
    (entry,) = store.read(document, image_id).log
    (change,) = entry.changes
    assert entry.kind == "import"
    back = Change(change.mask_id, change.after, None)
    store.write(apply_actions, image_id, me, token, [act("undo", back, target=entry.id)])
    assert seen(store) == {}
    report = brought(store, file, folder)  # one's own lease is in nobody's way
    assert (report.masks, seen(store)) == (0, {})
    assert report.lines()[1] == (
        "1 mask left out: imported before, and changed or deleted since (a.png)"
    )
    again = Change(change.mask_id, None, change.after)
    store.write(apply_actions, image_id, me, token, [act("redo", again, target=entry.id)])
    assert len(seen(store)["a.png"]) == 1


def test_an_image_that_somebody_holds_waits(store: Store, folder: Path, tmp_path: Path) -> None:
    file = coco(tmp_path / "m.json", {"a.png": [{}], "b.png": [{}]})
    ann, image_id = annotator(store), id_of(store, "a.png")
    token = store.write(take_lease, image_id, ann).token
    report = brought(store, file, folder)
    assert (report.masks, list(seen(store))) == (1, ["b.png"])
    line = "1 image left out: a.png is with Ann just now; import it again when it is free"
    assert line in report.lines()
    store.write(release_lease, image_id, ann, token)
    assert brought(store, file, folder).masks == 1


def test_an_accepted_image_stays_as_it_was_accepted(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    boss, image_id = annotator(store, "Bo", "admin"), id_of(store, "a.png")
    token = store.write(take_lease, image_id, boss).token
    store.write(apply_actions, image_id, boss, token, [become("accepted")])
    store.write(release_lease, image_id, boss, token)
    report = brought(store, coco(tmp_path / "m.json", {"a.png": [{}]}), folder)
    (reason,) = report.refused
    assert reason.startswith("is accepted")


def test_images_are_found_by_the_name_of_the_file_where_it_is_the_only_one(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    report = brought(store, coco(tmp_path / "m.json", {"c.png": [{}], "a.png": [{}]}), folder)
    assert list(seen(store)) == ["a.png", "deep/c.png"]
    line = "found by the file's name alone, in another folder: c.png is deep/c.png"
    assert line in report.lines()
    folder_of(folder, {"other/c.png": HW})
    twice = brought(store, coco(tmp_path / "n.json", {"c.png": [{}], "a.png": [{}]}), folder)
    assert twice.elsewhere.images == 0
    (reason,) = twice.refused
    assert reason.startswith("is the name of several files: deep/c.png, other/c.png")


def test_an_image_of_another_size_is_left_out_and_named(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    file = coco(tmp_path / "m.json", {"a.png": [{}]}, hw=(20, 24))
    report = brought(store, file, folder)
    assert report.lines() == [
        "0 masks in 0 images",
        "1 image left out: a.png is 12×10 (width×height), but has masks of 24×20",
    ]
    put(store, "b.png", HW, given(square()))
    folder_of(folder, {"b.png": (20, 24)})
    other = brought(store, coco(tmp_path / "n.json", {"b.png": [{}]}, hw=(20, 24)), folder)
    assert list(other.refused) == ["is 24×20 (width×height) now, and its masks were drawn on 12×10"]


def test_masks_of_a_tool_that_knows_no_exif_are_turned(tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    folder.mkdir()
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.new("RGB", HW[::-1]).save(folder / "a.jpg", exif=exif)  # upright, it is 10 wide
    with fresh(tmp_path / "store.sqlite", folder) as store:
        brought(store, coco(tmp_path / "m.json", {"a.jpg": [{}]}), folder)
        ((counts, *_),) = seen(store)["a.jpg"]
    turned = rle.decode(rle.RLE(size=[*HW[::-1]], counts=counts))
    np.testing.assert_array_equal(turned, np.rot90(square(), 3))


def test_annotations_without_masks_are_counted_and_named(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    crowd = {"iscrowd": 1, "segmentation": rle.encode(square(0, 8))}
    box = {"segmentation": [], "bbox": [1, 1, 2, 2]}
    empty = {"segmentation": rle.encode(np.zeros(HW, bool))}
    file = coco(tmp_path / "m.json", {"a.png": [{}, box, empty], "b.png": [box], "deep/c.png": []})
    report = brought(store, file, folder)
    lines = "\n".join(report.lines())
    assert (report.masks, report.unread) == (1, 2)
    assert "a.png annotation 2 is left out: no mask, only a box" in lines
    assert "a.png annotation 3 is left out: a mask without a pixel" in lines
    assert "b.png has no annotation with a mask" in lines
    assert "image deep/c.png has no annotation" in lines
    crowds = brought(store, coco(tmp_path / "n.json", {"b.png": [{}, {}, crowd]}), folder)
    assert any("crowd" in line for line in crowds.lines())


def test_words_that_a_store_can_t_hold_lose_their_masks_alone(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    file = coco(tmp_path / "m.json", {"a.png": [{}, {"group": "x" * 201, "category_id": 2}]})
    report = brought(store, file, folder)
    assert report.masks == 1
    assert list(report.lost) == ["a group has 1 to 200 letters, not 201"]


def test_an_image_that_the_store_does_not_know_yet_is_named(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    folder_of(folder, {"new.png": HW})
    report = brought(store, coco(tmp_path / "m.json", {"new.png": [{}]}), folder)
    (reason,) = report.refused
    assert "not in the store yet" in reason


def test_numbers_in_pictures_are_no_labels(store: Store, folder: Path, tmp_path: Path) -> None:
    pictures = tmp_path / "out" / "masks"
    pictures.mkdir(parents=True)
    values = square().astype(np.uint8) * 7 + square(7).astype(np.uint8) * 9
    Image.fromarray(values).save(pictures / "a.png")
    Image.fromarray(values).save(pictures / "unknown.png")
    report = brought(store, tmp_path / "out", folder)
    assert [one[1] for one in seen(store)["a.png"]] == [None, None]
    lines = "\n".join(report.lines())
    assert "a file classes.csv" in lines
    assert "1 picture of masks that are read for no image: unknown.png" in lines


def test_a_file_of_nothing_known_and_one_of_other_images_are_refused(
    store: Store, folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "x.json").write_text('{"a": 1}')
    with pytest.raises(Exception, match="is no"):
        brought(store, tmp_path / "x.json", folder)
    with pytest.raises(DatasetError, match=r"it names z\.png"):
        brought(store, coco(tmp_path / "m.json", {"z.png": [{}]}), folder)


def test_what_is_broken_off_leaves_whole_images_and_goes_on(
    store: Store, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "IMAGES_AT_ONCE", 1)
    other = {"segmentation": rle.encode(square(7))}
    file = coco(tmp_path / "m.json", {name: [{}, other] for name in ("a.png", "b.png")})
    write, calls = store.write, list[object]()

    def broken_off(work: Any, *given: Any, **named: Any) -> Any:
        if work is import_images:
            calls.append(work)
            if len(calls) == 2:
                raise KeyboardInterrupt
        return write(work, *given, **named)

    monkeypatch.setattr(store, "write", broken_off)
    with pytest.raises(KeyboardInterrupt):
        brought(store, file, folder)
    assert {name: len(masks) for name, masks in seen(store).items()} == {"a.png": 2}
    report = brought(store, file, folder)
    assert (report.masks, report.already) == (2, 2)
