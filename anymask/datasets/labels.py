"""Labels: pictures whose values are objects, and the parts that are read from such pictures.

Shape legend: H W pixels, R runs.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from anymask.core import rle
from anymask.core.rle import RLE
from anymask.datasets.listing import Listing, read_file
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Part, Sample, sample_of, unread
from anymask.errors import Error, ImageError, MissingExtraError

Labels = npt.NDArray[Any]  # (H, W) of an integer type
Object = tuple[RLE, str | None]
ObjectsOf = Callable[[bytes, str], list[Object]]  # of a file's bytes and name


def part_of(
    files: Listing,
    image: str,
    pictures: Sequence[str],
    objects_of: ObjectsOf,
    *,
    name: str | None = None,
    images: Listing | None = None,
) -> Part:
    """A part of one image and the pictures of its objects.

    objects_of: must be known to pickle. It raises ``Error`` for what is broken, which gives an
    ``Unread``. name: of the part, if it is not the image's. images: where the image lies, if it is
    not among ``files``.
    """
    urls = tuple((one, files.url(one)) for one in pictures)
    name = image if name is None else name
    return Part(name, partial(_read, name, (images or files).url(image), urls, objects_of))


def _read(
    name: str, url: str, pictures: tuple[tuple[str, str], ...], objects_of: ObjectsOf
) -> Iterator[Sample | Unread]:
    objects: list[Object] = []
    try:
        content = read_file(url, name)
        for picture, picture_url in pictures:
            objects += objects_of(read_file(picture_url, picture), picture)
    except Error as error:
        yield unread(name, error)
        return
    yield sample_of(name, content, objects)


@contextmanager
def opened(content: bytes, name: str) -> Iterator[Image.Image]:
    """The upright picture, in the mode of its file: its values are labels, not light.

    Raises ``ImageError`` for what is broken, also where that is found only within the block.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as image:
                ImageOps.exif_transpose(image, in_place=True)
                yield image
    except Error:
        raise
    except UnidentifiedImageError:
        raise ImageError(f"{name} is not an image of a known format") from None
    except Exception as error:  # Pillow's readers raise many kinds for broken files
        raise ImageError(f"{name} can't be read: {error}") from None


def values_of(image: Image.Image, name: str) -> Labels:
    """(H, W) the values of a grey picture or a palette. Raises ``ImageError`` for no integers."""
    values = np.asarray(image.getchannel(0) if len(image.getbands()) == 2 else image)
    if values.ndim != 2:
        raise ImageError(f"{name} is a picture of colours, not of values")
    whole = values.dtype.kind != "f" or (np.isfinite(values) & (values == np.floor(values))).all()
    if not whole or values.min() < 0:
        raise ImageError(f"{name} has values that are no labels: below 0, or fractions")
    return values.astype(np.int64)


def matlab_reader() -> Callable[..., dict[str, Any]]:
    """``scipy.io.loadmat``. Raises ``MissingExtraError``."""
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError:
        raise MissingExtraError("scipy", "evaluate") from None
    return cast(Callable[..., dict[str, Any]], loadmat)


def matlab_of(content: bytes, name: str) -> dict[str, Any]:
    """The variables of a MATLAB file. Raises ``ImageError``, and ``MissingExtraError``."""
    load = matlab_reader()
    try:
        return load(io.BytesIO(content))
    except Exception as error:  # scipy raises many kinds for broken files
        raise ImageError(f"{name} can't be read as a MATLAB file: {error}") from None


def as_labels(values: Any, name: str) -> Labels:
    """(H, W) labels of what a MATLAB file holds. Raises ``ImageError`` if it is something else."""
    array = np.asarray(values)
    if array.ndim != 2 or not array.size or array.dtype.kind not in "iu" or array.min() < 0:
        raise ImageError(f"{name} holds no labels: an array {array.shape} of {array.dtype}")
    return array.astype(np.int64)


def encoded(
    labels: Labels, split_regions: bool = False, void: Sequence[int] = (0,)
) -> Iterator[tuple[int, RLE]]:
    """Each value of (H, W) labels, rising, or each 8-connected region of each value, and its mask.

    void: the values that are no object.
    """
    height, width = labels.shape
    for value, starts, stops in _runs_of_each(labels, void):
        if not split_regions:
            yield value, rle.encode_runs(starts, stops, (height, width))
            continue
        first, last = int(starts[0]) // height, (int(stops[-1]) - 1) // height + 1
        shown = (labels[:, first:last] == value).astype(np.uint8)
        _, regions = cv2.connectedComponents(shown, connectivity=8)
        for _, own_starts, own_stops in _runs_of_each(regions, (0,)):
            before = first * height
            yield value, rle.encode_runs(own_starts + before, own_stops + before, (height, width))


def _runs_of_each(
    labels: Labels, void: Sequence[int]
) -> Iterator[tuple[int, npt.NDArray[np.int64], npt.NDArray[np.int64]]]:
    """Each value of (H, W) labels, rising, and its (R,) runs, column by column.

    All in one pass, however many values there are.
    """
    flat = labels.T.reshape(-1)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts, stops = np.append(0, edges), np.append(edges, flat.size)
    values = flat[starts]
    order = np.argsort(values, kind="stable")
    for runs in np.split(order, np.flatnonzero(np.diff(values[order])) + 1):
        if int(values[runs[0]]) not in void:
            yield int(values[runs[0]]), starts[runs], stops[runs]
