"""Segmentation: an annotation's outlines or run lengths as a mask, with what of it is lost.

pycocotools reads memory that is not its own where an encoding is bad, so each is proved first.

Shape legend: H W pixels.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pycocotools import mask as coco_mask

from anymask.core import rle
from anymask.core.rle import RLE
from anymask.datasets.coco.polygons import (
    SegmentationError,
    numbers_of,
    outline_of,
    rasterised,
    rings_of,
)
from anymask.errors import Error, clipped

NO_MASK = "no mask"
EMPTY: tuple[Any, ...] = ([], {}, "")


@dataclass(frozen=True, slots=True)
class SegmentedObject:
    """The mask of an annotation.

    area_px: of the mask, which may be empty. lost: what is wrong with each of its polygons that are
    not in it.
    """

    mask: RLE
    area_px: int
    lost: tuple[SegmentationError, ...] = ()


def rle_of(segmentation: Any, hw: tuple[int, int]) -> RLE:
    """The (H, W) mask of polygons, or of run lengths, compressed or not. Raises ``Error``."""
    return read(segmentation, hw).mask


def read(segmentation: Any, hw: tuple[int, int]) -> SegmentedObject:
    """The (H, W) mask of polygons, or of run lengths, compressed or not, of whatever spelling.

    Polygons that are none are passed over where another is one. Raises ``SegmentationError`` where
    nothing is left.
    """
    if isinstance(segmentation, str) and not is_empty(segmentation):
        segmentation = _of_text(segmentation)
    if is_empty(segmentation):
        raise SegmentationError(NO_MASK)
    if isinstance(segmentation, dict):
        mask = _of_runs(segmentation, hw)
        return SegmentedObject(mask, rle.area(mask))
    if isinstance(segmentation, list):
        return _of_list(segmentation, hw)
    raise SegmentationError("a mask that is none", clipped(segmentation))


def is_empty(segmentation: Any) -> bool:
    """Whether there is no mask at all, as many tools write a box without one."""
    if isinstance(segmentation, list):
        return all(part is None or part in EMPTY for part in segmentation)
    return segmentation is None or segmentation in EMPTY


def is_runs(segmentation: Any) -> bool:
    """Whether a segmentation is of run lengths."""
    return isinstance(segmentation, dict) and "counts" in segmentation


def _of_list(segmentation: list[Any], hw: tuple[int, int]) -> SegmentedObject:
    """The union of polygons, and of run lengths where a tool lists these."""
    outlines: list[list[float]] = []
    runs: list[RLE] = []
    lost: list[SegmentationError] = []
    for part in rings_of(segmentation):
        try:
            if isinstance(part, dict):
                runs.append(_of_runs(part, hw))
            else:
                outlines.append(outline_of(part, hw))
        except SegmentationError as error:
            lost.append(error)
    if not outlines and not runs:
        raise lost[0]
    merged = rasterised(outlines, hw) if outlines else None
    if runs:
        encoded = [{**mask, "counts": mask["counts"].encode()} for mask in runs]
        merged = coco_mask.merge([merged, *encoded] if merged else encoded)
    assert merged is not None
    mask = RLE(size=[*hw], counts=merged["counts"].decode())
    return SegmentedObject(mask, int(coco_mask.area(merged)), tuple(lost))


def _of_runs(segmentation: dict[str, Any], hw: tuple[int, int]) -> RLE:
    """Raises ``SegmentationError``."""
    size, counts = segmentation.get("size"), segmentation.get("counts")
    sides = numbers_of(size) if isinstance(size, list) else None
    if sides is None or sides.tolist() != [*hw]:
        raise SegmentationError(
            "run lengths of another size than the image", f"{clipped(size)}, not {[*hw]}"
        )
    if isinstance(counts, list):
        return _of_counts(counts, hw)
    if not isinstance(counts, str):
        raise SegmentationError("run lengths without counts", clipped(counts))
    mask = RLE(size=[*hw], counts=_plain(counts))
    try:
        rle.area(mask)
    except Error as error:
        raise SegmentationError("broken run lengths", str(error)) from None
    return mask


def _of_counts(counts: Sequence[Any], hw: tuple[int, int]) -> RLE:
    lengths = numbers_of(counts)
    if lengths is None or lengths.ndim != 1 or not len(lengths):
        raise SegmentationError("broken run lengths", clipped(counts))
    mask = rle.from_lengths(lengths, hw)
    if mask is None:
        raise SegmentationError("broken run lengths", f"they do not fill {hw[1]}×{hw[0]}")
    return mask


def _of_text(text: str) -> Any:
    """What a text says in JSON, as tables hold segmentations. Raises ``SegmentationError``."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise SegmentationError("a mask that is none", clipped(text)) from None


def _plain(counts: str) -> str:
    """COCO's text, which has no quotes, of Python's spelling of bytes: b'…'."""
    counts = counts.strip()
    if counts[:2] in ("b'", 'b"'):
        try:
            return str(ast.literal_eval(counts).decode("ascii"))
        except (ValueError, SyntaxError, AttributeError):
            return counts
    return counts
