"""Reading images: whatever a file or an array holds becomes (H, W, 3) uint8 RGB.

Shape legend: H W pixels.
"""

from __future__ import annotations

import io
import os
import re
import struct
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from anymask.core.geometry import ResizeMap
from anymask.core.rasters import frames, jpeg2000, netpbm, png, tiff
from anymask.core.rasters.other_formats import what_it_is
from anymask.core.rasters.raster import RGB as RGB
from anymask.core.rasters.raster import Alpha, Colour, Pages, Raster, upright
from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.errors import Error, ImageError

ImageSource = str | os.PathLike[str] | Image.Image | npt.NDArray[np.generic]

# What readers raise by mistake for what they did not expect; its words help nobody.
RIDDLES = (ArithmeticError, AttributeError, AssertionError, LookupError, TypeError, struct.error)
UNDONE_BY = {6: 8, 8: 6}  # quarter turns, by EXIF's numbers; the other orientations undo themselves
ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
QUARTER_TURNS = (5, 6, 7, 8)  # which exchange the sides
SIZED_BY_HEADER = ("BMP", "JPEG", "PNG", "WEBP")
HEAD_BYTES = 512  # that tell which format a file has
# Formats whose values Pillow alters, and which are read again where it has not read them yet.
ALTERED_BY_PILLOW = ("JPEG2000", "PNG", "PPM", "TIFF")


def read_image(source: ImageSource, *, options: ReadOptions = AS_STORED) -> RGB:
    """Read a path, a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4).

    Files and PIL images are turned the way their EXIF orientation says. Greyscale is repeated,
    palettes are looked up, CMYK is converted, transparency is laid over white. What has more than
    8 bits is scaled by one rule (``rasters.scale``), whatever it comes from; a PIL image that was
    loaded already has what Pillow left of it. Arrays are RGB or RGBA, not BGR.

    options: the page, bands and values to look at, where the file leaves a choice. A PIL image is
    the frame that it stands at. Raises ``ImageError`` for anything else.
    """
    if isinstance(source, (str, os.PathLike)):
        path = _path(source)
        name = str(path)
        return _read_one(path, name if len(name.splitlines()) == 1 else repr(name), options)
    if isinstance(source, Image.Image):
        with _explained("the image"):
            return _raster_of_pil(source).to_rgb("the image", options)
    if isinstance(source, np.ndarray):
        return _raster_of_array(source, options).to_rgb("the array", options)
    raise ImageError(
        f"an image is a path, a PIL image or a numpy array, not {type(source).__name__}"
    )


def decode_image(content: bytes, name: str, *, options: ReadOptions = AS_STORED) -> RGB:
    """Read the bytes of an image file, as ``read_image`` does with a path.

    name: what errors call it. Raises ``ImageError``.
    """
    return _read_one(content, name, options)


def as_stored(pixels: RGB, content: bytes) -> RGB:
    """An upright image the way its file stores it, before its EXIF orientation was followed.

    pixels: (H, W, 3), read from ``content``; the same again where no orientation is given.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            orientation = _orientation(image)
    except Exception:  # Pillow's readers raise many kinds; what it can't open has no EXIF for us
        return pixels
    return np.ascontiguousarray(upright(pixels, UNDONE_BY.get(orientation, orientation)))


def as_upright(mask: npt.NDArray[np.bool_], content: bytes) -> npt.NDArray[np.bool_]:
    """(H, W) mask of an image as its file stores it, turned as that is to be looked at."""
    with Image.open(io.BytesIO(content)) as image:
        return np.ascontiguousarray(upright(mask, _orientation(image)))


def read_size(content: bytes, name: str) -> tuple[int, int]:
    """(H, W) of the upright image of a file, from its header where that says it.

    Raises ``ImageError``.
    """
    with suppress(Exception), Image.open(io.BytesIO(content)) as image:  # its readers raise many
        if image.format in SIZED_BY_HEADER:
            width, height = image.size
            return (width, height) if _orientation(image) in QUARTER_TURNS else (height, width)
    height, width, _ = decode_image(content, name).shape
    return height, width


def count_pages(source: Path | bytes, name: str) -> int:
    """How many pages or frames an image file has to choose from. Raises ``ImageError``."""
    with _pages(source, name) as pages:
        return pages.count


def read_pages(source: Path | bytes, name: str, page: int | None = None) -> Iterator[Raster]:
    """Every page or frame of an image file, as stored: values are not yet light.

    page: the only one to read, counted from 1, of a file that has several. Raises ``ImageError``,
    also where what is broken is found only on the way.
    """
    with _pages(source, name) as pages:
        is_chosen = page is not None and pages.count > 1
        numbers = [_page_number(pages, name, page)] if is_chosen else range(pages.count)
        for number in numbers:
            yield pages.read(number)


def resize(rgb: RGB, resize_map: ResizeMap) -> RGB:
    """(H, W, 3) pixels at the size of the map's content, filtered as officially."""
    return resize_to(rgb, resize_map.content_hw)


