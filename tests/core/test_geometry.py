"""The map between image and model, boxes and middles of masks, against plain loops."""

from __future__ import annotations

import itertools

import hypothesis.extra.numpy as hnp
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import ndimage

from anymask.core.geometry import (
    ResizeMap,
    box_iou,
    deepest_point,
    interior_distance,
    mask_boxes,
    xywh_to_xyxy,
    xyxy_to_xywh,
)
from anymask.errors import Error

Mask = npt.NDArray[np.bool_]
Box = tuple[float, float, float, float]
PROPERTY = settings(max_examples=100, deadline=None)
SIDES = st.integers(1, 20_000)
SIZES = st.tuples(SIDES, SIDES)
INPUTS = st.sampled_from([64, 128, 448, 1000, 1024])
MASKS = hnp.arrays(np.bool_, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=24))
CORNERS = st.tuples(*[st.integers(-20, 20)] * 4)
BOXES = CORNERS.map(lambda c: (min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3])))


@pytest.mark.parametrize(
    ("image_hw", "input_px", "content_hw"),
    [
        ((1200, 1800), 1024, (683, 1024)),
        ((1800, 1200), 1024, (1024, 683)),
        ((1080, 1920), 1024, (576, 1024)),
        ((1024, 1024), 1024, (1024, 1024)),
        ((1, 1), 1024, (1024, 1024)),
        ((1, 2048), 1024, (1, 1024)),  # half a pixel rounds up
        ((1, 5000), 1024, (1, 1024)),  # a fifth of a pixel rounds to nothing, which may not be
        ((5000, 1), 1024, (1024, 1)),
        ((3, 2000), 1024, (2, 1024)),
        ((3, 2048), 1024, (2, 1024)),  # one and a half
        ((427, 640), 448, (299, 448)),
    ],
)
def test_the_resized_size_by_hand(
    image_hw: tuple[int, int], input_px: int, content_hw: tuple[int, int]
) -> None:
    assert ResizeMap(image_hw, input_px).content_hw == content_hw


@PROPERTY
@given(SIZES, INPUTS)
def test_the_resized_size_is_the_official_one_but_never_nothing(
    image_hw: tuple[int, int], input_px: int
) -> None:
    scale = input_px * 1.0 / max(image_hw)  # ResizeLongestSide.get_preprocess_shape
    official = tuple(int(side * scale + 0.5) for side in image_hw)
    content = ResizeMap(image_hw, input_px).content_hw
    assert content == tuple(side or 1 for side in official)
    assert max(content) == input_px


@PROPERTY
@given(SIZES, INPUTS, st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), max_size=5))
def test_points_come_back_from_the_model(
    image_hw: tuple[int, int], input_px: int, shares: list[tuple[float, float]]
) -> None:
    resize_map = ResizeMap(image_hw, input_px)
    xy = np.array(shares, np.float64).reshape(-1, 2) * image_hw[::-1]
    inside = resize_map.to_input(xy)
    assert inside.dtype == np.float32
    assert inside.shape == xy.shape
    assert (inside <= np.array(resize_map.content_hw[::-1]) * (1 + 1e-6)).all()
    np.testing.assert_allclose(resize_map.to_image(inside), xy, rtol=1e-5, atol=1e-4)


@PROPERTY
@given(SIZES, INPUTS)
def test_corners_map_to_corners(image_hw: tuple[int, int], input_px: int) -> None:
    (h, w), resize_map = image_hw, ResizeMap(image_hw, input_px)
    new_h, new_w = resize_map.content_hw
    corners = [[0, 0], [w, 0], [0, h], [w, h]]
    expected = [[0, 0], [new_w, 0], [0, new_h], [new_w, new_h]]
    np.testing.assert_allclose(resize_map.to_input(corners), expected, rtol=1e-6)
    np.testing.assert_allclose(resize_map.to_image(expected), corners, rtol=1e-6)


def test_points_keep_their_axes_and_x_comes_before_y() -> None:
    resize_map = ResizeMap((100, 200), 1024)
    assert resize_map.to_input([50, 25]).tolist() == [256, 128]
    assert resize_map.to_input(np.zeros((2, 3, 5, 2))).shape == (2, 3, 5, 2)
    assert resize_map.to_input(np.zeros((4, 0, 2))).shape == (4, 0, 2)
    stretched = ResizeMap((1, 5000), 1024)  # the two axes scale differently where a side is held
    np.testing.assert_allclose(stretched.to_input([5000, 1]), [1024, 1])


