"""Samples: an image and its masks, which must be of one size, turned alike."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import ExifTags, Image

from anymask.core import rle
from anymask.datasets.sample import Sample
from anymask.errors import ImageError

STORED = np.arange(12 * 20 * 3, dtype=np.uint8).reshape(12, 20, 3)


def sample(orientation: int, mask_hw: tuple[int, int], file_format: str = "PNG") -> Sample:
    """A picture stored as 20×12 with an orientation, and a mask of a size."""
    exif, content = Image.Exif(), io.BytesIO()
    exif[ExifTags.Base.Orientation] = orientation
    Image.fromarray(STORED).save(content, file_format, exif=exif)
    mask = rle.encode(np.ones(mask_hw, bool))
    return Sample("a.png", content.getvalue(), (mask,), (None,))


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_masks_of_the_stored_picture_get_the_stored_picture(
    orientation: int, file_format: str
) -> None:
    """Tools that do not look at EXIF annotate photographs of phones as they are stored."""
    np.testing.assert_array_equal(sample(orientation, (12, 20), file_format).pixels(), STORED)
    assert sample(orientation, (20, 12), file_format).pixels().shape == (20, 12, 3)


def test_masks_of_another_size_are_refused() -> None:
    for orientation, mask_hw in ((1, (20, 12)), (6, (10, 20))):
        with pytest.raises(ImageError, match="but has masks of"):
            sample(orientation, mask_hw).pixels()
