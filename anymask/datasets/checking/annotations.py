"""The annotations of an SA-1B record, each key of each mask against what the record's image allows.

Run lengths are read all at once (``core.shapes``); areas and boxes are held against them.

Shape legend: N annotations, H W pixels.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from anymask.core import rle
from anymask.core.mask_files.sa1b import Annotation, bbox_to_last_pixel
from anymask.core.shapes.mask_batch import MaskBatch
from anymask.datasets.checking.faults import Fault, Kind
from anymask.errors import Error, clipped

OF_EXAMPLES = frozenset({"label"})  # what a mask found by an example has besides
KEYS = frozenset(Annotation.__annotations__) - OF_EXAMPLES
# What a model says of its masks. A mask that lacks two of them was drawn, or comes from a format
# that has none of it; one that lacks a single one has lost it.
OF_A_MODEL = frozenset({"predicted_iou", "stability_score", "point_coords"})
# A network guesses it, and nothing holds the guess below 1: 1.02 is common.
MOST_PREDICTED_IOU = 1.1


class AnnotationCheck:
    """The annotations of one record, of which each fault is told once.

    name: the record's file. hw: (H, W) of its image. allowed: keys that are no faults though SA-1B
    has none of them. without_ids: whether the file is a list as the official generator gives it.
    """

    def __init__(
        self,
        name: str,
        hw: tuple[int, int],
        allowed: Collection[str] = (),
        without_ids: bool = False,
    ) -> None:
        self._name, self._hw = name, hw
        self._expected = KEYS - {"id"} if without_ids else KEYS
        self._known = KEYS | OF_EXAMPLES | set(allowed)
        self._faults: list[Fault] = []
        self.without_scores = 0  # masks so far that no model made

    def faults(self, annotations: list[Any]) -> list[Fault]:
        """What is wrong with N annotations, in their order for each kind."""
        self._faults = []
        masks: list[tuple[int, str]] = []
        for number, annotation in enumerate(annotations):
            if type(annotation) is not dict:
                self._add(number, Kind.value, f"is no object: {clipped(annotation)}")
                continue
            if annotation.keys() != self._expected:
                self._check_keys(number, annotation)
            counts = self._counts(number, annotation)
            if counts is not None:
                masks.append((number, counts))
            self._check_scores(number, annotation)
            self._check_places(number, annotation)
        self._check_masks(annotations, masks)
        self._check_ids(annotations)
        return self._faults

    def _add(self, number: int, kind: Kind, reason: str) -> None:
        self._faults.append(Fault(self._name, kind, reason, number))

    def _check_keys(self, number: int, annotation: dict[str, Any]) -> None:
        missing = self._expected - annotation.keys()
        if len(missing & OF_A_MODEL) > 1:
            self.without_scores += 1
            missing -= OF_A_MODEL
        for key in sorted(missing):
            self._add(number, Kind.missing_key, f"lacks {key!r}")
        for key in sorted(annotation.keys() - self._known):
            self._add(number, Kind.extra_key, f"has {clipped(key)}, which SA-1B has not")

    def _counts(self, number: int, annotation: dict[str, Any]) -> str | None:
        """The run lengths as text, if they are of the image's size."""
        segmentation = annotation.get("segmentation")
        if type(segmentation) is not dict:
            if "segmentation" in annotation:
                self._add(number, Kind.rle, f"has no run lengths: {clipped(segmentation)}")
            return None
        counts, size = segmentation.get("counts"), segmentation.get("size")
        if type(counts) is not str:
            self._add(number, Kind.rle, f"its counts are no COCO text: {clipped(counts)}")
        elif size != [*self._hw]:
            height, width = self._hw
            reason = (
                f"its run lengths are of the size {clipped(size)}, its image is {width}×{height}"
            )
            self._add(number, Kind.mask_size, reason)
        else:
            return counts
        return None

    def _check_scores(self, number: int, annotation: dict[str, Any]) -> None:
        predicted_iou, stability = (
            annotation.get(key, 0) for key in ("predicted_iou", "stability_score")
        )
        if not _is_within(predicted_iou, MOST_PREDICTED_IOU):
            reason = f"its predicted_iou is {clipped(predicted_iou)}"
            self._add(number, Kind.predicted_iou, reason)
        if not _is_within(stability, 1):
            self._add(number, Kind.stability_score, f"its stability_score is {clipped(stability)}")

    def _check_places(self, number: int, annotation: dict[str, Any]) -> None:
        height, width = self._hw
        points = annotation.get("point_coords", [])
        if type(points) is not list:
            self._add(number, Kind.point, f"its point_coords are {clipped(points)}")
            points = []
        for point in points:
            is_inside = (
                type(point) is list
                and len(point) == 2
                and _is_within(point[0], width)
                and _is_within(point[1], height)
            )
            if not is_inside:
                reason = f"its point {clipped(point)} is not in the image of {width}×{height}"
                self._add(number, Kind.point, reason)
        whole = [0, 0, width, height]
        box = annotation.get("crop_box", whole)
        if box != whole and not _is_box_within(box, width, height):
            reason = f"its crop_box {clipped(box)} is not in the image of {width}×{height}"
            self._add(number, Kind.crop_box, reason)

    def _check_masks(self, annotations: list[Any], masks: list[tuple[int, str]]) -> None:
        """What the run lengths are, and what they say of area and box."""
        # Letters beyond ASCII become one that no text has.
        texts = [counts.encode("ascii", "replace") for _, counts in masks]
        batch = MaskBatch.of_texts(texts, self._hw)
        first: dict[str, int] = {}
        rows = zip(masks, batch.fills.tolist(), batch.areas.tolist(), batch.boxes_xywh.tolist())
        for (number, counts), fills, area, box in rows:
            if not fills:
                self._add(number, Kind.rle, _reason(counts, self._hw))
                continue
            if not area:
                self._add(number, Kind.empty, "has no pixel")
            annotation = annotations[number]
            if annotation.get("area", area) != area:
                reason = f"its area is {clipped(annotation['area'])}, and it has {area} pixels"
                self._add(number, Kind.area, reason)
            bbox = annotation.get("bbox", box)
            if bbox != box and bbox != bbox_to_last_pixel(box):
                reason = f"its bbox is {clipped(bbox)}, and its pixels lie in {box}"
                self._add(number, Kind.bbox, reason)
            same = first.setdefault(counts, number)
            if same != number:
                self._add(number, Kind.identical, f"has the same pixels as mask {same}")

    def _check_ids(self, annotations: list[Any]) -> None:
        first: dict[int, int] = {}
        for number, annotation in enumerate(annotations):
            if type(annotation) is not dict or "id" not in annotation:
                continue
            value = annotation["id"]
            if type(value) is not int:
                self._add(number, Kind.value, f"its id is no whole number: {clipped(value)}")
            elif (same := first.setdefault(value, number)) != number:
                self._add(number, Kind.mask_id, f"its id is {value}, as that of mask {same}")


