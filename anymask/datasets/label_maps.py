"""Label maps: arrays in which each value is an object, read from mask pictures and MATLAB files.

A mask picture is an image file that holds such values or colours instead of light.

Shape legend: H W pixels, R runs.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from anymask.core import rle
from anymask.core.rle import RLE
from anymask.errors import Error, ImageError, MissingExtraError

LabelMap = npt.NDArray[Any]  # (H, W) of an integer type
Object = tuple[RLE, str | None]  # its (H, W) mask and its group (``Sample.groups``)
ObjectReader = Callable[[bytes, str], list[Object]]  # takes a file's bytes and name


@contextmanager
def open_mask_picture(content: bytes, name: str) -> Iterator[Image.Image]:
    """The upright mask picture, in the mode of its file: its values are labels, not light.

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


def label_map_of_picture(picture: Image.Image, name: str) -> LabelMap:
    """(H, W) the values of a grey picture or a palette. Raises ``ImageError`` for no integers."""
    values = np.asarray(picture.getchannel(0) if len(picture.getbands()) == 2 else picture)
    if values.ndim != 2:
        raise ImageError(f"{name} is a picture of colours, not of values")
    whole = values.dtype.kind != "f" or (np.isfinite(values) & (values == np.floor(values))).all()
    if not whole or values.min() < 0:
        raise ImageError(f"{name} has values that are no labels: below 0, or fractions")
    return values.astype(np.int64)


def matlab_reader() -> Callable[..., dict[str, Any]]:
    """``scipy.io.loadmat``, from file to variables. Raises ``MissingExtraError``."""
    try:
        from scipy.io import loadmat
    except ModuleNotFoundError:
        raise MissingExtraError("scipy", "evaluate") from None
    return cast(Callable[..., dict[str, Any]], loadmat)


def read_matlab(content: bytes, name: str) -> dict[str, Any]:
    """The variables of a MATLAB file, by name. Raises ``ImageError``, ``MissingExtraError``."""
    load = matlab_reader()
    try:
        return load(io.BytesIO(content))
    except Exception as error:  # scipy raises many kinds for broken files
        raise ImageError(f"{name} can't be read as a MATLAB file: {error}") from None


def label_map_of_array(values: Any, name: str) -> LabelMap:
    """(H, W) labels in a MATLAB file's variable. Raises ``ImageError`` if it holds no labels."""
    array = np.asarray(values)
    if array.ndim != 2 or not array.size or array.dtype.kind not in "iu" or array.min() < 0:
        raise ImageError(f"{name} holds no labels: an array {array.shape} of {array.dtype}")
    return array.astype(np.int64)


def label_masks(
    labels: LabelMap, split_regions: bool = False, void: Sequence[int] = (0,)
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
        mask = (labels[:, first:last] == value).astype(np.uint8)  # in the columns that it spans
        _, regions = cv2.connectedComponents(mask, connectivity=8)
        for _, region_starts, region_stops in _runs_of_each(regions, (0,)):
            runs = region_starts + first * height, region_stops + first * height
            yield value, rle.encode_runs(*runs, (height, width))


def _runs_of_each(
    labels: LabelMap, void: Sequence[int]
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
