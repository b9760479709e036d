"""Binary masks as COCO run-length encodings, by pycocotools.

Shape legend: N masks, H W pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from anymask.errors import Error, clipped

MOST_LETTERS = 7  # 35 bits
MOST_PIXELS = (1 << 32) - 1  # what pycocotools can count


class RLE(TypedDict):
    """COCO's compressed run-length encoding, column by column; ``counts`` is text, as in JSON."""

    size: list[int]
    counts: str


def encode(mask: npt.NDArray[np.bool_]) -> RLE:
    """Encode one (H, W) mask. Raises ``Error`` for another shape."""
    if mask.ndim != 2:
        raise Error(f"a mask to encode must be (H, W), not {mask.shape}")
    encoded = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    return RLE(size=[int(side) for side in encoded["size"]], counts=encoded["counts"].decode())


def encode_runs(
    starts: npt.NDArray[np.int64], stops: npt.NDArray[np.int64], hw: tuple[int, int]
) -> RLE:
    """Encode an (H, W) mask of (R,) runs: rising places, column by column, the last one exclusive.

    A run may begin where the one before stops. Raises ``Error`` for runs that leave the image.
    """
    height, width = hw
    if len(starts) and (starts[0] < 0 or stops[-1] > height * width):
        raise Error(f"runs from {starts[0]} to {stops[-1]} leave an image {width}×{height}")
    goes_on = starts[1:] == stops[:-1]
    starts, stops = (
        starts[np.append(True, ~goes_on)[: len(starts)]],
        stops[np.append(~goes_on, True)[: len(stops)]],
    )
    edges = np.stack([starts, stops], axis=1).reshape(-1)
    counts = np.diff(np.concatenate([[0], edges, [height * width]]))
    if len(edges) and edges[-1] == height * width:
        counts = counts[:-1]
    encoded = coco_mask.frPyObjects({"size": [height, width], "counts": counts.tolist()}, *hw)
    return RLE(size=[height, width], counts=encoded["counts"].decode())


def from_counts(counts: Sequence[object], hw: tuple[int, int]) -> RLE:
    """An (H, W) mask of uncompressed run lengths, column by column, the first outside the mask.

    Whole numbers may be written as floats. Raises ``Error`` for what is none, and for runs that do
    not fill the size.
    """
    try:
        lengths = np.array(counts)
    except (ValueError, OverflowError):
        lengths = np.array(None)
    if lengths.ndim != 1 or lengths.dtype.kind not in "iuf" or (lengths != np.round(lengths)).any():
        raise Error(f"its run lengths are no whole numbers: {clipped(counts)}")
    mask = from_lengths(lengths, hw)
    if mask is None:
        raise Error(f"its run lengths do not fill {hw[1]}×{hw[0]}")
    return mask


def from_lengths(lengths: npt.NDArray[Any], hw: tuple[int, int]) -> RLE | None:
    """As ``from_counts``, of (N,) numbers; None if they are no whole ones that fill the size."""
    most = hw[0] * hw[1]
    # Each, too: a sum of large ones wraps around.
    fits = len(lengths) and lengths.min() >= 0 and lengths.max() <= most
    if not fits or lengths.sum() != most or (lengths != np.floor(lengths)).any():
        return None
    edges = np.cumsum(lengths.astype(np.int64))
    stops = edges[1::2]
    starts = edges[::2][: len(stops)]
    return encode_runs(starts[starts < stops], stops[starts < stops], hw)


def decode(rle: RLE) -> npt.NDArray[np.bool_]:
    """The (H, W) mask of an encoding. Raises ``Error`` for one that does not fill its size."""
    return np.ascontiguousarray(coco_mask.decode(_as_bytes(rle)), dtype=bool)


def decode_part(rle: RLE, left: int, top: int, right: int, bottom: int) -> npt.NDArray[np.bool_]:
    """A part of the mask, (bottom - top, right - left), at the cost of its columns alone.

    The part must lie in the image. Raises ``Error`` for an encoding that does not fill its size.
    """
    height = rle["size"][0]
    edges = np.cumsum(_runs(_digits(_as_bytes(rle)["counts"])))
    inside = np.clip(edges, left * height, right * height)
    lengths = np.diff(inside, prepend=left * height)
    columns = np.repeat(np.arange(len(lengths)) % 2 == 1, lengths).reshape(right - left, height)
    return columns[:, top:bottom].T


