"""Label maps: arrays in which each value is an object, read from mask pictures and MATLAB files.

A mask picture is an image file that holds such values or colours instead of light.

Shape legend: H W pixels, R runs.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.image import read_pages
from anymask.core.rasters.raster import Colour, Raster
from anymask.core.rle import RLE
from anymask.errors import ImageError, MissingExtraError

LabelMap = npt.NDArray[Any]  # (H, W) of an integer type
Object = tuple[RLE, str | None]  # its (H, W) mask and its group (``Sample.groups``)
ObjectReader = Callable[[bytes, str], list[Object]]  # takes a file's bytes and name


def read_mask_pictures(content: bytes, name: str, page: int | None = None) -> Iterator[Raster]:
    """Every page of a picture of masks, or frame, upright: its values are labels, not light.

    page: the only one to read, counted from 1, of a file that has several.

    Raises ``ImageError`` for what is broken, also where that is found only on the way, and for
    planes called colours that are masks of their own.
    """
    for picture in read_pages(content, name, page):
        if picture.is_planar and picture.colour == Colour.rgb and _are_masks(picture.values):
            raise ImageError(
                f"{name} has {picture.values.shape[2]} masks that overlap, in planes that the "
                f"file calls colours; write a page for each (tifffile: photometric='minisblack')"
            )
        yield picture


def read_mask_picture(content: bytes, name: str) -> Raster:
    """The mask picture of a file that may have only one. Raises ``ImageError``."""
    pages = list(read_mask_pictures(content, name))
    if len(pages) != 1:
        raise ImageError(f"{name} has {len(pages)} pages, where one is expected")
    return pages[0]


def label_map_of_picture(picture: Raster, name: str) -> LabelMap:
    """(H, W) the values of a grey picture or a palette. Raises ``ImageError`` for no integers."""
    values = picture.labels(name)
    picture.check_whole(name)
    return values.astype(np.int64)


def _are_masks(planes: npt.NDArray[Any]) -> bool:
    """Whether (H, W, C) planes are masks, not colours: a value each, and some pixels in several.

    Pixels in one of them at most have a colour for each mask, which is as good.
    """
    is_inside = planes > 0
    overlap = is_inside.sum(axis=2) > 1
    is_grey = bool((planes == planes[..., :1]).all())
    if is_grey or not overlap.any():
        return False
    return all(len(np.unique(plane)) <= 2 for plane in np.moveaxis(planes, 2, 0))


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
