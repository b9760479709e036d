"""Masks from boxes: what is asked, discs that are found again, and bad entries."""

from __future__ import annotations

import json
import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from anymask.core import rle
from anymask.core.embedding import ImageEmbedding
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.core.protocol import DiscSegmenter, Segmenter
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from anymask.errors import Error, ImageError, RecordError
from anymask.evaluation.experiments.boxes import Boxes, _in_image
from anymask.evaluation.result import Row
from anymask.predict.predictor import Predictor

HW = (240, 320)  # of 1024 pixels of the model's input to 320
RADIUS_PX = 20
CENTRES = {1: [(60, 60), (200, 120)], 2: [(160, 100)], 3: [(100, 100)]}
CATEGORY = 18


@dataclass(frozen=True)
class Discs(DiscSegmenter):
    """Discs, and what was asked for them."""

    asked: list[tuple[Prompts, bool | None]] = field(default_factory=list)

    def predict(
        self, embedding: ImageEmbedding, prompts: Prompts, multimask_output: bool | None = None
    ) -> Masks:
        self.asked.append((prompts, multimask_output))
        return super().predict(embedding, prompts, multimask_output)


def box_around(x: float, y: float) -> list[float]:
    """X, Y, width and height of a disc's."""
    return [x - RADIUS_PX, y - RADIUS_PX, 2 * RADIUS_PX, 2 * RADIUS_PX]


def discs() -> Iterator[dict[str, Any]]:
    """The discs that ``DiscSegmenter`` will paint."""
    sam = DiscSegmenter()
    embedding = sam.encode(np.zeros((*HW, 3), np.uint8))
    for image, centres in CENTRES.items():
        for xy in centres:
            (mask,) = sam.predict(embedding, Prompts.point(*xy), False).to_rle()
            yield {
                "image_id": image,
                "category_id": CATEGORY,
                "bbox": box_around(*xy),
                "segmentation": mask,
                "area": rle.area(mask),
                "iscrowd": 0,
            }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A COCO file and its images."""
    (tmp_path / "images").mkdir()
    images = [{"id": n, "file_name": f"{n}.png", "height": HW[0], "width": HW[1]} for n in CENTRES]
    for one in images:
        Image.new("RGB", HW[::-1]).save(tmp_path / "images" / str(one["file_name"]))
    document = {
        "images": images,
        "annotations": [{"id": number, **one} for number, one in enumerate(discs())],
        "categories": [{"id": CATEGORY, "name": "dog"}],
    }
    (tmp_path / "instances.json").write_text(json.dumps(document))
    return tmp_path


def experiment(folder: Path, found: Sequence[object] | None = None, **options: Any) -> Boxes:
    """On the folder's file, and on these detections if there are any."""
    if found is not None:
        (folder / "found.json").write_text(json.dumps(found))
    detections = "" if found is None else str(folder / "found.json")
    return Boxes(str(folder / "instances.json"), detections, **options)


def samples(folder: Path) -> list[Sample]:
    """The folder's images."""
    read = [one for part in open_dataset(str(folder)).parts for one in part.read()]
    return [one for one in read if isinstance(one, Sample)]


def all_rows(boxes: Boxes, folder: Path, sam: Segmenter | None = None) -> list[Row]:
    """Of all images, as they come back from a file."""
    rows = [
        {"image": one.name, **row}
        for one in samples(folder)
        for row in boxes.rows(sam or DiscSegmenter(), one)
    ]
    back: list[Row] = json.loads(json.dumps(rows))
    return back


def detection(image: int, x: float, y: float, score: float, **more: object) -> dict[str, object]:
    """An entry of a detector's file."""
    return {
        "image_id": image,
        "category_id": CATEGORY,
        "bbox": box_around(x, y),
        "score": score,
        **more,
    }


