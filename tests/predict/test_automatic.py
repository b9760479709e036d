"""Everything in an image: the filters by hand, with a segmenter that paints discs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from anymask.core import rle
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import nms
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.core.protocol import DiscSegmenter
from anymask.core.regions.small_regions import remove_small_regions
from anymask.errors import Error
from anymask.predict.automatic import (
    OFFICIAL,
    PAPER,
    AutomaticConfig,
    CandidateSource,
    crops,
    point_grid,
    segment_everything,
    suggested,
)
from anymask.predict.predictor import Predictor

IMAGE = np.zeros((512, 768, 3), np.uint8)
LENIENT = AutomaticConfig(points_per_side=2, pred_iou_thresh=0.0, stability_score_thresh=0.0)


@dataclass(frozen=True)
class Certain(DiscSegmenter):
    """Paints discs with steeper edges, so that they are stable."""

    def predict(
        self, embedding: ImageEmbedding, prompts: Prompts, multimask_output: bool | None = None
    ) -> Masks:
        masks = super().predict(embedding, prompts, multimask_output)
        return replace(masks, logits=masks.logits * 40)


def test_each_point_of_a_grid_gets_its_discs() -> None:
    annotations = segment_everything(Certain(), IMAGE, LENIENT)
    points = sorted({tuple(annotation["point_coords"][0]) for annotation in annotations})
    assert points == [(192.0, 128.0), (192.0, 384.0), (576.0, 128.0), (576.0, 384.0)]
    assert len(annotations) == 12  # a disc, one twice and one half as wide: no boxes alike
    assert [annotation["id"] for annotation in annotations] == list(range(12))


@dataclass(frozen=True)
class Trained(Certain):
    """Was trained, and knows what to ask of its masks."""

    everything: Mapping[str, float] = field(
        default_factory=lambda: {"pred_iou_thresh": 0.75, "stability_score_thresh": 0.5}
    )


def test_weights_bring_their_own_thresholds_unless_settings_are_given() -> None:
    sam = Trained()
    assert suggested(sam) == replace(OFFICIAL, pred_iou_thresh=0.75, stability_score_thresh=0.5)
    assert suggested(Certain(), PAPER) == PAPER
    own = segment_everything(sam, IMAGE)
    assert {round(annotation["predicted_iou"], 1) for annotation in own} == {0.8, 0.9}
    assert {
        round(annotation["predicted_iou"], 1)
        for annotation in segment_everything(sam, IMAGE, OFFICIAL)
    } == {0.9}


def test_a_record_says_what_its_mask_is() -> None:
    config = replace(LENIENT, pred_iou_thresh=0.85)
    for annotation in segment_everything(Certain(), IMAGE, config):
        mask = rle.decode(annotation["segmentation"])
        rows, columns = np.nonzero(mask)
        left, top, width, height = annotation["bbox"]
        assert (left, top) == (columns.min(), rows.min())
        assert (left + width, top + height) == (columns.max() + 1, rows.max() + 1)
        assert annotation["area"] == mask.sum()
        radius = 64 * 768 / 1024
        assert abs(annotation["area"] - np.pi * radius**2) < 0.01 * annotation["area"]
        x, y = annotation["point_coords"][0]
        assert mask[int(y), int(x)]
        assert annotation["crop_box"] == [0, 0, 768, 512]
        assert annotation["predicted_iou"] == pytest.approx(0.9)


@pytest.mark.parametrize(
    ("config", "count"),
    [
        (replace(LENIENT, pred_iou_thresh=0.75), 8),
        (replace(LENIENT, pred_iou_thresh=0.85), 4),
        (replace(LENIENT, pred_iou_thresh=0.95), 0),
        (replace(LENIENT, max_mask_fraction=0.04), 8),
        (replace(LENIENT, box_nms_thresh=0.2), 4),
        (replace(LENIENT, points_per_batch=3), 12),
    ],
)
def test_each_filter_removes_what_it_is_for(config: AutomaticConfig, count: int) -> None:
    assert len(segment_everything(Certain(), IMAGE, config)) == count


def test_masks_with_soft_edges_are_not_stable() -> None:
    soft, steep = (
        segment_everything(sam, IMAGE, replace(LENIENT, stability_score_thresh=0.95))
        for sam in (DiscSegmenter(), Certain())
    )
    assert len(soft) < len(steep) == 12


def test_nothing_found_is_an_empty_list() -> None:
    assert segment_everything(DiscSegmenter(), IMAGE, replace(PAPER, pred_iou_thresh=2.0)) == []


def test_masks_that_a_crop_cuts_off_are_dropped_unless_the_image_ends_there() -> None:
    config = replace(LENIENT, points_per_side=4, crop_n_layers=1, pred_iou_thresh=0.85)
    for annotation in segment_everything(Certain(), IMAGE, config):
        left, top, width, height = annotation["crop_box"]
        x, y, w, h = annotation["bbox"]
        for edge, border, end in ((x + w, left + width, 768), (y + h, top + height, 512)):
            assert border == end or abs(edge - border) > 20
        for edge, border in ((x, left), (y, top)):
            assert border == 0 or abs(edge - border) > 20


def test_of_the_same_mask_in_two_crops_the_nearer_stays() -> None:
    config = replace(LENIENT, crop_n_layers=1, pred_iou_thresh=0.85, crop_nms_thresh=0.0)
    annotations = segment_everything(Certain(), IMAGE, config)
    assert {annotation["crop_box"][2] < 768 for annotation in annotations} == {True}


def test_crops_cover_the_image_and_overlap_as_officially() -> None:
    cuts = crops((1200, 1800), 2, 512 / 1500)
    assert [cut.layer for cut in cuts] == [0] + [1] * 4 + [2] * 16
    assert cuts[1].box == (0, 0, 1105, 805)
    assert cuts[4].box == (696, 396, 1800, 1200)
    for layer in (1, 2):
        covered = np.zeros((1200, 1800), bool)
        for cut in cuts:
            x0, y0, x1, y1 = cut.box
            covered[y0:y1, x0:x1] |= cut.layer == layer
        assert covered.all()


def test_the_grid_stands_in_the_middles_of_its_cells() -> None:
    assert point_grid(2, (40, 80)).tolist() == [[20, 10], [60, 10], [20, 30], [60, 30]]


def test_the_papers_preset_has_its_numbers() -> None:
    sides = [PAPER.points_per_side // PAPER.crop_n_points_downscale_factor**i for i in range(3)]
    assert sides == [32, 16, 8]
    assert (OFFICIAL.crop_n_layers, PAPER.crop_n_layers) == (0, 2)


@pytest.mark.parametrize(
    "change",
    [
        {"points_per_side": 0},
        {"crop_n_layers": -1},
        {"crop_n_points_downscale_factor": 0},
        {"points_per_batch": 0},
    ],
)
def test_settings_without_sense_are_refused(change: dict[str, Any]) -> None:
    with pytest.raises(Error):
        AutomaticConfig(**change)


def test_small_islands_go_and_small_holes_close() -> None:
    mask = np.zeros((30, 30), bool)
    mask[2:20, 2:20] = True
    mask[5:7, 5:7] = False  # a hole of 4
    mask[25:27, 25:27] = True  # an island of 4
    clean = remove_small_regions(mask, 5)
    assert clean[5, 5]
    assert not clean[25, 25]
    assert clean.sum() == 18 * 18
    assert (remove_small_regions(mask, 4) == mask).all()
    assert not remove_small_regions(mask[22:, 22:], 5).any()


def test_small_regions_are_removed_from_the_records_too() -> None:
    everything = replace(LENIENT, min_mask_region_area=2000)
    kept = segment_everything(Certain(), IMAGE, everything)
    assert {annotation["area"] > 2000 for annotation in kept} == {True}
    assert len(kept) == 8  # the smallest discs are gone as a whole


def test_suppression_by_hand() -> None:
    boxes = [[0, 0, 10, 10], [0, 0, 10, 9], [20, 20, 30, 30], [0, 0, 10, 3]]
    assert nms(boxes, [0.5, 0.9, 0.1, 0.7], 0.7) == [1, 3, 2]
    assert nms(boxes, [0.5, 0.9, 0.1, 0.7], 0.95) == [1, 3, 0, 2]
    assert nms(boxes, [0.5, 0.9, 0.1, 0.7], 0.95, 2) == [1, 3]
    assert nms(np.zeros((0, 4)), [], 0.5) == []


def test_a_model_that_leaves_masks_out_early_finds_what_one_that_does_not_finds(
    tiny_predictor: Predictor, picture: npt.NDArray[np.uint8]
) -> None:
    class Slow:
        """The same model, without ``candidates``."""

        model_id, everything = tiny_predictor.model_id, tiny_predictor.everything
        encode = staticmethod(tiny_predictor.encode)
        predict = staticmethod(tiny_predictor.predict)

    embedding = tiny_predictor.encode(picture)
    everything = tiny_predictor.predict(
        embedding, Prompts.of_points(point_grid(4, (60, 90))[:, None]), True
    )
    middle = float(np.median(everything.predicted_iou))
    config = AutomaticConfig(
        points_per_side=4, pred_iou_thresh=middle, stability_score_thresh=0.0, box_nms_thresh=0.99
    )
    slow = Slow()
    assert isinstance(tiny_predictor, CandidateSource)
    assert not isinstance(slow, CandidateSource)
    quick, plain = (segment_everything(sam, picture, config) for sam in (tiny_predictor, slow))
    assert len(quick) == len(plain) > 0
    for a, b in zip(quick, plain):
        assert a["segmentation"] == b["segmentation"]
        assert a["predicted_iou"] == pytest.approx(b["predicted_iou"], abs=1e-5)


@pytest.mark.parametrize("hw", [(3, 5), (5, 3), (1, 1), (2, 9), (1, 40)])
def test_crops_that_a_tiny_image_has_no_pixels_for_are_left_out(hw: tuple[int, int]) -> None:
    image = np.zeros((*hw, 3), np.uint8)
    cuts = crops(hw, 3, 512 / 1500)
    assert all(cut.box[0] < cut.box[2] and cut.box[1] < cut.box[3] for cut in cuts)
    seen = np.zeros(hw, bool)
    for cut in cuts[1:]:
        x0, y0, x1, y1 = cut.box
        seen[y0:y1, x0:x1] = True
    assert seen.all()
    config = replace(LENIENT, crop_n_layers=3)
    for annotation in segment_everything(Certain(), image, config):
        assert annotation["segmentation"]["size"] == list(hw)


@pytest.mark.parametrize(
    "grid", [5, "x", [], [[0.5]], [[0.5, 0.5, 0.5]], [[0.5, 1.5]], [[0.5, None]], [[-0.1, 0.5]],
             [[float("nan"), 0]], [["a", "b"]], [[0.5, 0.5], [0.5]]],
)  # fmt: skip
def test_grids_that_are_no_points_of_the_unit_square_are_refused(grid: Any) -> None:
    with pytest.raises(Error, match="point_grids"):
        AutomaticConfig(point_grids=(grid,))


def test_a_grid_may_be_lists() -> None:
    config = AutomaticConfig(point_grids=([[0.25, 0.5]],))  # type: ignore[arg-type]
    assert config.points(0, (10, 20)).tolist() == [[5, 5]]


def test_settings_are_shown_by_what_they_change() -> None:
    assert repr(AutomaticConfig()) == "AutomaticConfig()"
    grids = (np.zeros((1024, 2)), np.zeros((64, 2)))
    config = AutomaticConfig(crop_n_layers=1, point_grids=grids)
    assert repr(config) == "AutomaticConfig(crop_n_layers=1, point_grids of 1024, 64 points)"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("points_per_side", "32"),
        ("points_per_side", 2.5),
        ("crop_n_layers", None),
        ("pred_iou_thresh", float("nan")),
        ("pred_iou_thresh", "high"),
        ("stability_score_offset", float("inf")),
        ("crop_overlap_ratio", [0.3]),
        ("min_mask_region_area", 10**400),
    ],
)
def test_settings_that_are_no_numbers_are_refused(name: str, value: Any) -> None:
    with pytest.raises(Error, match=name):
        AutomaticConfig(**{name: value})


def test_a_threshold_may_let_all_masks_pass() -> None:
    assert AutomaticConfig(pred_iou_thresh=float("-inf")).pred_iou_thresh == -np.inf
