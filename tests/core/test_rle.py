"""Run-length encodings against plain numpy, and what is refused instead of misread."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anymask.core import rle
from anymask.errors import Error

Mask = npt.NDArray[np.bool_]
PROPERTY = settings(max_examples=80, deadline=None)
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=20)
MASKS = hnp.arrays(np.bool_, SHAPES)
READERS = {"decode": rle.decode, "area": rle.area, "bbox_xywh": rle.bbox_xywh}


def with_corner(h: int, w: int) -> Mask:
    mask = np.zeros((h, w), bool)
    mask[-1, -1] = True
    return mask


NAMED_MASKS = {
    "one pixel, set": np.ones((1, 1), bool),
    "one pixel, clear": np.zeros((1, 1), bool),
    "empty": np.zeros((7, 5), bool),
    "full": np.ones((7, 5), bool),
    "one row": np.array([[True, False, True, True, False]]),
    "one column": np.array([[False], [True], [True]]),
    "last pixel only": with_corner(6, 9),
    "chequered": np.indices((9, 8)).sum(axis=0) % 2 == 1,
    "long runs": with_corner(700, 900),
}


def brute_box(mask: Mask) -> list[float]:
    rows, columns = np.nonzero(mask)
    if len(rows) == 0:
        return [0.0] * 4
    x, y = columns.min(), rows.min()
    return [float(v) for v in (x, y, columns.max() - x + 1, rows.max() - y + 1)]


def brute_iou(a: Mask, b: Mask) -> float:
    union = int((a | b).sum())
    return int((a & b).sum()) / union if union else 0.0


@pytest.mark.parametrize("name", NAMED_MASKS)
def test_a_mask_comes_back_as_it_was(name: str) -> None:
    mask = NAMED_MASKS[name]
    encoded = rle.encode(mask)
    decoded = rle.decode(encoded)
    assert decoded.dtype == bool
    assert decoded.flags.c_contiguous
    np.testing.assert_array_equal(decoded, mask)
    assert rle.area(encoded) == mask.sum()
    assert rle.bbox_xywh(encoded) == brute_box(mask)


@PROPERTY
@given(MASKS)
def test_any_mask_comes_back_with_its_area_and_its_box(mask: Mask) -> None:
    encoded = rle.encode(mask)
    np.testing.assert_array_equal(rle.decode(encoded), mask)
    assert rle.area(encoded) == mask.sum()
    assert rle.bbox_xywh(encoded) == brute_box(mask)


@PROPERTY
@given(MASKS)
def test_the_order_of_the_pixels_in_memory_does_not_matter(mask: Mask) -> None:
    assert rle.encode(np.asfortranarray(mask)) == rle.encode(mask)
    turned = rle.encode(mask[::-1, ::-1])
    np.testing.assert_array_equal(rle.decode(turned), mask[::-1, ::-1])


def test_the_encoding_is_that_of_coco_and_fits_in_json() -> None:
    mask = np.array([[0, 1], [0, 1], [1, 1]], bool)  # by columns: 2 clear, 4 set
    encoded = rle.encode(mask)
    assert encoded == {"size": [3, 2], "counts": "24"}
    again = json.loads(json.dumps(encoded))
    np.testing.assert_array_equal(rle.decode(again), mask)


@PROPERTY
@given(MASKS)
def test_uncompressed_counts_are_the_mask_they_make(mask: Mask) -> None:
    encoded = rle.encode(mask)
    hw = (mask.shape[0], mask.shape[1])
    lengths = rle.runs(encoded)
    assert rle.from_counts(lengths, hw) == encoded
    assert rle.from_counts([float(n) for n in lengths], hw) == encoded
    assert rle.from_counts([*lengths, 0, 0], hw) == encoded


@pytest.mark.parametrize(
    "counts",
    [
        [],
        [3],
        [7],
        [2, -1, 5],
        [2.5, 3.5],
        ["6"],
        [None],
        [True] * 6,
        [[6]],
        [1 << 62] * 4,
        [1 << 99],
    ],
)  # fmt: skip
def test_counts_that_make_no_mask_are_refused(counts: list[object]) -> None:
    with pytest.raises(Error, match="its run lengths"):
        rle.from_counts(counts, (2, 3))


@PROPERTY
@given(MASKS)
def test_a_union_has_what_is_in_any(mask: Mask) -> None:
    other = np.roll(mask, 1, axis=0)
    expected = rle.encode(mask | other)
    assert rle.union([rle.encode(mask), rle.encode(other)]) == expected
    assert rle.union([rle.encode(mask)]) == rle.encode(mask)


def test_masks_of_several_sizes_have_no_union() -> None:
    masks = [rle.encode(np.ones((2, 3), bool)), rle.encode(np.ones((3, 2), bool))]
    with pytest.raises(Error, match="have no union"):
        rle.union(masks)


@PROPERTY
@given(MASKS)
def test_runs_are_encoded_as_the_mask_they_make(mask: Mask) -> None:
    columns, rows = np.nonzero(mask.T)
    places = columns * mask.shape[0] + rows  # runs of one pixel, many of which go on in the next
    assert rle.encode_runs(places, places + 1, mask.shape) == rle.encode(mask)


@pytest.mark.parametrize(("start", "stop"), [(-1, 4), (20, 26)])
def test_runs_that_leave_the_image_are_refused(start: int, stop: int) -> None:
    with pytest.raises(Error, match="leave an image 5×5"):
        rle.encode_runs(np.array([start]), np.array([stop]), (5, 5))


@PROPERTY
@given(st.data(), SHAPES)
def test_iou_of_all_pairs_is_that_of_counted_pixels(
    data: st.DataObject, shape: tuple[int, int]
) -> None:
    masks = st.lists(hnp.arrays(np.bool_, shape), min_size=1, max_size=3)
    a, b = data.draw(masks), data.draw(masks)
    expected = [[brute_iou(x, y) for y in b] for x in a]
    ious = rle.iou([rle.encode(x) for x in a], [rle.encode(y) for y in b])
    assert ious.shape == (len(a), len(b))
    np.testing.assert_allclose(ious, expected, atol=1e-12)


@pytest.mark.parametrize(("left", "right"), [(0, 0), (0, 2), (3, 0)])
def test_iou_with_nothing_has_no_pairs(left: int, right: int) -> None:
    one = rle.encode(np.ones((2, 2), bool))
    assert rle.iou([one] * left, [one] * right).shape == (left, right)


@pytest.mark.parametrize("shape", [(), (4,), (1, 2, 2), (1, 1, 2, 2)])
def test_only_one_mask_at_a_time_is_encoded(shape: tuple[int, ...]) -> None:
    with pytest.raises(Error, match=r"must be \(H, W\), not"):
        rle.encode(np.ones(shape, bool))


STRUCTURES: dict[str, Any] = {
    "no object": 5,
    "no counts": {"size": [2, 2]},
    "no size": {"counts": "4"},
    "size is text": {"size": "ab", "counts": "4"},
    "size is nothing": {"size": None, "counts": "4"},
    "size of one number": {"size": [4], "counts": "4"},
    "size of texts": {"size": ["2", "2"], "counts": "4"},
    "negative size": {"size": [-1, -4], "counts": "4"},
    "uncompressed counts": {"size": [2, 2], "counts": [4]},
    "counts are nothing": {"size": [2, 2], "counts": None},
    "half a surrogate": {"size": [2, 2], "counts": "\ud800"},
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("name", STRUCTURES)
def test_what_is_no_encoding_is_a_named_error(name: str, reader: str) -> None:
    with pytest.raises(Error):
        READERS[reader](STRUCTURES[name])


@pytest.mark.parametrize("name", STRUCTURES)
def test_what_is_no_encoding_is_a_named_error_for_iou_too(name: str) -> None:
    with pytest.raises(Error):
        rle.iou([rle.encode(np.ones((2, 2), bool))], [STRUCTURES[name]])


@pytest.mark.parametrize(
    ("size", "counts"),
    [
        ([3, 3], ""),  # no pixel at all
        ([3, 3], "4"),  # four pixels of nine
        ([3, 3], "44"),  # eight of nine
        ([2, 2], "5"),  # five of four
        ([2, 2], "NN"),  # runs of negative length
        ([2, 2], "oooo"),  # a number without an end
        ([2, 2], "\x00\x01"),  # characters outside the code
        ([2, 2], "é"),
    ],
)
def test_runs_that_do_not_fill_the_size_are_refused(size: list[int], counts: str) -> None:
    with pytest.raises(Error):
        rle.decode({"size": size, "counts": counts})


@PROPERTY
@given(st.text(st.characters(min_codepoint=48, max_codepoint=111), max_size=8), SHAPES)
def test_any_text_is_either_refused_or_a_mask_of_its_size(
    counts: str, shape: tuple[int, int]
) -> None:
    given_rle = rle.RLE(size=list(shape), counts=counts)
    try:
        mask = rle.decode(given_rle)
    except Error:
        return
    assert mask.shape == shape
    assert mask.sum() == rle.area(given_rle)
    np.testing.assert_array_equal(rle.decode(rle.encode(mask)), mask)


@pytest.mark.parametrize("size", [[2**40, 2], [2**31, 2**31]])
def test_a_size_beyond_all_memory_is_refused_and_does_not_end_the_process(size: list[int]) -> None:
    program = f"""
from anymask.core import rle
from anymask.errors import Error
try:
    rle.decode({{"size": {size}, "counts": "1"}})
except Error:
    print("refused")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr
