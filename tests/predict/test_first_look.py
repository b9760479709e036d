"""The fast mode: exact where everything is sharp, honest about the rest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from anymask.core import rle
from anymask.core.geometry import ResizeMap
from anymask.core.image import read_image
from anymask.core.mask_runs import MaskRuns
from anymask.core.prompts import Prompts
from anymask.core.protocol import DiscSegmenter
from anymask.errors import Error
from anymask.models.few_rows.two_way import ToldImage
from anymask.models.mask_decoder import (
    ALL_TOKENS,
    BESIDE,
    SAMPLE,
    MaskDecoder,
    MaskDecoderConfig,
    PromptedImage,
)
from anymask.models.mask_decoder import logit_map as in_order
from anymask.models.prompt_encoder import PromptEmbedding
from anymask.models.two_way import ImagePositions, SharedImage
from anymask.predict import first_look as looking
from anymask.predict.automatic import (
    AutomaticConfig,
    Candidate,
    point_grid,
    segment_everything,
)
from anymask.predict.point_decoder import (
    Answers,
    PointDecoder,
    _near_border,
    grid_of_logits,
    put_logits,
)
from anymask.predict.predictor import Predictor
from anymask.predict.window import STEP, TILE, Window

EVERY_MASK = AutomaticConfig(
    pred_iou_thresh=-9, stability_score_thresh=0, box_nms_thresh=1, fast=True
)


def test_where_the_window_is_everything_the_fast_mode_is_the_exact_one(
    tiny_predictor: Predictor, picture: npt.NDArray[np.uint8]
) -> None:
    assert tiny_predictor.model.config.encoder.grid == TILE
    embedding, points = tiny_predictor.encode(picture), point_grid(4, (60, 90))
    exact, fast = (
        sorted(tiny_predictor.candidates(embedding, points, config), key=by_point)
        for config in (replace(EVERY_MASK, fast=False), EVERY_MASK)
    )
    assert len(fast) == len(exact) == 3 * 16
    for a, b in zip(fast, exact):
        assert a.point == b.point
        assert a.predicted_iou == pytest.approx(b.predicted_iou, abs=1e-5)
        assert a.stability_score == pytest.approx(b.stability_score, abs=1e-4)
        assert a.runs.area() == pytest.approx(b.runs.area(), abs=2)


def test_where_no_mask_passes_there_is_none(
    tiny_predictor: Predictor, picture: npt.NDArray[np.uint8]
) -> None:
    none = replace(EVERY_MASK, pred_iou_thresh=9)
    embedding, points = tiny_predictor.encode(picture), point_grid(4, (60, 90))
    assert list(tiny_predictor.candidates(embedding, points, none)) == []


def by_point(candidate: Candidate) -> tuple[int, float]:
    return candidate.point, candidate.predicted_iou


@pytest.mark.parametrize("tile", [(0, 0), (3, 5), (7, 7)])
def test_a_window_stands_for_every_position_once(tile: tuple[int, int]) -> None:
    window = Window.of(tile, 64)
    counts = np.exp(window.log_weight())
    assert counts.sum() == pytest.approx(64 * 64)
    left, top, right, bottom = window.inside
    assert left % STEP == top % STEP == 0
    itself = np.arange(64 * 64).reshape(64, 64)[top:bottom, left:right]
    np.testing.assert_array_equal(window.index[window.nearest[top:bottom, left:right]], itself)
    assert len(window.index) <= 16 * 16 + 16 * 16


def test_what_was_seen_is_put_where_it_belongs() -> None:
    window = Window.of((2, 2), 64)
    everywhere = np.random.default_rng(0).random((64, 64)) > 0.5
    seen = window.to_grid(everywhere.reshape(1, -1)[:, window.index])[0]
    left, top, right, bottom = window.inside
    inside = np.s_[top:bottom, left:right]
    np.testing.assert_array_equal(seen[inside], everywhere[inside])
    assert seen[2, 2] == everywhere[2, 2]  # a position of the coarse part
    assert (seen[0:4, 0:4] == everywhere[2, 2]).all()  # which stands for its like


def test_only_what_lies_in_the_sharp_part_is_held() -> None:
    window = Window.of((2, 2), 64)
    seen = np.zeros(len(window.index), bool)
    seen[window.sharp[0, 0]] = True
    assert window.holds(seen)
    seen[0] = True  # the first position of all
    assert not window.holds(seen)


def test_logits_of_positions_are_put_in_order() -> None:
    everywhere = torch.randn(1, 64 * 64, 16)
    whole = in_order(everywhere.flatten(1))
    masks = grid_of_logits(everywhere.view(1, 64, 64, 16)[:, :48, :, SAMPLE], 64)
    assert (masks[:, 48:] == BESIDE).all()
    torch.testing.assert_close(masks[:, :48, 2, :, 2], whole[:, 2:192:4, 2::4])
    y, x = (part.flatten() for part in torch.meshgrid(*2 * [torch.arange(64)], indexing="ij"))
    put_logits(masks, everywhere, y, x)
    torch.testing.assert_close(masks.flatten(1, 2).flatten(2), whole)


@pytest.mark.parametrize("side_px", [256, 700, 1024, 3000])
@pytest.mark.parametrize("centre", [(16, 12), (12, 16), (8, 12), (12, 8), (16, 16)])
def test_a_disc_that_the_sharp_part_cuts_is_looked_at_again(
    centre: tuple[int, int], side_px: int
) -> None:
    # The point (12, 12) sees cells 4 to 20 sharply. Past them, the disc meets no coarse position.
    look = look_at_disc(centre, 4.5, (side_px, side_px), (12, 12))
    assert [glimpse.point for glimpse in look.again] == [0]
    assert not look.sure


@pytest.mark.parametrize("side_px", [256, 700, 1024, 3000])
def test_a_disc_in_the_sharp_part_is_taken_as_it_is(side_px: int) -> None:
    look = look_at_disc((13, 11), 6, (side_px, side_px), (12, 12))
    (disc,) = look.sure
    assert not look.again
    assert disc.runs.area() == pytest.approx(np.pi * (6 * side_px / GRID) ** 2, rel=0.02)


@pytest.mark.parametrize("hw", [(1024, 1024), (320, 1024), (1024, 320)])
def test_a_disc_that_the_image_cuts_is_taken_as_it_is(hw: tuple[int, int]) -> None:
    for corner in ((0, 0), (hw[1] / 16, hw[0] / 16)):
        look = look_at_disc(corner, 5, hw, tuple(min(max(side, 1), 63) for side in corner))
        assert len(look.sure) == 1
        assert not look.again


GRID, STEEPNESS = 64, 40.0


@dataclass(frozen=True)
class DiscDecoder(PointDecoder):
    """Answers every point with what its image (1, L, 16) has: the logits of each position."""

    def attend(
        self,
        points: Sequence[int],
        pred_iou_thresh: float,
        window: tuple[PromptedImage, ImagePositions] | None = None,
        hasty: bool = False,
    ) -> Answers:
        shared, _ = window or (self.shared, self.positions)
        sure = torch.ones(len(points), 1)
        image = shared.image.expand(len(points), -1, -1)
        return Answers(sure, image, sure > 0, torch.tensor(points), sure[:, 0])


class LogitsAsTheyAre(MaskDecoder):
    """Upscales nothing: one mask of each prompt."""

    def hyper(self, tokens: Tensor, which: slice = ALL_TOKENS) -> Tensor:
        return tokens[:, None]

    def samples(self, hyper: Tensor, image: Tensor | ToldImage) -> Tensor:
        assert isinstance(image, Tensor)
        return image[None, ..., SAMPLE]

    def logits_at(
        self, hyper: Tensor, image: Tensor | ToldImage, prompt: int, index: Tensor
    ) -> Tensor:
        assert isinstance(image, Tensor)
        return image[prompt, index][None]


def look_at_disc(
    centre: tuple[float, ...], radius: float, hw: tuple[int, int], point: tuple[float, ...]
) -> looking.FirstLook:
    """The first look at one point of a disc; centre, radius and point in cells of the embedding."""
    at = (torch.arange(4 * GRID) + 0.5) / 4
    distance = torch.hypot(at[None, :] - centre[0], at[:, None] - centre[1])
    logits = STEEPNESS * (radius - distance)
    numbers = in_order(torch.arange(GRID * GRID * 16)[None])[0].flatten()
    of_position = torch.empty(GRID * GRID * 16)
    of_position[numbers] = logits.flatten()
    image = of_position.view(1, GRID * GRID, 16)
    none = torch.zeros(1, 1, GRID * GRID)
    resize_map = ResizeMap(hw, 16 * GRID)
    decoder = DiscDecoder(
        LogitsAsTheyAre(MaskDecoderConfig(depth=0)),
        SharedImage(image, none, none.mT, none),
        ImagePositions((), none),
        PromptEmbedding(*torch.zeros(3, 1, 1)),
        resize_map.to_image([[16 * side for side in point]]),
        resize_map,
    )
    return looking.first_look(decoder, AutomaticConfig(), map)


@dataclass
class Examiner:
    """Passes masks by points and tokens, and notes which points it was asked about."""

    passes: set[tuple[int, int]]
    asked: list[list[int]]

    def nearly_exact(
        self, points: Sequence[int], config: AutomaticConfig
    ) -> list[tuple[int, Candidate]]:
        self.asked.append(list(points))
        return [
            (token, Candidate(point, 1.0, 1.0, MaskRuns.of_mask(np.ones((2, 2), bool))))
            for point, token in sorted(self.passes)
            if point in points
        ]


def glimpse(point: int, token: int, stability: float, *others: looking.Glimpse) -> looking.Glimpse:
    box, seen = np.zeros(4, np.float32), np.ones(4, bool)
    return looking.Glimpse(point, token, 0.9, stability, True, box, seen, None, list(others))


def test_where_a_mask_fails_the_most_stable_of_those_like_it_is_next() -> None:
    examiner = Examiner({(3, 1), (5, 2)}, [])
    likes = [glimpse(4, 1, 0.95), glimpse(5, 2, 0.97)]
    look = looking.FirstLook([], [glimpse(3, 1, 0.9), glimpse(3, 2, 0.9, *likes)])
    found = looking.look_again(cast(PointDecoder, examiner), look, AutomaticConfig(), map, 8)
    assert [candidate.point for candidate in found] == [3, 5]
    assert examiner.asked == [[3], [5]]


def test_only_where_its_border_may_be_does_a_mask_get_all_its_logits() -> None:
    at = torch.arange(32.0)
    disc = 3 * (10 - torch.hypot(at[None] - 16, at[:, None] - 16))
    near = _near_border(disc[None])
    assert near[16, 6]
    assert near[16, 5]
    assert not near[16, 16]
    assert not near[16, 1]
    other = 3 * (2 - torch.hypot(at[None] - 16, at[:, None] - 16))
    assert _near_border(torch.stack([disc, other]))[16, 14]  # any mask's


def test_nearly_exact_masks_are_the_exact_ones(
    tiny_predictor: Predictor, picture: npt.NDArray[np.uint8]
) -> None:
    embedding, points = tiny_predictor.encode(picture), point_grid(4, (60, 90))
    prompts = Prompts.of_points(points[:, None])
    arrays = tiny_predictor._batch(tiny_predictor.collate([embedding], [prompts]))
    decoder = PointDecoder(
        tiny_predictor.model.mask_decoder,
        tiny_predictor.shared(embedding),
        tiny_predictor.positions,
        tiny_predictor.model.prompt_encoder(arrays),
        points,
        embedding.resize_map,
    )
    exact = decoder.exact(range(16), EVERY_MASK)
    nearly = decoder.nearly_exact(range(16), EVERY_MASK)
    assert len(nearly) == len(exact) == 3 * 16
    for mask, (token, other) in zip(exact, nearly):
        assert 1 <= token <= 3
        assert mask.point == other.point
        assert other.predicted_iou == pytest.approx(mask.predicted_iou, abs=1e-5)
        assert other.runs.area() == pytest.approx(mask.runs.area(), abs=2)


def test_a_segmenter_without_candidates_has_no_fast_mode() -> None:
    with pytest.raises(Error, match="candidates"):
        segment_everything(DiscSegmenter(), np.zeros((64, 64, 3), np.uint8), EVERY_MASK)


@pytest.mark.slow
@pytest.mark.weights
@pytest.mark.data
@pytest.mark.parametrize("name", ["dog", "groceries"])
def test_the_fast_mode_finds_nearly_all_that_the_official_generator_finds(
    mobile_sam: Predictor, data_folder: Path, name: str
) -> None:
    photos = data_folder / "photos"
    official = json.loads((photos / "official_everything" / f"{name}.json").read_text())
    fast = segment_everything(
        mobile_sam, read_image(photos / f"{name}.jpg"), AutomaticConfig(fast=True)
    )
    overlap = rle.iou([one["segmentation"] for one in official], [a["segmentation"] for a in fast])
    assert (overlap.max(axis=1) >= 0.75).mean() >= 0.95
    assert len(fast) <= 1.1 * len(official)