def decode_tight(rle: RLE) -> tuple[npt.NDArray[np.bool_], int, int]:
    """The mask within its tight box, and the box's left and top; (0, 0) of an empty mask."""
    left, top, width, height = (int(side) for side in bbox_xywh(rle))
    return decode_part(rle, left, top, left + width, top + height), left, top


def runs(rle: RLE) -> list[int]:
    """The lengths of the runs, column by column, the first of what is outside the mask."""
    return [int(run) for run in _runs(_digits(_as_bytes(rle)["counts"]))]


def area(rle: RLE) -> int:
    """The number of pixels of the mask, without decoding it."""
    return int(coco_mask.area(_as_bytes(rle)))


def bbox_xywh(rle: RLE) -> list[float]:
    """The tight box of the mask as COCO counts it, XYWH; zeros for an empty mask."""
    return [float(value) for value in coco_mask.toBbox(_as_bytes(rle))]


def iou(a: list[RLE], b: list[RLE]) -> npt.NDArray[np.float64]:
    """Intersection over union of all pairs: (len(a), len(b)), without decoding."""
    if not a or not b:
        return np.zeros((len(a), len(b)))
    crowd = [0] * len(b)
    return np.asarray(coco_mask.iou([_as_bytes(x) for x in a], [_as_bytes(x) for x in b], crowd))


def union(masks: Sequence[RLE]) -> RLE:
    """What is in any of the masks, at least one and all of one size. Raises ``Error``."""
    sizes = {tuple(mask["size"]) for mask in masks}
    if len(sizes) != 1:
        raise Error(f"masks of the sizes {sorted(sizes)} have no union")
    merged = coco_mask.merge([_as_bytes(mask) for mask in masks])
    return RLE(size=[*masks[0]["size"]], counts=merged["counts"].decode())


def _as_bytes(rle: RLE) -> dict[str, Any]:
    """The encoding for pycocotools, proved first: a bad one makes it leave its memory."""
    try:
        height, width = rle["size"]
        counts = rle["counts"].encode("ascii")
        if not _is_side(height) or not _is_side(width) or height * width > MOST_PIXELS:
            raise Error(f"not a run-length encoding: its size is {rle['size']!r}")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Error(f"not a run-length encoding: {error!r}") from None
    lengths = _runs(_digits(counts))
    if (lengths < 0).any() or lengths.sum() != height * width:
        raise Error(f"a run-length encoding of size {height}×{width} does not fill it")
    return {"size": [height, width], "counts": counts}


def _is_side(value: object) -> bool:
    return type(value) is int and value >= 0


def _digits(counts: bytes) -> npt.NDArray[np.int64]:
    return np.frombuffer(counts, np.uint8).astype(np.int64) - 48


def _runs(digits: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The lengths of the runs, from COCO's text less 48 a letter (maskApi.c, rleFrString).

    A number is some letters of 5 bits, lowest first, 32 added to all but the last, signed; from
    the fourth on, a run is the difference to the run before the last one.
    """
    if len(digits) == 0:
        return digits
    more = digits >= 32
    if digits.min() < 0 or digits.max() > 63 or more[-1]:
        raise Error("not a run-length encoding: its counts are no COCO text")
    last = np.flatnonzero(~more)
    first = np.concatenate([[0], last[:-1] + 1])
    lengths = last - first + 1
    if lengths.max() > MOST_LETTERS:
        raise Error("not a run-length encoding: it has a run longer than any image")
    place = np.arange(len(digits)) - np.repeat(first, lengths)
    values = np.add.reduceat((digits & 31) << (5 * place), first)
    negative = (digits[last] & 16) > 0
    values[negative] -= np.int64(1) << (5 * lengths[negative])
    for start in (1, 2):
        values[start::2] = np.cumsum(values[start::2])
    return values