def test_true_boxes_of_discs_lead_to_the_discs(folder: Path) -> None:
    boxes = experiment(folder)
    rows = all_rows(boxes, folder)
    assert len(rows) == 4
    figures = dict(boxes.metrics(rows))
    assert figures["ap"] == pytest.approx(1)
    assert figures["ap_75"] == pytest.approx(1)
    assert figures["ignored_detections"] == 0
    assert "ap_large" not in figures
    assert [row["score"] for row in rows] == [0.9] * 4  # the predicted IoU
    assert rows[0]["bbox"] == box_around(60, 60)
    assert boxes.options()["boxes"] == "true boxes"


def test_a_detectors_scores_order_its_masks(folder: Path) -> None:
    found = [
        detection(1, 60, 60, 0.7123456789),
        detection(1, 280, 200, 0.9),  # nothing is there
        detection(2, 160, 100, 0.8),
    ]
    boxes = experiment(folder, found)
    rows = all_rows(boxes, folder)
    assert rows[0]["score"] == 0.7123456789
    assert rows[-1] == {"image": "images/3.png", "image_id": 3}
    # Of four discs, two are found behind a wrong one: by falling score 0/1, 1/2, 2/3 are right, and
    # so 2/3 at the 51 recalls up to one half of the 101.
    assert dict(boxes.metrics(rows))["ap_50"] == pytest.approx(51 / 101 * 2 / 3)


def test_the_mask_goes_back_with_its_box(folder: Path) -> None:
    sam = Discs()
    experiment(folder, refinements=1, batch=1).rows(sam, samples(folder)[0])
    first, again, *_ = sam.asked
    assert len(sam.asked) == 4
    assert (first[0].masks, first[1], again[1]) == (None, True, False)
    np.testing.assert_array_equal(again[0].points, first[0].points)
    assert again[0].masks is not None
    embedding = sam.encode(np.zeros((*HW, 3), np.uint8))
    (most_confident,) = DiscSegmenter().predict(embedding, first[0], True).best().logits[:, 0]
    np.testing.assert_array_equal(again[0].masks[0], most_confident)


def test_without_refinements_each_box_is_asked_once(folder: Path) -> None:
    sam = Discs()
    experiment(folder, refinements=0, multimask=False).rows(sam, samples(folder)[0])
    assert [(len(prompts), multimask) for prompts, multimask in sam.asked] == [(2, False)]


def test_batches_and_masks_as_they_are_elsewhere(folder: Path) -> None:
    sample = samples(folder)[0]
    each = experiment(folder, batch=1).rows(DiscSegmenter(), sample)
    assert each == experiment(folder, batch=9).rows(DiscSegmenter(), sample)
    sam = DiscSegmenter()
    prompts = Prompts.of_boxes([[40, 40, 80, 80], [180, 100, 220, 140]])
    expected = sam.predict(sam.encode(sample.pixels()), prompts, False).to_rle()
    assert [row["segmentation"] for row in each] == expected


def test_bad_entries_are_counted_and_named(folder: Path) -> None:
    found = [
        detection(1, 60, 60, 0.7),
        detection(99, 60, 60, 0.7),
        detection(1, 60, 60, 0.7, category_id=404),
        detection(1, 60, 60, 0.7, bbox=[0, 0, -5, 1]),
        detection(1, 60, 60, 0.7, bbox=[0, 0, float("nan"), 1]),
        detection(2, 600, 60, 0.7),
        "none",
    ]
    boxes = experiment(folder, found)
    rows = all_rows(boxes, folder)
    assert [row["image_id"] for row in rows] == [1, 2, 3]
    assert dict(boxes.metrics(rows))["ignored_detections"] == 6
    assert len(boxes.notes(())) == 5
    assert any("99" in note.reason for note in boxes.notes(()))