def resize_to(rgb: RGB, hw: tuple[int, int]) -> RGB:
    """(H, W, 3) pixels at another size, by the filter that official SAMs were trained with."""
    return np.array(Image.fromarray(rgb).resize(hw[::-1], Image.Resampling.BILINEAR))


def read_mask(path: str | os.PathLike[str]) -> npt.NDArray[np.bool_]:
    """Read an image of a mask as (H, W) bool: what is brighter than half of its brightest pixel.

    An image with transparency is a mask of what is not transparent. Raises ``ImageError``, also for
    several pages: each is a mask.
    """
    file = _path(path)
    name = str(file)
    with _pages(file, name) as pages:
        if pages.count > 1:
            raise ImageError(
                f"{name} has {pages.count} {pages.noun}s, each of which may be a mask; write a "
                f"file for each"
            )
        raster = pages.read(0)
        raster.check_whole(name)
        values = raster.transparency() if raster.has_alpha else raster.brightness(name)
    if not values.size:
        raise ImageError(f"{name} has no pixels")
    return np.asarray(values > values.max() / 2)


def _path(source: str | os.PathLike[str]) -> Path:
    """The path of a file. Raises ``ImageError`` for a text that is none."""
    text = os.fspath(source)
    if not text.strip():
        raise ImageError(f"the path of an image is {text!r}, which names no file")
    if ADDRESS.match(text):
        raise ImageError(f"{text} is an address, and no path; download the image first")
    return Path(source)


def _read_one(source: Path | bytes, name: str, options: ReadOptions) -> RGB:
    """The image of a file; of several pages, the one of the options."""
    with _pages(source, name) as pages:
        return pages.read(_page_number(pages, name, options.page)).to_rgb(name, options)


def _page_number(pages: Pages, name: str, page: int | None) -> int:
    """The number, from 0 on, of the page that is wanted. Raises ``ImageError``."""
    noun = pages.noun if pages.count == 1 else f"{pages.noun}s"
    if page is None and pages.count > 1:
        raise ImageError(
            f"{name} has {pages.count} {noun}; say which: --page 1 to --page {pages.count} "
            f"(ReadOptions.page; anymask masks also takes --page all)"
        )
    if page is not None and page > pages.count:
        raise ImageError(f"{name} has {pages.count} {noun}; there is no {pages.noun} {page}")
    return (page or 1) - 1


def _orientation(image: Image.Image) -> int:
    """By EXIF's numbers, 1 where none is given."""
    return int(image.getexif().get(ExifTags.Base.Orientation) or 1)


@contextmanager
def _pages(source: Path | bytes, name: str) -> Iterator[Pages]:
    """What a file holds, while it is open. Whatever goes wrong meanwhile is an ``ImageError``."""
    with _explained(name), _binary(source, name) as file:
        head = file.read(HEAD_BYTES)
        file.seek(0)
        if tiff.is_tiff(head):
            with tiff.open_pages(file, name) as pages:
                yield pages
        elif head.startswith(jpeg2000.MAGIC) and jpeg2000.is_deep_or_banded(_content(file), name):
            yield Pages(1, "page", lambda _: jpeg2000.read(_content(file)))
        else:
            with _opened(file, head, name) as image:
                yield _frames(image, file, head, name)


