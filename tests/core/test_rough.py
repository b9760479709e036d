"""Rough masks become prompts that say the same: a box, a deepest point and soft logits."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anymask.core.geometry import ResizeMap, deepest_point, mask_boxes
from anymask.core.logits import upsample
from anymask.core.prompts import Prompts
from anymask.core.rough import CELL_PX, CERTAINTY, doubt_about, mask_logits, rough_prompts
from anymask.errors import PromptError

Mask = npt.NDArray[np.bool_]
INPUT_PX = 1024
PROPERTY = settings(max_examples=50, deadline=None)


def rectangle(image_hw: tuple[int, int], xyxy: tuple[int, int, int, int]) -> Mask:
    mask = np.zeros(image_hw, bool)
    x0, y0, x1, y1 = xyxy
    mask[y0:y1, x0:x1] = True
    return mask


def map_of(masks: Mask, input_px: int = INPUT_PX) -> ResizeMap:
    return ResizeMap((masks.shape[-2], masks.shape[-1]), input_px)


TWO = np.stack([rectangle((60, 90), (10, 5, 50, 45)), rectangle((60, 90), (70, 50, 90, 60))])


def test_a_rough_mask_brings_its_box_and_its_deepest_point() -> None:
    prompts = rough_prompts(TWO, map_of(TWO))
    assert prompts.labels.tolist() == [[2, 3, 1]] * 2
    assert prompts.points[0].tolist() == [[10, 5], [50, 45], [29, 24]]
    assert prompts.points[1, :2].tolist() == [[70, 50], [90, 60]]
    assert prompts.masks is not None
    assert prompts.masks.shape == (2, 256, 256)
    for mask, logits in zip(TWO, prompts.masks):
        np.testing.assert_array_equal(logits, mask_logits(mask, map_of(mask)))


@settings(max_examples=25, deadline=None)
@given(
    st.tuples(st.integers(1, 80), st.integers(1, 80)),
    st.lists(st.floats(0, 1, exclude_max=True), min_size=4, max_size=4),
)
def test_the_point_of_any_rough_mask_lies_in_it(hw: tuple[int, int], at: list[float]) -> None:
    xs, ys = (
        sorted(int(a * side) for a in pair) for pair, side in ((at[:2], hw[1]), (at[2:], hw[0]))
    )
    mask = rectangle(hw, (xs[0], ys[0], xs[1] + 1, ys[1] + 1))
    prompts = rough_prompts(mask[None], map_of(mask))
    x, y = prompts.points[0, 2]
    assert mask[int(y), int(x)]
    assert (x, y) == deepest_point(mask)
    np.testing.assert_array_equal(prompts.points[0, :2].reshape(4), mask_boxes(mask))


def test_points_or_boxes_that_somebody_chose_replace_its_own() -> None:
    given_points = Prompts.of_points([[[1, 2]], [[3, 4]]], [[1], [0]])
    prompts = rough_prompts(TWO, map_of(TWO), given_points)
    assert prompts.labels.tolist() == [[1], [0]]
    assert prompts.points.tolist() == [[[1, 2]], [[3, 4]]]
    assert prompts.masks is not None
    np.testing.assert_array_equal(prompts.masks[1], mask_logits(TWO[1], map_of(TWO)))


def test_logits_are_sure_inside_and_outside_and_soft_between() -> None:
    mask = rectangle((1024, 1024), (256, 256, 768, 768))
    logits = mask_logits(mask, map_of(mask))
    assert logits.shape == (256, 256)
    assert logits.dtype == np.float32
    assert logits[128, 128] == pytest.approx(CERTAINTY)
    assert logits[5, 5] == logits[128, 250] == pytest.approx(-CERTAINTY)
    border = logits[128, 56:72]
    assert (np.diff(border) > 0).all()
    assert border[7] == pytest.approx(-border[8], abs=1e-4)  # the edge lies between the two cells
    assert np.abs(logits).max() <= CERTAINTY + 1e-4


@pytest.mark.parametrize(
    ("image_hw", "xyxy"),
    [
        ((1024, 1024), (200, 300, 700, 800)),
        ((600, 900), (100, 100, 500, 400)),
        ((3000, 1500), (300, 500, 1200, 2500)),
        ((40, 60), (10, 10, 50, 35)),
    ],
)
def test_logits_at_the_size_of_the_image_are_the_mask_again(
    image_hw: tuple[int, int], xyxy: tuple[int, int, int, int]
) -> None:
    mask = rectangle(image_hw, xyxy)
    again = upsample(mask_logits(mask, map_of(mask)), map_of(mask)) > 0
    assert (again & mask).sum() / (again | mask).sum() > 0.95


@PROPERTY
@given(st.integers(1, 300), st.integers(1, 300))
def test_nothing_of_a_mask_gets_into_the_padding(height: int, width: int) -> None:
    resize_map = ResizeMap((height, width), 1024)
    logits = mask_logits(np.ones((height, width), bool), resize_map)
    rows, columns = (-(-side // 4) + 12 for side in resize_map.content_hw)
    assert (logits[rows:] == -CERTAINTY).all()
    assert (logits[:, columns:] == -CERTAINTY).all()
    assert logits.max() > -CERTAINTY + 0.1


@pytest.mark.parametrize("side", [16, 32, 256])
def test_logits_have_the_side_that_the_model_takes(side: int) -> None:
    mask = rectangle((60, 90), (0, 0, 90, 30))  # the upper half of the image, a third of the square
    resize_map = map_of(mask, CELL_PX * side)
    logits = mask_logits(mask, resize_map)
    assert logits.shape == (side, side)
    content_h = resize_map.content_hw[0] // CELL_PX
    assert logits[: content_h // 2 - 1].min() > 0 > logits[content_h // 2 + 1 :].max()
    prompts = rough_prompts(mask[None], resize_map)
    np.testing.assert_array_equal(prompts.masks, logits[None])


@pytest.mark.parametrize("empty", [0, 1])
def test_an_empty_rough_mask_is_refused_by_its_number(empty: int) -> None:
    masks = TWO.copy()
    masks[empty] = False
    with pytest.raises(PromptError, match=f"rough mask {empty} is empty"):
        rough_prompts(masks, map_of(masks))


@pytest.mark.parametrize("shape", [(60, 90), (1, 1, 60, 90), (90,)])
def test_rough_masks_of_another_shape_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(PromptError, match=r"must be \(P, H, W\)"):
        rough_prompts(np.ones(shape, bool), ResizeMap((60, 90), INPUT_PX))


def test_as_many_prompts_as_masks_must_be_given() -> None:
    with pytest.raises(PromptError, match="1 prompts need as many masks, not 2"):
        rough_prompts(TWO, map_of(TWO), Prompts.point(1, 1))


@pytest.mark.parametrize("given_points", [None, Prompts.point(1, 1)])
def test_no_rough_masks_are_no_prompts(given_points: Prompts | None) -> None:
    with pytest.raises(PromptError):
        rough_prompts(TWO[:0], map_of(TWO), given_points)


@pytest.mark.parametrize("image_hw", [(90, 60), (60, 91), (120, 180)])
def test_rough_masks_of_another_size_than_the_image_are_refused(image_hw: tuple[int, int]) -> None:
    with pytest.raises(PromptError, match="is none of an image"):
        rough_prompts(TWO, ResizeMap(image_hw, INPUT_PX))


@pytest.mark.parametrize(
    ("mark", "answer", "doubt"),
    [
        ((10, 30, 80, 34), (10, 10, 80, 50), "as thin as a stroke"),
        (
            (30, 20, 40, 30),
            (10, 10, 80, 50),
            "far smaller than the answer, 100",
        ),
        ((15, 12, 75, 48), (10, 10, 80, 50), None),
        ((10, 10, 80, 50), (30, 20, 40, 30), None),
    ],
)
def test_a_mark_that_is_no_mask_of_the_object_is_doubted(
    mark: tuple[int, int, int, int], answer: tuple[int, int, int, int], doubt: str | None
) -> None:
    said = doubt_about(rectangle((60, 90), mark), rectangle((60, 90), answer))
    assert said is None if doubt is None else doubt in (said or "")