def test_a_box_may_lead_out_of_its_image(folder: Path) -> None:
    sam = Discs()
    found = [detection(1, 60, 60, 0.7, bbox=[-1000, -10, 1050, 60])]
    (row,) = experiment(folder, found).rows(sam, samples(folder)[0])
    assert sam.asked[0][0].points.tolist() == [[[0, 0], [50, 50]]]
    assert row["bbox"] == [-1000, -10, 1050, 60]


def test_lvis_has_nothing_asked_that_would_not_count(folder: Path) -> None:
    file = folder / "instances.json"
    document = json.loads(file.read_text())
    document["categories"].append({"id": 19, "name": "cat", "frequency": "r"})
    for one in document["images"]:
        one["neg_category_ids"] = [19] if one["id"] == 2 else []
    file.write_text(json.dumps(document))
    found = [detection(image, 60, 60, 0.7, category_id=19) for image in (1, 2)]
    boxes = experiment(folder, found)
    assert [("segmentation" in row) for row in all_rows(boxes, folder)] == [False, True, False]


def test_an_image_of_another_file_is_passed_over(folder: Path) -> None:
    (sample, *_) = samples(folder)
    stranger = Sample("images/77.png", sample.content, sample.masks, sample.groups)
    with pytest.raises(ImageError, match=r"77.png is not in instances.json"):
        experiment(folder).rows(DiscSegmenter(), stranger)


def test_files_are_read_once_a_process(folder: Path) -> None:
    boxes = experiment(folder, [detection(1, 60, 60, 0.7)])
    first = len(pickle.dumps(boxes))
    expected = boxes.rows(DiscSegmenter(), samples(folder)[0])
    assert len(pickle.dumps(boxes)) == first
    copy = pickle.loads(pickle.dumps(boxes))
    assert copy == boxes
    assert copy.rows(DiscSegmenter(), samples(folder)[0]) == expected
    (folder / "found.json").unlink()
    assert boxes.rows(DiscSegmenter(), samples(folder)[0]) == expected
    unread = pickle.loads(pickle.dumps(boxes))
    with pytest.raises(RecordError, match="can't be read"):
        unread.options()


def test_other_detections_are_another_evaluation(folder: Path) -> None:
    one = experiment(folder, [detection(1, 60, 60, 0.7)]).options()
    assert one == experiment(folder, [detection(1, 60, 60, 0.7)]).options()
    assert one != experiment(folder, [detection(1, 60, 60, 0.8)]).options()


@pytest.mark.parametrize("options", [{"refinements": -1}, {"batch": 0}])
def test_numbers_that_make_no_evaluation(options: dict[str, Any]) -> None:
    with pytest.raises(Error):
        Boxes("instances.json", **options)


@pytest.mark.data
@pytest.mark.weights
def test_true_boxes_of_real_photographs(data_folder: Path, mobile_sam: Predictor) -> None:
    coco = data_folder / "coco446"
    boxes = Boxes(str(coco / "instances.json"))
    parts = open_dataset(str(coco)).parts[:2]
    rows = [
        {"image": one.name, **row}
        for part in parts
        for one in part.read()
        if isinstance(one, Sample)
        for row in boxes.rows(mobile_sam, one)
    ]
    assert dict(boxes.metrics(rows))["ap_50"] > 0.7


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ([4, 5, 20, 30], [4, 5, 20, 30]),
        ([-9, 5, 200, 30], [0, 5, 90, 30]),
        ([4.2, 5, 4.2, 30], [4, 5, 5, 30]),
        ([90, 60, 90, 60], [89, 59, 90, 60]),
        ([200, 5, 300, 30], [89, 5, 90, 30]),
        ([-30, -30, -20, -20], [0, 0, 1, 1]),
    ],
)
def test_a_box_of_which_nothing_is_in_the_image_is_asked_about_as_its_nearest_pixel(
    box: list[float], expected: list[float]
) -> None:
    cut = _in_image(np.array([box], np.float32), 90, 60)
    np.testing.assert_array_equal(cut, [expected])
    Prompts.of_boxes(cut).check_inside((60, 90))
