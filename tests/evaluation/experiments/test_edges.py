"""Edges: maps of painted discs, and rows and figures of the experiment."""

from __future__ import annotations

import io
import json
import pickle
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from anymask.core import rle
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import ResizeMap, box_iou
from anymask.core.image import ImageSource
from anymask.core.masks import Masks
from anymask.core.prompts import OBJECT, Prompts
from anymask.core.protocol import DiscSegmenter
from anymask.datasets.benchmarks import bsds
from anymask.datasets.sample import Sample
from anymask.errors import Error
from anymask.evaluation.experiments.edges import (
    Edges,
    coarse_boxes,
    distinct_masks,
    edge_map,
    outline,
)

HW = (90, 120)
Pixels = npt.NDArray[np.uint8]


@dataclass
class Recorded:
    """Discs; remembers what it was asked."""

    discs: DiscSegmenter = field(default_factory=lambda: DiscSegmenter(150.0))
    asked: list[tuple[Prompts, bool | None]] = field(default_factory=list)
    model_id: str = "recorded"
    everything: Mapping[str, float] = field(default_factory=dict)

    def encode(self, image: ImageSource) -> ImageEmbedding:
        return self.discs.encode(image)

    def predict(
        self, embedding: ImageEmbedding, prompts: Prompts, multimask_output: bool | None = None
    ) -> Masks:
        self.asked.append((prompts, multimask_output))
        return self.discs.predict(embedding, prompts, multimask_output)


@pytest.fixture
def grey() -> Pixels:
    return np.full((*HW, 3), 90, np.uint8)


def disc(hw: tuple[int, int], x: float, y: float, radius: float) -> npt.NDArray[np.float32]:
    """The distance to a disc's edge, positive within."""
    rows, columns = np.mgrid[: hw[0], : hw[1]]
    return np.asarray(radius - np.hypot(columns - x, rows - y), np.float32)


def sample_of(pixels: Pixels, *maps: npt.NDArray[np.bool_]) -> Sample:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "PNG")
    groups = tuple(f"annotator {number}" for number in range(1, len(maps) + 1))
    return Sample("one", content.getvalue(), tuple(map(rle.encode, maps)), groups)


def test_a_grid_is_asked_about_in_batches(grey: Pixels) -> None:
    sam = Recorded()
    edge_map(sam, grey, Edges(points_per_side=5, batch=10))
    assert [len(prompts) for prompts, _ in sam.asked] == [10, 10, 5]
    assert {multimask for _, multimask in sam.asked} == {True}
    points = np.concatenate([prompts.points[:, 0] for prompts, _ in sam.asked])
    assert points[[0, -1]].tolist() == [[12.0, 9.0], [108.0, 81.0]]
    assert all((prompts.labels == OBJECT).all() for prompts, _ in sam.asked)


def test_redundant_masks_go(grey: Pixels) -> None:
    sam = DiscSegmenter(150.0)
    embedding = sam.encode(grey)
    all_masks = distinct_masks(sam, embedding, Edges(points_per_side=3, box_nms_thresh=1.0))
    fewer = distinct_masks(sam, embedding, Edges(points_per_side=6, box_nms_thresh=0.4))
    assert len(all_masks) == 27
    assert 3 < len(fewer) < 108
    assert fewer.logits.shape == (len(fewer), 1, 256, 256)
    overlaps = box_iou(fewer.boxes()[:, 0], fewer.boxes()[:, 0])
    assert (np.triu(overlaps, 1) < 0.45).all()


def test_masks_that_are_empty_in_the_image_go(grey: Pixels) -> None:
    below = DiscSegmenter(150.0).predict(
        DiscSegmenter().encode(np.zeros((60, 60, 3), np.uint8)), Prompts.point(30, 55), False
    )
    half = Masks(below.logits, below.predicted_iou, ResizeMap((30, 60), 1024))
    assert not coarse_boxes(half).any()
    nothing = edge_map(DiscSegmenter(-1.0), grey, Edges(points_per_side=2))
    assert nothing.shape == HW
    assert not nothing.any()


@pytest.mark.parametrize("hw", [HW, (120, 90), (100, 100), (321, 481)])
def test_coarse_boxes_are_those_of_the_masks(hw: tuple[int, int]) -> None:
    sam = DiscSegmenter(200.0)
    embedding = sam.encode(np.zeros((*hw, 3), np.uint8))
    masks = sam.predict(embedding, Prompts.of_points([[[30, 20]], [[70, 60]]]), False)
    cell_px = max(hw) / 256
    np.testing.assert_allclose(coarse_boxes(masks), masks.boxes()[:, 0], atol=2 * cell_px + 1)


def test_an_outline_is_around_the_mask() -> None:
    logits = disc(HW, 60, 45, 20)
    found = outline(logits)
    assert (found[logits > 0] == 0).all()
    assert (found[logits < -2] == 0).all()
    assert (found[(logits <= 0) & (logits > -1)] > 0.1).all()
    np.testing.assert_allclose(outline(logits + 3, threshold=3.0), found, atol=1e-6)