def _is_within(value: Any, most: float) -> bool:
    """Whether it is a number from 0 to ``most``; NaN is not."""
    return type(value) in (int, float) and 0 <= value <= most


def _is_box_within(box: Any, width: int, height: int) -> bool:
    """Whether it is X, Y, width, height of a box in the image."""
    if type(box) is not list or len(box) != 4 or not all(type(v) in (int, float) for v in box):
        return False
    x, y, w, h = box
    return bool(x >= 0 and y >= 0 and w > 0 and h > 0 and x + w <= width and y + h <= height)


def _reason(counts: str, hw: tuple[int, int]) -> str:
    """Why run lengths are none of an (H, W) image, by the reader of single ones."""
    try:
        lengths = rle.runs(rle.RLE(size=[*hw], counts=counts))
    except Error as error:
        return str(error)
    return f"its run lengths add up to {sum(lengths)}"  # which the batch should have taken


def image_hw(image: dict[str, Any]) -> tuple[int, int] | None:
    """(H, W) that a record states."""
    return _size(image.get("height"), image.get("width"))


def segmentation_hw(annotations: list[Any]) -> Iterator[tuple[int, int]]:
    """(H, W) that the masks state, of those that do."""
    for annotation in annotations:
        segmentation = annotation.get("segmentation") if isinstance(annotation, dict) else None
        size = segmentation.get("size") if isinstance(segmentation, dict) else None
        hw = _size(*size) if isinstance(size, list) and len(size) == 2 else None
        if hw:
            yield hw


def _size(height: Any, width: Any) -> tuple[int, int] | None:
    is_size = type(height) is int and type(width) is int and min(height, width) > 0
    return (height, width) if is_size else None
