"""Binary masks as COCO run-length encodings, by pycocotools.

Shape legend: N masks, H W pixels.
"""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from anymask.errors import Error


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


def decode(rle: RLE) -> npt.NDArray[np.bool_]:
    """The (H, W) mask of an encoding. Raises ``Error`` for one that does not fill its size."""
    try:
        mask = coco_mask.decode(_as_bytes(rle))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Error(f"not a run-length encoding: {error}") from error
    return np.ascontiguousarray(mask, dtype=bool)


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
    return {"size": rle["size"], "counts": rle["counts"].encode()}