@pytest.mark.parametrize(
    ("image_hw", "input_px"), [((0, 5), 64), ((5, 0), 64), ((-1, 5), 64), ((5, 5), 0), ((5, 5), -1)]
)
def test_there_is_no_map_from_or_to_nothing(image_hw: tuple[int, int], input_px: int) -> None:
    with pytest.raises(Error, match="no map from an image"):
        ResizeMap(image_hw, input_px)


def brute_mask_box(mask: Mask) -> list[int]:
    hits = [(x, y) for y, x in itertools.product(*map(range, mask.shape)) if mask[y, x]]
    if not hits:
        return [0, 0, 0, 0]
    xs, ys = zip(*hits)
    return [min(xs), min(ys), max(xs) + 1, max(ys) + 1]


@PROPERTY
@given(MASKS)
def test_the_box_of_a_mask_is_tight(mask: Mask) -> None:
    box = mask_boxes(mask)
    assert box.dtype == np.float32
    assert box.tolist() == brute_mask_box(mask)


@PROPERTY
@given(hnp.arrays(np.bool_, st.tuples(*[st.integers(1, n) for n in (3, 3, 6, 6)])))
def test_boxes_of_many_masks_keep_their_axes(masks: Mask) -> None:
    boxes = mask_boxes(masks)
    assert boxes.shape == (*masks.shape[:2], 4)
    for index in np.ndindex(masks.shape[:2]):
        assert boxes[index].tolist() == brute_mask_box(masks[index])


def test_an_empty_mask_among_others_has_a_box_of_zeros() -> None:
    masks = np.zeros((3, 4, 6), bool)
    masks[0, 1:3, 2:5] = True
    masks[2, 3, 5] = True
    assert mask_boxes(masks).tolist() == [[2, 1, 5, 3], [0, 0, 0, 0], [5, 3, 6, 4]]
    assert mask_boxes(np.zeros((0, 4, 6), bool)).shape == (0, 4)


def test_corner_boxes_become_sizes_by_hand() -> None:
    assert xyxy_to_xywh([10, 20, 50, 25]).tolist() == [10, 20, 40, 5]
    assert xywh_to_xyxy([10, 20, 40, 5]).tolist() == [10, 20, 50, 25]


@PROPERTY
@given(
    hnp.arrays(np.int32, st.tuples(st.integers(0, 4), st.just(4)), elements=st.integers(-99, 99))
)
def test_the_two_kinds_of_boxes_are_inverse(boxes: npt.NDArray[np.int32]) -> None:
    assert xywh_to_xyxy(xyxy_to_xywh(boxes)).tolist() == boxes.tolist()
    assert xyxy_to_xywh(xywh_to_xyxy(boxes)).tolist() == boxes.tolist()


def brute_box_iou(a: Box, b: Box) -> float:
    """Of boxes with whole corners inside -20 to 20: count the unit squares."""
    cells = [
        {(x, y) for x in range(int(c[0]), int(c[2])) for y in range(int(c[1]), int(c[3]))}
        for c in (a, b)
    ]
    union = len(cells[0] | cells[1])
    return len(cells[0] & cells[1]) / union if union else 0.0


@settings(max_examples=50, deadline=None)
@given(st.lists(BOXES, max_size=3), st.lists(BOXES, max_size=3))
def test_box_iou_is_that_of_counted_squares(a: list[Box], b: list[Box]) -> None:
    left, right = np.array(a, float).reshape(-1, 4), np.array(b, float).reshape(-1, 4)
    ious = box_iou(left, right)
    expected = np.array([[brute_box_iou(x, y) for y in b] for x in a]).reshape(len(a), len(b))
    np.testing.assert_allclose(ious, expected, rtol=1e-6)
    np.testing.assert_array_equal(box_iou(right, left), ious.T)


REALS = st.floats(0, 20_000, width=32)


