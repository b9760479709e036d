"""Binary masks as COCO run-length encodings, by pycocotools.

Shape legend: N masks, H W pixels.
"""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from anymask.errors import Error

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
