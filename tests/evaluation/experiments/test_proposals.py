"""Proposals: discs on a grid against discs, by hand; which masks are proposed, in which order."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pytest

from anymask.core import rle
from anymask.core.embedding import ImageEmbedding
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.core.protocol import DiscSegmenter
from anymask.datasets.sample import VOID_GROUP, Sample
from anymask.errors import Error
from anymask.evaluation.experiments.proposals import Proposals
from tests.evaluation.scripted_segmenter import sample

SIDE = 256  # four pixels of the model's input to one
SAM = DiscSegmenter(radius_px=32)  # discs of 8, 16 and 4 pixels of the image, by falling IoU
GRID = Proposals(points_per_side=2, limits=(1, 4, 100))


def disc(x: float, y: float, radius: float) -> npt.NDArray[np.bool_]:
    """In an image of SIDE × SIDE."""
    middle = np.arange(SIDE) + 0.5
    return np.asarray(np.hypot(middle[None] - x, middle[:, None] - y) < radius)


@dataclass(frozen=True)
class Doubtful(DiscSegmenter):
    """Is never sure; every third mask is empty."""

    def predict(
        self, embedding: ImageEmbedding, prompts: Prompts, multimask_output: bool | None = None
    ) -> Masks:
        masks = super().predict(embedding, prompts, multimask_output)
        logits = masks.logits.copy()
        logits[:, 2] = -9
        return replace(masks, logits=logits, predicted_iou=masks.predicted_iou - 1)


def test_discs_where_points_are_and_where_none_are() -> None:
    masks = [disc(64, 64, 8), disc(64, 192, 16), disc(128, 128, 10)]
    rows = GRID.rows(SAM, sample(masks, ("a", "b", "c")))
    assert [row["group"] for row in rows] == ["a", "b", "c"]
    assert [row["area"] for row in rows] == [int(mask.sum()) for mask in masks]
    assert {row["proposals"] for row in rows} == {12}
    assert [row["matched_100"] for row in rows] == [10, 10, 0]
    assert rows[0]["iou"] > 0.95
    assert rows[2]["iou"] < 0.5
    # The larger a disc, the more stable, which is worth more here than the surer predicted IoU.
    assert [row["matched_4"] for row in rows] == [0, 10, 0]
    figures = dict(GRID.metrics([{"image": "one", **row} for row in rows]))
    assert figures["ar_100"] == pytest.approx(2 / 3)
    assert figures["ar_4"] == pytest.approx(1 / 3)
    assert figures["proposals_per_image"] == 12


def test_the_number_of_proposals_is_a_mean_over_images() -> None:
    rows = [{"image": name, "proposals": n} for name, n in (("a", 4), ("a", 4), ("b", 1))]
    assert dict(GRID.metrics(rows)) == {"proposals_per_image": 2.5}
    assert dict(GRID.metrics([])) == {}


def test_masks_the_model_is_not_sure_of_are_proposed_and_empty_ones_are_not() -> None:
    found = GRID.proposals(Doubtful(radius_px=32), sample([disc(64, 64, 8)]))
    assert len(found) == 8
    assert all(rle.area(mask) for mask in found)


def test_the_best_stay_by_the_average_of_both_scores() -> None:
    one = sample([disc(64, 64, 8)])
    every = GRID.proposals(SAM, one)
    few = replace(GRID, limits=(1, 4)).proposals(SAM, one)
    assert few == every[:4]
    areas = [rle.area(mask) for mask in every]
    assert areas == sorted(areas, reverse=True)
    assert len(set(areas)) == 3


def test_pixels_that_nobody_decided_about_are_no_truth() -> None:
    masks = [disc(64, 64, 8), disc(64, 192, 16)]
    rows = GRID.rows(SAM, sample(masks, (VOID_GROUP, None)))
    assert [row["group"] for row in rows] == [None]
    broken = Sample("void.png", b"", (rle.encode(masks[0]),), (VOID_GROUP,))
    assert GRID.rows(SAM, broken) == []


def test_frequencies_are_matched_each_by_itself() -> None:
    letters = {"cat": "f", "newt": "r"}
    grid = replace(GRID, frequencies=letters)
    masks = [disc(64, 64, 8), disc(64, 64, 8), disc(64, 192, 16)]
    rows = grid.rows(SAM, sample(masks, ("cat", "newt", "else")))
    # Two truths in one place: one proposal can't be both, but of each alone it is.
    assert sorted(row["matched_100"] for row in rows) == [0, 10, 10]
    assert rows[0]["matched_100_frequent"] == rows[1]["matched_100_rare"] == 10
    figures = dict(grid.metrics([{"image": "one", **row} for row in rows]))
    assert (figures["ar_100_frequent"], figures["ar_100_rare"]) == (1.0, 1.0)
    assert grid.options()["frequencies"] == {"frequent": 1, "common": 0, "rare": 1}


def test_an_experiment_travels_and_says_all_it_depends_on() -> None:
    assert pickle.loads(pickle.dumps(GRID)) == GRID
    assert GRID.options() != replace(GRID, box_nms_thresh=0.7).options()
    assert Proposals().options()["points_per_side"] == 64


@pytest.mark.parametrize("limits", [(), (0, 10)])
def test_limits_are_numbers_of_proposals(limits: Sequence[int]) -> None:
    with pytest.raises(Error, match="1 or more"):
        Proposals(limits=tuple(limits))
