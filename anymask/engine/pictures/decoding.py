"""Decoding: sizes and pixels of image files, no more work than what is asked for needs.

Pillow looks into what it reads right; ``core.image`` reads the rest, and all that is seen in full.

Shape legend: H W pixels.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import ExifTags, Image, ImageOps

from anymask.core.image import RGB, read_image
from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.errors import ImageError

PLAIN_MODES = ("L", "RGB")
ON_ITS_SIDE = (5, 6, 7, 8)  # EXIF's orientations that swap width and height
# What Pillow and browsers show as it is stored, and what they call it.
PLAIN_FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "WEBP": "image/webp"}


def size_of(path: Path, name: str) -> tuple[int, int]:
    """Width and height of an image as it is looked at. Raises ``ImageError``."""
    with _plain(path) as image:
        if image is not None:
            width, height = image.size
            return (height, width) if _orientation(image) in ON_ITS_SIDE else (width, height)
    height, width = decoded(path, name).shape[:2]
    return width, height


def media_type_of(path: Path) -> str | None:
    """What a file is served as, if every browser shows it as we do; None if it has to be read."""
    with _plain(path) as image:
        if image is None or (image.format != "JPEG" and _orientation(image) != 1):
            return None
        return PLAIN_FORMATS[str(image.format)]


def decoded(path: Path, name: str, options: ReadOptions = AS_STORED) -> RGB:
    """(H, W, 3) pixels. Raises ``ImageError``."""
    try:
        return read_image(path, options=options)
    except ImageError as error:
        raise ImageError(str(error).replace(str(path), name)) from None


def reduced(path: Path, name: str, longest: int, options: ReadOptions = AS_STORED) -> Image.Image:
    """An image with ``longest`` pixels on its longer side, or all if it has fewer.

    A JPEG is decoded no finer than that takes. Raises ``ImageError``.
    """
    with _plain(path) as image:
        if image is not None and image.format == "JPEG" and options == AS_STORED:
            image.draft("RGB", (longest, longest))
            try:
                small = ImageOps.exif_transpose(image).convert("RGB")
            except (OSError, ValueError, SyntaxError) as error:
                raise ImageError(f"{name} can't be read: {error}") from None
            return fitted(small, longest)
    return fitted(Image.fromarray(decoded(path, name, options)), longest)


def fitted(image: Image.Image, longest: int) -> Image.Image:
    """The image, no longer than that."""
    if max(image.size) > longest:
        image.thumbnail((longest, longest), Image.Resampling.BILINEAR, reducing_gap=3.0)
    return image


def halved(pixels: RGB) -> RGB:
    """(H, W, 3) of half the size, rounded up: each pixel is the mean of those it stands for."""
    height, width = pixels.shape[:2]
    hw = (height + 1) // 2, (width + 1) // 2
    return np.asarray(Image.fromarray(pixels).resize(hw[::-1], Image.Resampling.BOX))


@contextmanager
def _plain(path: Path) -> Iterator[Image.Image | None]:
    """An image that Pillow reads as we do, not loaded yet; None for any other."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            image = Image.open(path)
        except Exception:  # what is wrong is said by who reads all of it
            yield None
            return
        with image:
            is_plain = (
                image.format in PLAIN_FORMATS
                and image.mode in PLAIN_MODES
                and "transparency" not in image.info
                and getattr(image, "n_frames", 1) == 1
            )
            yield image if is_plain else None


def _orientation(image: Image.Image) -> int:
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation) or 1)
    except Exception:  # broken EXIF, which says nothing then
        return 1
