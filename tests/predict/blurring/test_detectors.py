"""The built-in detectors' arithmetic by hand, the detectors themselves, and people's own."""

from __future__ import annotations

import json
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from anymask.core.geometry import Floats
from anymask.core.image import read_image
from anymask.errors import Error, OfflineError
from anymask.predict.blurring import faces, plates
from anymask.predict.blurring.blur import FACES, PLATES, blur_image
from anymask.predict.blurring.detectors import find_detectors, own_detector

ROOT = Path(__file__).resolve().parents[3]


def test_a_cell_of_the_heat_map_becomes_a_box() -> None:
    heat, sizes, offsets = (np.zeros((n, 8, 8), np.float32) for n in (1, 2, 2))
    heat = heat[0]
    heat[3, 5] = 0.9
    sizes[:, 3, 5] = math.log(6), math.log(4)  # high, wide; in strides
    offsets[:, 3, 5] = 0.25, -0.5  # down, left
    boxes, scores = faces.boxes_of(heat, sizes, offsets, 0.2)
    centre_x, centre_y = (5 - 0.5 + 0.5) * 4, (3 + 0.25 + 0.5) * 4
    expected = [centre_x - 8, centre_y - 12, centre_x + 8, centre_y + 12]
    assert np.allclose(boxes, [expected])
    assert np.allclose(scores, 0.9)


def test_an_empty_heat_map_gives_no_boxes() -> None:
    planes = np.zeros((2, 8, 8), np.float32)
    boxes, scores = faces.boxes_of(planes[0], planes, planes, 0.2)
    assert boxes.shape == (0, 4)
    assert scores.shape == (0,)


def test_priors_by_hand() -> None:
    """Of an image of 20 × 12: 2 × 3 cells at stride 8, 1 × 2 at 16, 1 × 1 at 32, two each."""
    priors = plates.priors(12, 20)
    assert priors.shape == (2 * (6 + 2 + 1), 4)
    assert priors[0].tolist() == [4, 4, 24, 24]
    assert priors[1].tolist() == [4, 4, 48, 48]
    assert priors[2].tolist() == [12, 4, 24, 24]
    assert priors[6].tolist() == [4, 12, 24, 24]  # the second row, though cut off
    assert priors[12].tolist() == [8, 8, 96, 96]
    assert priors[14].tolist() == [24, 8, 96, 96]
    assert priors[16].tolist() == [16, 16, 384, 384]
    assert priors[17].tolist() == [16, 16, 768, 768]


def test_what_is_said_of_a_prior_becomes_a_box() -> None:
    places = np.array([[0.5, -1.0, math.log(2) / 0.2, 0.0]], np.float32)
    boxes = plates.boxes_of(places, np.array([[10, 20, 24, 24]], np.float32))
    x, y = 10 + 0.5 * 0.1 * 24, 20 - 0.1 * 24
    assert np.allclose(boxes, [[x - 24, y - 12, x + 24, y + 12]])


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A module of detectors where the command is given."""
    (tmp_path / "own_boxes.py").write_text(
        "def one(pixels):\n    return [[1, 2, 3, 4]], [0.5]\n"
        "def uneven(pixels):\n    return [[1, 2, 3, 4]], []\n"
        "def nothing(pixels):\n    return None\n"
        "def none(pixels):\n    return [], []\n"
        "one.scales = (1, 2)\n"
        "number = 3\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_boxes", raising=False)
    return "own_boxes"


def test_a_detector_of_ones_own(own: str) -> None:
    pixels = np.zeros((9, 9, 3), np.uint8)
    boxes, scores = own_detector(f"{own}:one")(pixels)
    assert boxes.tolist() == [[1, 2, 3, 4]]
    assert scores.tolist() == [0.5]
    assert own_detector(f"{own}:none")(pixels)[0].shape == (0, 4)
    assert set(find_detectors(f"{own}:one", "none")) == {FACES}


def test_a_detector_of_ones_own_is_asked_about_the_whole_or_at_its_scales(own: str) -> None:
    seen: list[tuple[int, ...]] = []

    def one(pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> tuple[Floats, Floats]:
        seen.append(pixels.shape)
        return np.zeros((0, 4), np.float32), np.zeros(0, np.float32)

    blur_image(np.zeros((10, 2000, 3), np.uint8), {FACES: one})
    assert seen == [(10, 2000, 3)]
    at_scales = own_detector(f"{own}:one")
    _, found = blur_image(np.zeros((9, 9, 3), np.uint8), {FACES: at_scales})
    assert len(found[FACES]) == 2  # 1, 2, 3, 4 at the image's size, and half of it


@pytest.mark.parametrize(
    "name", ["own_boxes", ":one", "own_boxes:two", "no_such:one", "own_boxes:number"]
)
def test_what_is_no_detector(own: str, name: str) -> None:
    with pytest.raises(Error, match=r"detector|function"):
        own_detector(name)


@pytest.mark.parametrize("name", ["uneven", "nothing"])
def test_answers_that_are_none(own: str, name: str) -> None:
    with pytest.raises(Error, match="gives"):
        own_detector(f"{own}:{name}")(np.zeros((9, 9, 3), np.uint8))


@pytest.mark.slow
@pytest.mark.data
def test_the_built_in_ones_find_faces_and_a_plate() -> None:
    """In photographs of ``benchmarks/blur_marks.json``."""
    images = Path(os.environ.get("ANYMASK_DATA", "")) / "coco446" / "images"
    if not images.is_dir():
        pytest.skip("needs $ANYMASK_DATA/coco446")
    try:
        detectors = find_detectors(threads=1)
    except OfflineError:
        pytest.skip("needs the detectors: anymask weights pull centerface plates")
    marks = json.loads((ROOT / "benchmarks" / "blur_marks.json").read_text())
    for kind, image_id in ((FACES, "64523"), (PLATES, "8193")):
        _, found = blur_image(read_image(images / f"{int(image_id):012d}.jpg"), detectors)
        centres = (found[kind].boxes_xyxy[:, :2] + found[kind].boxes_xyxy[:, 2:]) / 2
        for x, y, width, height in marks[kind][image_id]:
            inside = ((centres >= [x, y]) & (centres <= [x + width, y + height])).all(axis=1)
            assert inside.any(), (kind, x, y)
