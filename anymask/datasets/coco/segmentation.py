"""Segmentation: an annotation's outlines or run lengths as a mask, with what of it is lost.

pycocotools reads memory that is not its own where an encoding is bad, so each is proved first.

Shape legend: H W pixels.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pycocotools import mask as coco_mask

from anymask.core import rle
from anymask.core.rle import RLE
from anymask.datasets.coco.geometry import Rings, of_well_known_text, polygons_of
from anymask.datasets.coco.polygons import (
    OUTSIDE,
    SegmentationError,
    numbers_of,
    outline_of,
    rasterised,
    rings_of,
)
from anymask.errors import Error, clipped

NO_MASK = "no mask"
EMPTY: tuple[Any, ...] = ([], {}, "")
# Uncompressed run lengths as text; a compressed one has neither spaces nor commas.
NUMBERS = re.compile(r"\s*\[?\s*[0-9]+(?:(?:\s*,\s*|\s+)[0-9]+)+\s*\]?\s*")


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
    segmentation = spelled_out(segmentation)
    if is_empty(segmentation):
        raise SegmentationError(NO_MASK)
    if is_runs(segmentation) and isinstance(segmentation, dict):
        mask = _of_runs(segmentation, hw)
        return SegmentedObject(mask, rle.area(mask))
    if isinstance(segmentation, (dict, list)):
        return _of_parts(segmentation, hw)
    raise SegmentationError("a mask that is none", clipped(segmentation))


def spelled_out(segmentation: Any) -> Any:
    """What a text says in JSON, in Python or as a well-known one; else the value itself.

    Other text may be anything: bare numbers are corners as well as run lengths.
    """
    if not isinstance(segmentation, str):
        return segmentation
    if not segmentation.strip().startswith(("[", "{", "(")):
        return of_well_known_text(segmentation) or segmentation
    try:
        return json.loads(segmentation)
    except (ValueError, RecursionError):
        return _of_python(segmentation)


def is_empty(segmentation: Any) -> bool:
    """Whether there is no mask at all, as many tools write a box without one."""
    if isinstance(segmentation, list):
        return all(part is None or part in EMPTY for part in segmentation)
    return segmentation is None or segmentation in EMPTY


def is_runs(segmentation: Any) -> bool:
    """Whether a segmentation is of run lengths."""
    if isinstance(segmentation, list) and segmentation:
        return all(isinstance(part, dict) and "counts" in part for part in segmentation)
    return isinstance(segmentation, dict) and "counts" in segmentation


def _of_parts(segmentation: dict[str, Any] | list[Any], hw: tuple[int, int]) -> SegmentedObject:
    """The union of polygons, of shapes, and of run lengths where a tool lists these."""
    outlines: list[list[float]] = []
    runs: list[RLE] = []
    lost: list[SegmentationError] = []
    for part in _parts(segmentation):
        try:
            if is_runs(part):
                runs.append(_of_runs(part, hw))
            elif isinstance(part, dict):
                for rings in polygons_of(part):
                    runs.append(_with_holes(rings, hw, lost))
            else:
                outlines.append(outline_of(part, hw))
        except SegmentationError as error:
            lost.append(error)
    if not outlines and not runs:
        raise lost[0] if lost else SegmentationError(NO_MASK)
    if outlines:
        counts = rasterised(outlines, hw)["counts"].decode()
        runs.append(RLE(size=[*hw], counts=counts))
    mask = rle.union(runs) if len(runs) > 1 else runs[0]
    return SegmentedObject(mask, rle.area(mask), tuple(lost))


def _parts(segmentation: dict[str, Any] | list[Any]) -> Sequence[Any]:
    """Each polygon, shape or encoding, be it text."""
    if isinstance(segmentation, dict):
        return [segmentation]
    return rings_of([[] if part is None else spelled_out(part) for part in segmentation])


def _with_holes(rings: Rings, hw: tuple[int, int], lost: list[SegmentationError]) -> RLE:
    """A polygon but for its holes. Raises ``SegmentationError`` where its border is none.

    lost: gets what is wrong with a hole.
    """
    border = rasterised([outline_of(rings[0], hw)], hw)
    holes: list[list[float]] = []
    for ring in rings[1:]:
        try:
            holes.append(outline_of(ring, hw))
        except SegmentationError as error:
            if error.reason != OUTSIDE:  # such a hole takes nothing away
                lost.append(error)
    if not holes:
        return RLE(size=[*hw], counts=border["counts"].decode())
    inside = coco_mask.decode(border) & ~coco_mask.decode(rasterised(holes, hw))
    return rle.encode(inside.astype(bool))


def _of_runs(segmentation: dict[str, Any], hw: tuple[int, int]) -> RLE:
    """Raises ``SegmentationError``. Where no size stands, the runs must fill the image's."""
    size, counts = spelled_out(segmentation.get("size")), segmentation.get("counts")
    sides = numbers_of(size) if isinstance(size, (list, tuple)) else None
    if not is_empty(size) and (sides is None or sides.tolist() != [*hw]):
        raise SegmentationError(
            "run lengths of another size than the image", f"{clipped(size)}, not {[*hw]}"
        )
    if isinstance(counts, str) and NUMBERS.fullmatch(counts):
        counts = re.findall(r"[0-9]+", counts)
    if isinstance(counts, list):
        return _of_counts(counts, hw)
    if not isinstance(counts, (str, bytes)):
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


def _of_python(text: str) -> Any:
    """What Python's text of a value says, tuples as lists; else the text itself."""
    try:
        return ast.literal_eval(text.strip().replace("(", "[").replace(")", "]"))
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return text


def _plain(counts: str | bytes) -> str:
    """COCO's text, which has no quotes, of bytes, and of Python's spelling of them: b'…'."""
    if isinstance(counts, bytes):
        return counts.decode("ascii", "replace")
    counts = counts.strip()
    if counts[:2] in ("b'", 'b"'):
        spelled = _of_python(counts)
        return _plain(spelled) if isinstance(spelled, bytes) else counts
    return counts
