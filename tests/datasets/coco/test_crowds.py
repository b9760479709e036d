"""What ``iscrowd`` means: in COCO's own files, in those of tools, and as the user says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anymask.core import rle
from anymask.datasets.recognise import open_dataset
from anymask.errors import DatasetError
from tests.datasets.coco.written import HW, SQUARE, Entry, annotation, image, picture, read, write


def runs(number: int, image_id: int = 1, compressed: bool = False, **more: object) -> Entry:
    """A mask of two parts, as run lengths."""
    mask = np.zeros(HW, bool)
    mask[1:3, 1:3] = mask[4, 5] = True
    encoded: Any = rle.encode(mask)
    counts = encoded["counts"] if compressed else rle.runs(encoded)
    return annotation(number, image_id, {"size": [*HW], "counts": counts}, **more)


def opened(folder: Path, entries: list[Entry], names: tuple[str, ...] = (), **options: Any) -> Any:
    """How many objects a file of these has, and what is said of it."""
    images = [image(n, file_name=name) for n, name in enumerate(names or ("1.png",), start=1)]
    for one in images:
        picture(folder / "images" / one["file_name"])
    write(folder / "instances.json", images, entries)
    samples, unread, notes = read(folder, **options)
    assert unread == []
    return sum(len(sample.masks) for sample in samples), " ".join(notes)


POLYGON, MARKED = annotation(1, 1), runs(2, iscrowd=1)
TEXT = json.dumps(MARKED["segmentation"])
CORNER = [[0, 0, 2, 0, 2, 2, 0, 2]]
COCO_NAME = ("000000000009.jpg",)


@pytest.mark.parametrize(
    ("entries", "names", "objects", "why"),
    [
        ([POLYGON, MARKED], (), 2, "all run lengths are marked and nothing else"),
        ([MARKED], (), 1, "every mask of the file is marked"),
        ([annotation(1, 1, iscrowd=1)], (), 1, "every mask of the file is marked"),
        ([annotation(1, 1, TEXT), MARKED], (), 1, "other run lengths are not"),
        ([POLYGON, MARKED, runs(3, iscrowd=True)], COCO_NAME, 3, "several of one category"),
        ([POLYGON, MARKED], COCO_NAME, 1, "they lie in COCO's own photographs"),
        ([POLYGON, MARKED], ("train/COCO_val2014_000000000009.jpg",), 1, "COCO's own"),
        ([POLYGON, MARKED, runs(3)], (), 2, "because other run lengths are not marked"),
        ([POLYGON, annotation(2, 1, iscrowd=1)], (), 1, "not only run lengths are marked"),
        ([POLYGON, MARKED, annotation(3, 1, iscrowd=1)], (), 1, "not only run lengths are marked"),
    ],
)
def test_files_tell_what_they_mean(
    tmp_path: Path, entries: list[Entry], names: tuple[str, ...], objects: int, why: str
) -> None:
    found, said = opened(tmp_path, entries, names)
    assert found == objects
    assert why in said
    is_taken = objects == len(entries)
    assert ("taken as objects" if is_taken else "left out as crowds") in said
    assert f"--crowds {'ignore' if is_taken else 'objects'}" in said
    assert open_dataset(str(tmp_path)).crowds_are_objects is is_taken


@pytest.mark.parametrize("mark", [1, 1.0, True, "1", "true"])
def test_marks_in_other_spellings(tmp_path: Path, mark: object) -> None:
    entries = [POLYGON, annotation(2, 1, CORNER, iscrowd=mark)]
    assert opened(tmp_path, entries)[0] == 1


@pytest.mark.parametrize("mark", [0, 0.0, False, "0", None, "", "false"])
def test_what_is_no_mark(tmp_path: Path, mark: object) -> None:
    entries = [POLYGON, annotation(2, 1, CORNER, iscrowd=mark)]
    assert opened(tmp_path, entries) == (2, "")


@pytest.mark.parametrize("key", ["ignore", "is_crowd", "isCrowd"])
def test_other_words_for_crowds_are_said(tmp_path: Path, key: str) -> None:
    """COCO's own code, too, looks at none of them."""
    entries = [annotation(1, 1, **{key: 0}), annotation(2, 1, CORNER, **{key: 1})]
    found, said = opened(tmp_path, entries)
    assert found == 2
    assert said == f"annotation 2 has {key} 1, which is not looked at: only iscrowd 1 marks crowds"
    entries[1]["iscrowd"] = 1
    assert key + " 1" not in opened(tmp_path, entries)[1]


def test_the_user_decides(tmp_path: Path) -> None:
    entries = [POLYGON, MARKED]
    for names in ((), COCO_NAME):
        found, said = opened(tmp_path, entries, names, crowds="objects")
        assert (found, "taken as objects, as asked for (annotation 2)" in said) == (2, True)
        found, said = opened(tmp_path, entries, names, crowds="ignore")
        assert (found, "left out as crowds, as asked for (annotation 2)" in said) == (1, True)
    kinds = [open_dataset(str(tmp_path), crowds=one).kind for one in ("ignore", "objects")]
    assert kinds == ["COCO annotations", "COCO annotations, crowds as objects"]
    with pytest.raises(DatasetError, match=r"crowds are objects or ignore, not 'all'"):
        open_dataset(str(tmp_path), crowds="all")


def test_how_many_are_left_out_and_where_nothing_else_is(tmp_path: Path) -> None:
    entries = [POLYGON, MARKED, runs(7, 2, iscrowd=1), runs(8, 3, iscrowd=1), runs(9, 3)]
    found, said = opened(tmp_path, entries, ("1.png", "2.png", "3.png"))
    assert found == 2
    assert "3 of its annotations are marked iscrowd 1 and left out as crowds" in said
    assert "(annotations 2, 7, 8); image 2 has nothing else" in said


def test_other_data_has_no_crowds(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "1.png", tmp_path / "masks" / "1.png", value=255)
    with pytest.raises(DatasetError, match=r"knows and that may have crowds \(COCO\)"):
        open_dataset(str(tmp_path), crowds="objects")


def test_a_polygon_is_what_it_was(tmp_path: Path) -> None:
    opened(tmp_path, [annotation(1, 1, SQUARE)])
    (sample,), _, _ = read(tmp_path)
    assert rle.area(sample.masks[0]) == 9
