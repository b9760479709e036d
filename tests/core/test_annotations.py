"""Annotations are what SA-1B's files hold: checked field by field against the masks themselves."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anymask.core import rle
from anymask.core.annotations import Annotations
from anymask.core.geometry import ResizeMap
from anymask.core.mask_files.text_files import ENDINGS
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.errors import Error, ImageError, OutputError, PromptError

IMAGE_HW = (30, 45)
SA_1B_KEYS = {
    "id",
    "segmentation",
    "bbox",
    "area",
    "predicted_iou",
    "stability_score",
    "crop_box",
    "point_coords",
}


def some_masks(prompts: int, columns: int) -> Masks:
    rng = np.random.default_rng(0)
    logits = 3 * rng.normal(size=(prompts, columns, 16, 16)).astype(np.float32)
    return Masks(
        logits, rng.random((prompts, columns)).astype(np.float32), ResizeMap(IMAGE_HW, 64), 0.5
    )


def clicks(count: int) -> Prompts:
    return Prompts.of_points([[[n + 0.5, 2 * n]] for n in range(count)])


@pytest.mark.parametrize(("prompts", "columns"), [(1, 1), (1, 3), (3, 1), (2, 3)])
def test_every_annotation_tells_of_its_own_mask(prompts: int, columns: int) -> None:
    masks, points = some_masks(prompts, columns), clicks(prompts)
    annotations = masks.annotations(points)
    assert [a["id"] for a in annotations] == list(range(prompts * columns))
    stability = masks.stability(1.0).reshape(-1)
    for number, (a, pixels) in enumerate(zip(annotations, masks.to_bool().reshape(-1, *IMAGE_HW))):
        rows, columns_hit = np.nonzero(pixels)
        x, y = columns_hit.min(), rows.min()
        assert a.keys() == SA_1B_KEYS
        np.testing.assert_array_equal(rle.decode(a["segmentation"]), pixels)
        assert a["bbox"] == [x, y, columns_hit.max() + 1 - x, rows.max() + 1 - y]
        assert a["area"] == pixels.sum()
        assert a["predicted_iou"] == masks.predicted_iou.reshape(-1)[number]
        assert a["stability_score"] == pytest.approx(stability[number])
        assert a["crop_box"] == [0, 0, 45, 30]
        prompt = number // columns
        assert a["point_coords"] == [[prompt + 0.5, 2 * prompt]]


def test_the_image_is_described_by_width_and_height() -> None:
    image = some_masks(1, 1).annotations(clicks(1)).record("b.jpg", 17)["image"]
    assert image == {"image_id": 17, "file_name": "b.jpg", "width": 45, "height": 30}


def test_only_clicks_are_points_not_corners_of_boxes_nor_padding() -> None:
    box = Prompts.box(1, 2, 30, 20).with_points([[7, 8], [9, 10]], [1, 0])
    both = Prompts.join([box, Prompts.point(3, 4), Prompts.box(0, 0, 5, 5)])
    points = [a["point_coords"] for a in some_masks(3, 1).annotations(both)]
    assert points == [[[7, 8], [9, 10]], [[3, 4]], []]


def test_a_record_is_plain_json() -> None:
    written = some_masks(2, 3).annotations(clicks(2)).record("d.jpg")
    assert json.loads(json.dumps(written)) == written


def test_an_empty_mask_has_an_empty_box_and_is_not_stable() -> None:
    nothing = np.full((1, 1, 16, 16), -9, np.float32)
    masks = Masks(nothing, np.ones((1, 1), np.float32), ResizeMap(IMAGE_HW, 64))
    (a,) = masks.annotations(clicks(1))
    assert (a["area"], a["bbox"], a["stability_score"]) == (0, [0, 0, 0, 0], 0)


def test_no_answers_make_a_record_without_annotations() -> None:
    assert some_masks(2, 3)[:0].annotations().record("f.jpg")["annotations"] == []


def test_annotations_are_a_list_that_knows_its_image() -> None:
    annotations = some_masks(2, 3).annotations()
    plain = list(annotations)
    assert annotations == plain
    assert json.loads(json.dumps(annotations)) == plain
    assert annotations.image_hw == IMAGE_HW
    for part in (annotations[1:3], annotations[:0], annotations.copy()):
        assert isinstance(part, Annotations)
        assert part.image_hw == IMAGE_HW
    assert annotations[1:3] == plain[1:3]
    assert annotations[-1] == plain[-1]
    again = pickle.loads(pickle.dumps(annotations))
    assert (again, again.image_hw) == (annotations, IMAGE_HW)
    assert Annotations(sorted(plain, key=lambda a: a["area"])).image_hw == IMAGE_HW


def test_what_annotations_print_is_a_line() -> None:
    annotations = some_masks(2, 3).annotations()
    for annotation, iou in zip(annotations, (0.5, 0.88, 0.91, 0.7, 1.0, 0.6)):
        annotation["predicted_iou"] = iou
    assert repr(annotations) == ("Annotations(6 masks of 30×45 (H×W), predicted_iou 0.50 to 1.00)")
    assert repr(annotations[:1]).startswith("Annotations(1 mask of 30×45 (H×W), ")
    assert repr(annotations[:0]) == "Annotations(no masks of 30×45 (H×W))"


def test_annotations_of_no_one_image_are_refused() -> None:
    with pytest.raises(Error, match="needs image_hw"):
        Annotations()
    with pytest.raises(Error, match="different sizes"):
        Annotations(some_masks(1, 1).annotations(), (31, 45))


@pytest.mark.parametrize("ending", ENDINGS)
def test_every_ending_is_written_for_masks_and_for_annotations(tmp_path: Path, ending: str) -> None:
    masks, image = some_masks(2, 1), np.full((*IMAGE_HW, 3), 90, np.uint8)
    source = tmp_path / "photo graph.png"
    Image.fromarray(image).save(source)
    masks.save(tmp_path / f"a{ending}", source, clicks(2))
    masks.annotations(clicks(2)).save(tmp_path / f"b{ending.upper()}", source)
    first = (tmp_path / f"a{ending}").read_bytes()
    second = (tmp_path / f"b{ending.upper()}").read_bytes()
    if ending in (".coco.json", ".json", ".geojson", ".svg"):
        assert first == second
        assert b"photo" in first
    elif ending == ".npz":
        np.testing.assert_array_equal(np.load(tmp_path / "a.npz")["masks"], masks.to_bool())
        written = np.load(tmp_path / "b.NPZ")
        np.testing.assert_array_equal(written["masks"], masks.to_bool()[:, 0])
        np.testing.assert_array_equal(written["predicted_iou"], masks.predicted_iou[:, 0])
    else:
        assert Image.open(tmp_path / f"b{ending.upper()}").size == (45, 30)
    assert {path.name for path in tmp_path.iterdir()} == {
        source.name, f"a{ending}", f"b{ending.upper()}"
    }  # fmt: skip


def test_pictures_without_an_image_are_masks_alone(tmp_path: Path) -> None:
    masks = some_masks(3, 1)
    masks.save(tmp_path / "union.png")
    union = masks.to_bool()[:, 0].any(axis=0)
    np.testing.assert_array_equal(np.asarray(Image.open(tmp_path / "union.png")), union * 255)
    masks.annotations().save(tmp_path / "labels.png")
    values = np.asarray(Image.open(tmp_path / "labels.png"))
    assert values.dtype == np.uint16
    np.testing.assert_array_equal(values > 0, union)
    for written in (masks, masks.annotations()):
        with pytest.raises(OutputError, match="give the image"):
            written.save(tmp_path / "x.jpg")
        with pytest.raises(OutputError, match=r"x\.tiff must end in one of .*\.geojson"):
            written.save(tmp_path / "x.tiff")


def test_an_image_of_another_size_and_prompts_of_another_number_are_refused() -> None:
    masks = some_masks(2, 1)
    other = np.zeros((31, 45, 3), np.uint8)
    for draw in (masks.draw, masks.annotations().draw):
        with pytest.raises(ImageError, match="is 45×31, but its masks are 45×30"):
            draw(other)
    with pytest.raises(PromptError, match="1 prompts did not ask for 2 answers"):
        masks.draw(np.zeros((*IMAGE_HW, 3), np.uint8), clicks(1))


def test_clean_masks_are_written_if_asked_for() -> None:
    logits = np.full((1, 1, 256, 256), -5, np.float32)
    logits[0, 0, 20:200, 20:200] = 5
    logits[0, 0, 220, 220] = 5
    masks = Masks(logits, np.ones((1, 1), np.float32), ResizeMap((256, 256), 1024))
    (dirty,), (tidy,) = masks.annotations(), masks.annotations(clean=True)
    assert tidy["area"] < dirty["area"]
    assert tidy["bbox"][2] < 190 < dirty["bbox"][2]
