"""Masks of one image at once: against their pixels, and what is no encoding."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from anymask.core import rle
from anymask.core.shapes.hulls import concavities, hull_areas
from anymask.core.shapes.mask_batch import MaskBatch
from anymask.errors import Error

Masks = npt.NDArray[np.bool_]
SIDES = st.integers(1, 24)
MASKS = st.tuples(st.integers(1, 5), SIDES, SIDES).flatmap(lambda shape: arrays.arrays(bool, shape))


def batch_of(masks: Masks, fast: bool = True) -> MaskBatch:
    texts = [rle.encode(mask)["counts"].encode() for mask in masks]
    return MaskBatch.of_texts(texts, masks.shape[1:], fast)


def assert_same(one: MaskBatch, other: MaskBatch) -> None:
    for name in ("starts", "stops", "counts", "is_text", "fills"):
        assert getattr(one, name).tolist() == getattr(other, name).tolist(), name


def hull_of(mask: Masks) -> int:
    """Pixels whose centre no line through two middles of edges has apart from the mask.

    The plain way, in half pixels: all lines, all pixels.
    """
    ys, xs = np.nonzero(mask)
    points = np.concatenate(
        [np.stack([2 * xs + dx, 2 * ys + dy], 1) for dx, dy in ((1, 0), (-1, 0), (0, 1), (0, -1))]
    )
    y, x = np.mgrid[: mask.shape[0], : mask.shape[1]]
    inside = np.ones(mask.shape, bool)
    for a in points:
        sides = (points - a) @ np.array([[0, -1], [1, 0]])  # cross products with each direction
        for normal in sides:
            values = points @ normal - a @ normal
            if normal.any() and (values <= 0).all():
                inside &= 2 * (x * normal[0] + y * normal[1]) - a @ normal <= 0
    return int(inside.sum())


@settings(max_examples=200, deadline=None)
@given(MASKS)
def test_areas_boxes_and_centres_are_those_of_the_pixels(masks: Masks) -> None:
    batch = batch_of(masks)
    assert batch.fills.all()
    assert_same(batch, batch_of(masks, fast=False))
    assert batch.areas.tolist() == masks.sum(axis=(1, 2)).tolist()
    boxes = [rle.bbox_xywh(rle.encode(mask)) for mask in masks]
    assert batch.boxes_xywh.tolist() == boxes
    for mask, centre in zip(masks, batch.centres_xy):
        ys, xs = np.nonzero(mask)
        expected = [xs.mean() + 0.5, ys.mean() + 0.5] if len(xs) else [np.nan, np.nan]
        np.testing.assert_allclose(centre, expected)


@settings(max_examples=25, deadline=None)
@given(arrays.arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 7))))
def test_hulls_are_those_of_all_lines(mask: Masks) -> None:
    expected = hull_of(mask) if mask.any() else 0
    assert hull_areas(batch_of(mask[None])).tolist() == [expected]


@settings(max_examples=100, deadline=None)
@given(MASKS)
def test_hulls_are_those_of_scikit_image(masks: Masks) -> None:
    morphology = pytest.importorskip("skimage.morphology")
    batch = batch_of(masks)
    full = batch.areas > 0
    expected = [morphology.convex_hull_image(mask).sum() for mask in masks[full]]
    assert hull_areas(batch)[full].tolist() == expected
    shapes = concavities(batch)
    np.testing.assert_allclose(shapes[full], 1 - batch.areas[full] / np.array(expected))
    assert np.isnan(shapes[~full]).all()


def test_hulls_of_large_images_do_not_overflow() -> None:
    corners = np.zeros((3, 20_000), bool)
    corners[0, 0] = corners[2, -1] = corners[1, 10_000] = True
    wide, tall = batch_of(corners[None]), batch_of(corners.T[None])
    assert hull_areas(wide).tolist() == hull_areas(tall).tolist() == [20_001]


def test_each_text_is_read_as_one_by_one() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((40, 200, 300)) < rng.random((40, 1, 1)) ** 4
    masks[3] = masks[39] = False
    texts = [rle.encode(mask)["counts"].encode() for mask in masks]
    batch = MaskBatch.of_texts(texts, (200, 300))
    for number, mask in enumerate(masks):
        place = slice(*np.cumsum([0, *batch.counts])[number : number + 2])
        flat = np.zeros(200 * 300 + 1, np.int64)
        np.add.at(flat, batch.starts[place], 1)
        np.add.at(flat, batch.stops[place], -1)
        assert (mask == np.cumsum(flat)[:-1].reshape(300, 200).T).all()


def test_what_is_no_encoding_spoils_no_other() -> None:
    mask = np.zeros((20, 30), bool)
    mask[3:9, 4:8] = True
    good = rle.encode(mask)["counts"].encode()
    broken = [b"", b"P", b"\x00", b"zzzz~", b"o" * 9 + b"0", good + b"o", b"\xff\xfe", b"oooooooo"]
    short = [good[:-1], good + b"1", b"0", rle.encode(mask[:, :20])["counts"].encode()]
    texts = [text for one in (broken + short) for text in (good, one)]
    batch = MaskBatch.of_texts([*texts, good], (20, 30))
    assert batch.fills.tolist() == [True, False] * (len(texts) // 2) + [True]
    assert batch.is_text[1 : 2 * len(broken) : 2].sum() == 0
    assert batch.areas.tolist() == [24, 0] * (len(texts) // 2) + [24]
    assert hull_areas(batch).tolist() == batch.areas.tolist()


@settings(max_examples=300, deadline=None)
@given(st.lists(st.binary(max_size=12), min_size=1, max_size=6))
def test_any_bytes_are_judged_as_one_by_one(texts: list[bytes]) -> None:
    batch = MaskBatch.of_texts(texts, (4, 5))
    assert_same(batch, MaskBatch.of_texts(texts, (4, 5), fast=False))
    for text, fills, area in zip(texts, batch.fills, batch.areas):
        try:
            expected = rle.area(rle.RLE(size=[4, 5], counts=text.decode("ascii")))
        except (Error, UnicodeDecodeError):
            assert not fills
        else:
            assert (fills, area) == (True, expected)


def test_no_masks_have_no_measures() -> None:
    batch = MaskBatch.of_texts([], (4, 5))
    assert (len(batch), batch.areas.shape, batch.boxes_xywh.shape) == (0, (0,), (0, 4))
    assert (batch.centres_xy.shape, hull_areas(batch).shape) == ((0, 2), (0,))


def test_an_image_without_pixels_has_no_masks() -> None:
    with pytest.raises(Error, match="0×5"):
        MaskBatch.of_texts([b"0"], (5, 0))