def _opened(file: IO[bytes], head: bytes, name: str) -> Image.Image:
    """What Pillow reads. Raises ``ImageError`` that says what else it is."""
    try:
        return Image.open(file)
    except UnidentifiedImageError:
        raise ImageError(f"{name} {what_it_is(head)}") from None


def _frames(image: Image.Image, file: IO[bytes], head: bytes, name: str) -> Pages:
    """What Pillow has opened, of which it does not read everything right."""
    count = frames.count_views(_content(file)) if image.format == "MPO" else frames.count(image)
    if netpbm.is_deep(head):
        return Pages(1, "page", lambda _: netpbm.read(_content(file), name))
    if count == 1 and png.is_deep(head):
        return Pages(1, "page", lambda _: png.read(_content(file), image))
    read = partial(frames.read_frame if count > 1 else frames.read_only_frame, image, head)
    return Pages(count, "frame" if count > 1 else "page", read)


def _content(file: IO[bytes]) -> bytes:
    """All of a file; it stands then where it stood."""
    position = file.tell()
    file.seek(0)
    content = file.read()
    file.seek(position)
    return content


@contextmanager
def _binary(source: Path | bytes, name: str) -> Iterator[IO[bytes]]:
    if isinstance(source, bytes):
        yield io.BytesIO(source)
        return
    if source.is_dir():
        raise ImageError(f"{name} is a folder, not an image")
    try:
        file = source.open("rb")
    except FileNotFoundError:
        raise ImageError(f"there is no file {name}") from None
    with file:
        yield file


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Whatever the readers raise for what is broken or too large, as an ``ImageError``."""
    try:
        with warnings.catch_warnings():
            # Pillow warns from 89 megapixels on; twice that it refuses, and so do we.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            yield
    except Error:
        raise
    except MemoryError:
        raise ImageError(f"{name} does not fit in memory") from None
    except Exception as error:  # readers raise many kinds for broken files
        is_riddle = isinstance(error, RIDDLES) or not str(error).strip()
        reason = "it is damaged" if is_riddle else " ".join(str(error).split())
        raise ImageError(f"{name} can't be read: {reason}") from None


def _raster_of_pil(image: Image.Image) -> Raster:
    """A PIL image as it is, or, where Pillow has not read it yet and would alter it, its file's."""
    if 0 in image.size:
        raise ImageError("the image has no pixels")
    stored = _stored_of_pil(image)
    if stored is not None:
        return stored
    return frames.raster_of(ImageOps.exif_transpose(image), image.format)


def _stored_of_pil(image: Image.Image) -> Raster | None:
    if not isinstance(image, ImageFile.ImageFile) or image.format not in ALTERED_BY_PILLOW:
        return None
    if not image.tile or image.fp is None:
        return None
    content = _content(image.fp)
    if image.format == "TIFF":
        return tiff.read_directory(content, "the image", image.tell())
    with _pages(content, "the image") as pages:
        return pages.read(0) if pages.count == 1 else None


def _raster_of_array(array: npt.NDArray[Any], options: ReadOptions) -> Raster:
    values = array[:, :, None] if array.ndim == 2 else array
    if values.ndim != 3 or (values.shape[2] not in (1, 3, 4) and options.bands is None):
        hint = ""
        if array.ndim == 3:
            is_first = array.shape[0] in (1, 3, 4)
            hint = " (channels go last)" if is_first else "; of other bands, ReadOptions.bands"
        raise ImageError(
            f"an image array must be (H, W), (H, W, 3) or (H, W, 4), not {array.shape}{hint}"
        )
    if 0 in values.shape:
        raise ImageError(f"an image of shape {array.shape} has no pixels")
    alpha = Alpha.straight if values.shape[2] == 4 else Alpha.none
    return Raster(values, Colour.grey if values.shape[2] == 1 else Colour.rgb, alpha)
