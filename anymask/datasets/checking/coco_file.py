"""A COCO file's own numbers: ids, and areas and boxes of its annotations against their masks.

What its reader leaves out it says itself. Boxes may be off by a pixel, as COCO's own are, whose
polygons do not end at pixels; areas are compared of run lengths alone.

Shape legend: N annotations, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from anymask.core.shapes.mask_batch import MaskBatch
from anymask.datasets.checking.annotations import image_hw
from anymask.datasets.checking.faults import Fault, Kind
from anymask.datasets.coco import file as coco_file
from anymask.errors import Error, clipped

OFF_PX = 1.01

Entry = Mapping[str, Any]


def check_coco_file(location: str, name: str) -> Iterator[Fault]:
    """Faults of a file; masks are named by their place in its list of annotations.

    name: what the faults call it. Nothing of a file that has no such lists.
    """
    document = coco_file.read_document(location)
    lists = document if isinstance(document, dict) else {}
    images, annotations = lists.get("images"), lists.get("annotations")
    if not isinstance(images, list) or not isinstance(annotations, list):
        return
    for number, (entry, same) in _repeated(images).items():
        reason = f"its image {number} has the id {clipped(entry)}, as image {same}"
        yield Fault(name, Kind.image_id, reason)
    for number, (entry, same) in _repeated(annotations).items():
        yield Fault(name, Kind.mask_id, f"its id is {clipped(entry)}, as that of {same}", number)
    sizes = {
        image["id"]: hw
        for image in images
        if isinstance(image, dict) and type(image.get("id")) in (int, str)
        if (hw := image_hw(image))
    }
    by_size: dict[tuple[int, int], list[tuple[int, Entry]]] = {}
    for number, annotation in enumerate(annotations):
        if not isinstance(annotation, dict):
            continue
        yield from _polygon_faults(name, number, annotation)
        owner = annotation.get("image_id")
        hw = sizes.get(owner) if type(owner) in (int, str) else None
        if hw and _counts(annotation) is not None:
            by_size.setdefault(hw, []).append((number, annotation))
    for hw, numbered in by_size.items():
        yield from _run_faults(name, numbered, hw)


def _repeated(entries: list[Any]) -> dict[int, tuple[Any, int]]:
    """Of entries with the id of an earlier one: their place, that id, and the earlier one's."""
    first: dict[Any, int] = {}
    repeated = {}
    for number, entry in enumerate(entries):
        value = entry.get("id") if isinstance(entry, dict) else None
        if type(value) in (int, str) and first.setdefault(value, number) != number:
            repeated[number] = (value, first[value])
    return repeated


def _counts(annotation: Entry) -> bytes | None:
    """Its compressed run lengths, if it has them."""
    segmentation = annotation.get("segmentation")
    counts = segmentation.get("counts") if isinstance(segmentation, dict) else None
    return counts.encode("ascii", "replace") if isinstance(counts, str) else None


def _run_faults(
    name: str, numbered: list[tuple[int, Entry]], hw: tuple[int, int]
) -> Iterator[Fault]:
    """Of annotations with run lengths of (H, W) images. What does not fill them the reader says."""
    try:
        batch = MaskBatch.of_texts([_counts(annotation) or b"" for _, annotation in numbered], hw)
    except Error:
        return
    rows = zip(numbered, batch.fills, batch.areas.tolist(), batch.boxes_xywh.tolist())
    for (number, annotation), fills, area, box in rows:
        if not fills:
            continue
        if annotation.get("area", area) != area:
            reason = f"its area is {clipped(annotation['area'])}, and it has {area} pixels"
            yield Fault(name, Kind.area, reason, number)
        yield from _box_fault(name, number, annotation.get("bbox", box), box)


def _polygon_faults(name: str, number: int, annotation: Entry) -> Iterator[Fault]:
    rings = annotation.get("segmentation")
    if not isinstance(rings, list) or not rings or "bbox" not in annotation:
        return
    try:
        points = np.concatenate([np.asarray(ring, np.float64).reshape(-1, 2) for ring in rings])
    except (ValueError, TypeError, OverflowError):
        return  # another spelling of polygons, which the reader knows
    low, high = points.min(axis=0), points.max(axis=0)
    box = [*low.tolist(), *(high - low).tolist()]
    yield from _box_fault(name, number, annotation["bbox"], [round(side, 2) for side in box])


def _box_fault(name: str, number: int, bbox: Any, box: list[float]) -> Iterator[Fault]:
    is_box = (
        isinstance(bbox, list)
        and len(bbox) == 4
        and all(type(side) in (int, float) for side in bbox)
    )
    if not is_box or not _are_close(bbox, box):
        reason = f"its bbox is {clipped(bbox)}, and its mask lies in {box}"
        yield Fault(name, Kind.bbox, reason, number)


def _are_close(one: list[float], other: list[float]) -> bool:
    """Whether all four sides of two boxes XYWH are at most a pixel apart."""
    far = [(box[0], box[1], box[0] + box[2], box[1] + box[3]) for box in (one, other)]
    return all(abs(a - b) <= OFF_PX for a, b in zip(*far))
