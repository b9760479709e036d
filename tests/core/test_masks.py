"""Masks on demand: every view of them tells the same, and borders fall where SAM's fall."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from anymask.core import masks as masks_module
from anymask.core import rle
from anymask.core.geometry import ResizeMap
from anymask.core.logits import stability_score, upsample
from anymask.core.masks import Masks
from anymask.errors import Error

Floats = npt.NDArray[np.float32]
PROPERTY = settings(max_examples=50, deadline=None)
INPUT_PX = 64
ROUNDING = 1e-5  # of logits, relative to the largest


def some_masks(
    prompts: int = 2, columns: int = 3, image_hw: tuple[int, int] = (30, 45), seed: int = 0
) -> Masks:
    rng = np.random.default_rng(seed)
    logits = 3 * rng.normal(size=(prompts, columns, 16, 16)).astype(np.float32)
    scores = rng.random((prompts, columns)).astype(np.float32)
    return Masks(logits, scores, ResizeMap(image_hw, INPUT_PX))


def torch_upsample(low_resolution: Floats, image_hw: tuple[int, int], side: int) -> Floats:
    """The official ``postprocess_masks``, in double precision."""
    content_h, content_w = ResizeMap(image_hw, side).content_hw
    low = torch.from_numpy(low_resolution).double()[None, None]
    square = F.interpolate(low, (side, side), mode="bilinear", align_corners=False)
    content = square[..., :content_h, :content_w]
    full = F.interpolate(content, image_hw, mode="bilinear", align_corners=False)
    return np.asarray(full[0, 0].numpy(), np.float32)


@pytest.mark.parametrize(
    "image_hw",
    [
        (1024, 1024),
        (600, 900),
        (900, 600),
        (512, 512),
        (2048, 1024),
        (1200, 1800),
        (2000, 300),
        (300, 2000),
        (1, 1),
        (1, 300),
        (300, 1),
        (1, 20_000),
        (20_000, 3),
        (7, 5),
    ],
)
def test_upsampling_is_the_official_two_steps(image_hw: tuple[int, int]) -> None:
    low = np.random.default_rng(1).normal(size=(256, 256)).astype(np.float32)
    full = upsample(low, ResizeMap(image_hw, 1024))
    assert full.shape == image_hw
    assert full.dtype == np.float32
    np.testing.assert_allclose(full, torch_upsample(low, image_hw, 1024), atol=1e-4)


@PROPERTY
@given(st.integers(1, 200), st.integers(1, 200), st.integers(1, 24), st.sampled_from([32, 64, 96]))
def test_upsampling_is_the_official_two_steps_for_any_size(
    height: int, width: int, low_side: int, input_px: int
) -> None:
    low = np.random.default_rng(2).normal(size=(low_side, low_side)).astype(np.float32)
    full = upsample(low, ResizeMap((height, width), input_px))
    expected = torch_upsample(low, (height, width), input_px)
    np.testing.assert_allclose(full, expected, atol=1e-4)


@PROPERTY
@given(
    st.integers(1, 3),
    st.sampled_from([1, 3]),
    st.tuples(st.integers(1, 60), st.integers(1, 60)),
    st.floats(-2, 2),
    st.integers(0, 99),
)
def test_all_views_of_the_masks_tell_the_same(
    prompts: int, columns: int, image_hw: tuple[int, int], threshold: float, seed: int
) -> None:
    made = some_masks(prompts, columns, image_hw, seed)
    masks = replace(made, threshold=threshold)
    full = masks.to_bool()
    assert full.shape == (prompts, columns, *image_hw)
    assert full.dtype == bool
    check_views(masks)


def check_views(masks: Masks) -> None:
    """Run lengths are the pixels, and boxes and areas those of the run lengths.

    But for pixels whose logit is within rounding of the threshold: the two ways round differently.
    """
    flat, encoded = masks.to_bool().reshape(-1, *masks.image_hw), masks.to_rle()
    assert len(encoded) == len(flat)
    for mask, logits, code in zip(flat, masks.full_logits(), encoded):
        clear = np.abs(logits - masks.threshold) > ROUNDING * max(1, np.abs(logits).max())
        assert code["size"] == list(masks.image_hw)
        np.testing.assert_array_equal(rle.decode(code)[clear], mask[clear])
    assert masks.areas().shape == masks.predicted_iou.shape
    assert masks.areas().reshape(-1).tolist() == [rle.area(code) for code in encoded]
    corners = [(x, y, x + w, y + h) for x, y, w, h in map(rle.bbox_xywh, encoded)]
    assert masks.boxes().shape == (*masks.predicted_iou.shape, 4)
    np.testing.assert_array_equal(masks.boxes().reshape(-1, 4), corners)


@PROPERTY
@given(
    st.tuples(st.integers(1, 700), st.integers(1, 700)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.sampled_from([32, 64, 96]),
    st.booleans(),
    st.floats(-2, 2),
)
def test_views_agree_for_any_grid_of_logits_any_input_and_any_image(
    image_hw: tuple[int, int],
    grid_hw: tuple[int, int],
    input_px: int,
    stretch: bool,
    threshold: float,
) -> None:
    logits = np.random.default_rng(4).normal(0, 3, (1, 2, *grid_hw)).astype(np.float32)
    scores = np.ones((1, 2), np.float32)
    masks = Masks(logits, scores, ResizeMap(image_hw, input_px, stretch), threshold)
    check_views(masks)
    expected = [stability_score(full, threshold, 0.5) for full in masks.full_logits()]
    np.testing.assert_allclose(masks.stability(0.5)[0], expected, atol=2 / min(image_hw))


def test_views_that_need_no_pixels_make_no_full_size_logits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(masks_module, "upsample", None)
    masks = some_masks(image_hw=(9000, 12000))[:1].best()
    assert masks.areas()[0, 0] == rle.area(masks.to_rle()[0]) > 0
    assert masks.boxes().any()
    assert 0 < masks.stability()[0, 0] < 1


def test_the_threshold_itself_is_not_the_object() -> None:
    flat = np.full((1, 1, 16, 16), 1.5, np.float32)
    scores = np.ones((1, 1), np.float32)
    at, below = (Masks(flat, scores, ResizeMap((4, 6), INPUT_PX), t) for t in (1.5, 1.4))
    assert at.areas().tolist() == [[0]]
    assert not at.to_bool().any()
    assert at.boxes().tolist() == [[[0, 0, 0, 0]]]
    assert below.areas().tolist() == [[24]]
    assert below.boxes().tolist() == [[[0, 0, 6, 4]]]


def test_what_lies_in_the_padding_is_not_in_the_image() -> None:
    logits = np.full((1, 1, 16, 16), -5, np.float32)
    logits[..., 9:, :] = 5  # the image fills the upper half of the square, and the border blurs
    masks = Masks(logits, np.ones((1, 1), np.float32), ResizeMap((30, 60), INPUT_PX))
    assert masks.areas().tolist() == [[0]]


def test_stability_by_hand() -> None:
    logits = np.array([[-2.0, -0.5], [0.5, 2.0]], np.float32)
    assert stability_score(logits, 0.0, 1.0) == pytest.approx(1 / 3)
    assert stability_score(logits, 0.0, 0.25) == 1.0
    assert stability_score(logits, 1.0, 1.0) == pytest.approx(0 / 2)
    assert stability_score(logits, -1.0, 0.75) == pytest.approx(2 / 3)
    assert stability_score(logits, 9.0, 1.0) == 0.0  # nothing to compare


def test_stability_of_all_masks_keeps_their_places() -> None:
    masks = some_masks()
    scores = masks.stability(0.5)
    assert scores.shape == (2, 3)
    full = np.array(list(masks.full_logits())).reshape(2, 3, -1)
    expected = (full > 0.5).sum(axis=2) / (full > -0.5).sum(axis=2)
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
    assert ((scores > 0) & (scores < 1)).all()


def test_the_best_is_the_first_column() -> None:
    masks = some_masks()
    best = masks.best()
    assert (len(best), best.logits.shape) == (2, (2, 1, 16, 16))
    np.testing.assert_array_equal(best.logits[:, 0], masks.logits[:, 0])
    np.testing.assert_array_equal(best.predicted_iou[:, 0], masks.predicted_iou[:, 0])
    assert best.resize_map == masks.resize_map


def test_answers_are_indexed_by_prompt() -> None:
    masks = some_masks(prompts=4)
    rows = [[2], [3], [1, 2, 3], [3, 0], [0, 2]]
    chosen = np.array([True, False, True, False])
    keys: list[Any] = [2, -1, slice(1, None), np.array([3, 0]), chosen]
    for key, row in zip(keys, rows):
        some = masks[key]
        np.testing.assert_array_equal(some.logits, masks.logits[row])
        np.testing.assert_array_equal(some.predicted_iou, masks.predicted_iou[row])
    assert len(masks[1:1]) == 0
    with pytest.raises(IndexError):
        masks[4]


def test_the_threshold_stays_with_a_part() -> None:
    made = some_masks()
    masks = replace(made, threshold=1.25)
    assert masks.best().threshold == masks[0].threshold == 1.25


def test_full_size_logits_are_made_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Floats] = []

    def counted(low_resolution: Floats, resize_map: ResizeMap) -> Floats:
        made.append(low_resolution)
        return upsample(low_resolution, resize_map)

    monkeypatch.setattr(masks_module, "upsample", counted)
    masks = some_masks()
    everything = masks.full_logits()
    assert len(made) == 0
    for number, logits in enumerate(everything, start=1):
        assert len(made) == number
        assert logits.shape == (30, 45)
    assert len(made) == 6
    np.testing.assert_array_equal(made[4], masks.logits[1, 1])  # prompt by prompt


def test_no_answers_are_answers_too() -> None:
    none = some_masks()[:0]
    assert none.to_bool().shape == (0, 3, 30, 45)
    assert none.boxes().shape == (0, 3, 4)
    assert none.areas().shape == none.stability().shape == (0, 3)
    assert none.to_rle() == []


@pytest.mark.parametrize(
    ("logits", "scores"),
    [((1, 16, 16), (1,)), ((1, 1, 16, 16), (1,)), ((2, 3, 16, 16), (3, 2)), ((16, 16), ())],
)
def test_logits_and_scores_must_belong_together(
    logits: tuple[int, ...], scores: tuple[int, ...]
) -> None:
    with pytest.raises(Error, match="masks need logits"):
        Masks(
            np.zeros(logits, np.float32),
            np.zeros(scores, np.float32),
            ResizeMap((4, 4), INPUT_PX),
        )


def test_masks_are_shown_in_a_line() -> None:
    assert repr(some_masks()).startswith("Masks(2 prompts × 3 masks of 30×45 (H×W), predicted_iou ")
    alone = some_masks(1, 1)
    alone.predicted_iou[:] = 0.99984
    assert repr(alone) == "Masks(1 prompt × 1 mask of 30×45 (H×W), predicted_iou 0.9998)"
    many = some_masks(9, 1)
    many.predicted_iou[:, 0] = np.arange(9) / 10
    assert repr(many).endswith("predicted_iou 0.0000 to 0.8000)")
    assert repr(many[:0]).endswith("predicted_iou of none)")
