"""Pictures for programs: white on black, numbers, and the object cut out."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from anymask.core import rle
from anymask.core.drawing import plain_masks
from anymask.core.drawing.plain_masks import cut_out, label_picture, white_on_black
from anymask.errors import OutputError


def squares() -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    """A large square, one within it, and one beside."""
    masks = np.zeros((3, 20, 30), bool)
    masks[0, 5:9, 5:9] = True
    masks[1, 2:18, 2:18] = True
    masks[2, 0:4, 22:30] = True
    return masks


@pytest.mark.parametrize("count", [1, 2, 3])
def test_a_mask_picture_is_white_where_any_mask_is(count: int) -> None:
    picture = white_on_black(squares()[:count])
    assert picture.mode == "L"
    np.testing.assert_array_equal(np.asarray(picture), squares()[:count].any(axis=0) * 255)


def test_a_cut_out_is_transparent_elsewhere() -> None:
    image = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    pixels = np.asarray(cut_out(image, squares()))
    covered = squares().any(axis=0)
    np.testing.assert_array_equal(pixels[covered][:, :3], image[covered])
    assert not pixels[~covered].any()  # programs that drop transparency show nothing of the rest
    np.testing.assert_array_equal(pixels[..., 3], squares().any(axis=0) * 255)


def test_labels_are_numbers_and_small_masks_lie_over_large_ones() -> None:
    labels = label_picture([rle.encode(mask) for mask in squares()], (20, 30))
    expected = np.zeros((20, 30), np.uint16)
    expected[squares()[1]], expected[squares()[0]], expected[squares()[2]] = 2, 1, 3
    np.testing.assert_array_equal(labels.values, expected)
    assert labels.hidden == []
    written = io.BytesIO()
    labels.image().save(written, format="PNG")
    again = np.asarray(Image.open(written))
    assert again.dtype == np.uint16
    np.testing.assert_array_equal(again, expected)


def test_masks_that_are_hidden_or_empty_are_named() -> None:
    halves = np.zeros((4, 4, 4), bool)
    halves[0] = True
    halves[1, :, :2] = halves[2, :, 2:] = True
    labels = label_picture([rle.encode(mask) for mask in halves], (4, 4))
    assert labels.hidden == [1, 4]
    assert set(np.unique(labels.values)) == {2, 3}


def test_more_masks_than_numbers_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plain_masks, "MOST_OBJECTS", 2)
    with pytest.raises(OutputError, match=r"3 masks do not fit in a 16-bit picture.*write \.json"):
        label_picture([rle.encode(mask) for mask in squares()], (20, 30))


def test_values_beyond_eight_bits_are_kept() -> None:
    pixels = np.eye(300, dtype=bool)
    labels = label_picture([rle.encode(row[None]) for row in pixels], (1, 300))
    np.testing.assert_array_equal(labels.values[0], np.arange(1, 301))