def test_steeper_probabilities_give_stronger_edges() -> None:
    logits = disc(HW, 60, 45, 20)
    assert outline(3 * logits).max() > 1.5 * outline(0.5 * logits).max()


def circles(hw: tuple[int, int] = HW) -> list[npt.NDArray[np.bool_]]:
    """What discs of 100, 200 and 400 of 1024 pixels around the middle have for boundaries."""
    radii = np.array([100, 200, 400]) * max(hw) / 1024
    return [np.abs(disc(hw, hw[1] / 2, hw[0] / 2, radius)) < 0.5 for radius in radii]


def test_a_map_shows_circles(grey: Pixels) -> None:
    edges = edge_map(DiscSegmenter(200.0), grey, Edges(points_per_side=1))
    assert edges.shape == HW
    assert edges.dtype == np.float32
    assert edges.max() == 1.0
    drawn = np.any(circles(), axis=0)
    near = cv2.dilate(drawn.astype(np.uint8), np.ones((5, 5))) > 0
    assert np.mean(near[edges > 0.5]) > 0.95
    assert np.count_nonzero(edges > 0.5) < 1.3 * np.count_nonzero(drawn)  # thin


def test_what_the_border_cuts_has_no_edge_there(grey: Pixels) -> None:
    edges = edge_map(DiscSegmenter(450.0), grey, Edges(points_per_side=1))
    assert edges[:2].max() < 0.5
    assert edges[5:-5, 5:-5].max() == 1.0


def test_batches_and_copies_change_nothing(grey: Pixels) -> None:
    sam, one = DiscSegmenter(150.0), Edges(points_per_side=4, batch=16)
    other = pickle.loads(pickle.dumps(Edges(points_per_side=4, batch=3)))
    np.testing.assert_array_equal(edge_map(sam, grey, one), edge_map(sam, grey, other))
    assert one.options() == other.options()


def test_discs_that_are_drawn_are_found(grey: Pixels) -> None:
    sam, edges = DiscSegmenter(200.0), Edges(points_per_side=1, max_distance=0.02)
    sample = sample_of(grey, np.any(circles(), axis=0), circles()[0])
    (row,) = edges.rows(sam, sample)
    row = json.loads(json.dumps(row))
    assert row["annotators"] == 2
    assert {len(row[name]) for name in ("cnt_r", "sum_r", "cnt_p", "sum_p")} == {99}
    figures = dict(edges.metrics([row, row]))
    assert set(figures) == {"ods", "ois", "ap", "r50", "ods_threshold"}
    assert figures["ods"] > 0.85
    assert figures["ois"] == pytest.approx(row["f"], abs=1e-5)


def test_figures_do_not_depend_on_what_is_found_together(grey: Pixels) -> None:
    drawn = np.zeros(HW, bool)
    drawn[45] = True
    edges = Edges(points_per_side=2, thresholds=9)
    rows = edges.rows(DiscSegmenter(200.0), sample_of(grey, drawn))
    assert len(rows[0]["cnt_r"]) == 9
    assert dict(edges.metrics(rows * 3)) == pytest.approx(dict(edges.metrics(rows)))
    assert list(edges.metrics([])) == []


@pytest.mark.parametrize("detector", ["canny", "sobel"])
def test_a_detector_asks_no_model(detector: str, grey: Pixels) -> None:
    class Silent(DiscSegmenter):
        def encode(self, image: ImageSource) -> ImageEmbedding:
            raise AssertionError

    grey[:, 60:] = 200
    drawn = np.zeros(HW, bool)
    drawn[:, 60] = True
    edges = Edges(detector=detector)
    (row,) = edges.rows(Silent(), sample_of(grey, drawn))
    assert dict(edges.metrics([row]))["ods"] > 0.98


@pytest.mark.parametrize(
    "wrong",
    [
        {"points_per_side": 0},
        {"thresholds": 0},
        {"batch": 0},
        {"max_distance": 0.0},
        {"detector": "pidinet"},
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(Error, match=next(iter(wrong))):
        Edges(**wrong)  # type: ignore[arg-type]


@pytest.mark.data
def test_canny_scores_as_is_known(data_folder: Path) -> None:
    """0.60 on the test split (Arbeláez et al. 2011), 0.59 on all of this one."""
    if not (data_folder / "bsds500").exists():
        pytest.skip("BSDS500 is not here")
    edges = Edges(detector="canny", thresholds=19)
    rows = []
    for part in bsds.read(str(data_folder / "bsds500")).parts[4::25]:
        (sample,) = part.read()
        assert isinstance(sample, Sample)
        rows += edges.rows(DiscSegmenter(), sample)
    assert 0.5 < dict(edges.metrics(rows))["ods"] < 0.7