@PROPERTY
@given(st.lists(st.tuples(REALS, REALS, REALS, REALS), min_size=1, max_size=6))
def test_box_iou_lies_between_nothing_and_all(corners: list[Box]) -> None:
    boxes = np.array(corners, np.float32)
    boxes = np.concatenate([np.minimum(boxes[:, :2], boxes[:, 2:]), boxes[:, 2:]], axis=1)
    ious = box_iou(boxes, boxes)
    assert (ious >= 0).all()
    assert (ious <= 1).all()
    solid = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1) > 0
    assert (np.diag(ious) == solid).all()


def test_box_iou_by_hand() -> None:
    one, half, apart, line = [0, 0, 10, 10], [0, 5, 10, 15], [20, 20, 30, 30], [0, 0, 0, 10]
    ious = box_iou([one], [one, half, apart, line, [10, 0, 20, 10]])
    np.testing.assert_allclose(ious, [[1, 1 / 3, 0, 0, 0]], rtol=1e-6)
    assert box_iou([line], [line]).tolist() == [[0]]  # a box without area overlaps nothing


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (["#"], (0, 0)),
        (["##", "##"], (0, 0)),  # all equally deep: the first in reading order
        (["...", "..#"], (2, 1)),
        (["###", "###", "###"], (1, 1)),
        (["#####", "#####", "#####", "#####"], (1, 1)),
        (["######.", "######.", "######."], (1, 1)),  # the border is an edge like any other
        (["##......", "##..####", "....####", "....####"], (5, 2)),  # the thicker part wins
        (["#####", "#.###", "#####", "#####"], (3, 1)),  # away from the hole
    ],
)
def test_the_deepest_point_by_hand(rows: list[str], expected: tuple[float, float]) -> None:
    mask = np.array([[c == "#" for c in row] for row in rows])
    assert deepest_point(mask) == expected


@PROPERTY
@given(MASKS)
def test_the_deepest_point_is_inside_and_nothing_is_deeper(mask: Mask) -> None:
    ndimage = pytest.importorskip("scipy.ndimage")
    assume(mask.any())
    x, y = deepest_point(mask)
    assert mask[int(y), int(x)]
    depth = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    assert depth[int(y), int(x)] == pytest.approx(depth.max(), abs=1e-4)


def test_the_deepest_point_of_a_large_disc_is_its_middle() -> None:
    y, x = np.ogrid[:401, :601]
    assert deepest_point((x - 350) ** 2 + (y - 150) ** 2 < 120**2) == (350, 150)


def test_an_empty_mask_has_no_deepest_point() -> None:
    with pytest.raises(Error, match="empty mask"):
        deepest_point(np.zeros((4, 5), bool))


@PROPERTY
@given(MASKS)
def test_interior_distances_are_those_of_the_whole_image(mask: Mask) -> None:
    depth, (left, top) = interior_distance(mask)
    whole = np.zeros(mask.shape, np.float32)
    whole[top : top + depth.shape[0], left : left + depth.shape[1]] = depth
    expected = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    np.testing.assert_allclose(whole, expected, rtol=1e-6)
    if mask.any():
        assert [left, top, left + depth.shape[1], top + depth.shape[0]] == brute_mask_box(mask)


def test_an_empty_mask_has_no_interior() -> None:
    depth, place = interior_distance(np.zeros((4, 5), bool))
    assert depth.shape == (0, 0)
    assert place == (0, 0)


@pytest.mark.parametrize("gap", range(1, 40))
def test_of_two_points_as_deep_the_first_is_taken_wherever_they_lie(gap: int) -> None:
    y, x = np.mgrid[:30, :30]
    disc = (y - 14) ** 2 + (x - 14) ** 2 < 145  # whose root is its depth
    mask = np.concatenate([disc, np.zeros((30, gap), bool), disc, disc], axis=1)
    assert deepest_point(mask) == (14, 14)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_deepest_point_of_large_masks_is_that_of_whole_numbers(seed: int) -> None:
    noise = np.random.default_rng(seed).random((120, 200))
    mask = ndimage.gaussian_filter(noise, 4) > 0.48
    distance = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    squared = np.rint(distance**2)
    y, x = np.unravel_index(int(squared.argmax()), squared.shape)
    assert deepest_point(mask) == (float(x), float(y))
