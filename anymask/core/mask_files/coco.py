"""COCO's instance file: polygons, or run lengths where polygons can't say it.

COCO's readers fill every ring of a segmentation, so a mask with a hole is written as run lengths,
or its holes are joined to the ring around them. ``iscrowd`` is 0 always: it is one object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any, TypedDict

from anymask.core import rle
from anymask.core.mask_files.sa1b import Annotation, ImageRecord, Label, Record
from anymask.core.regions.bridges import without_holes
from anymask.core.regions.rings import regions_of

Segmentation = list[list[int]] | rle.RLE

CATEGORY_ID = 1
CATEGORIES: list[dict[str, Any]] = [{"id": CATEGORY_ID, "name": "object", "supercategory": ""}]


class CocoImage(TypedDict):
    """An image of a COCO file."""

    id: int
    file_name: str
    width: int
    height: int


class CocoObject(TypedDict):
    """One object of a COCO file."""

    id: int
    image_id: int
    category_id: int
    segmentation: Segmentation
    area: int
    bbox: list[float]
    iscrowd: int


class CocoAnnotation(CocoObject):
    """One that a model found. ``score`` is the predicted IoU, under COCO's name."""

    score: float
    predicted_iou: float
    stability_score: float


def coco_file(records: Iterable[Record]) -> dict[str, Any]:
    """The COCO file of some images, each under the ``file_name`` and ``image_id`` of its record.

    Annotations are numbered from 1 on: COCO's evaluation never matches number 0. Their areas are
    counted in pixels, their category is their label, or "object" where none has one.
    """
    images, annotations = list[CocoImage](), list[CocoAnnotation]()
    listed = list(records)
    ids = category_ids(one.get("label") for record in listed for one in record["annotations"])
    for record in listed:
        image = coco_image(record["image"])
        images.append(image)
        annotations += [
            coco_annotation(annotation, number, image["id"], ids[annotation.get("label")])
            for number, annotation in enumerate(record["annotations"], len(annotations) + 1)
        ]
    return {
        "info": {"description": "masks by anymask"},
        "licenses": [],
        "images": images,
        "annotations": annotations,
        "categories": categories_of(ids),
    }


def category_ids(labels: Iterable[Label | None]) -> dict[Label | None, int]:
    """The number of a category for each label: a class's own, or the next that is free.

    None, a mask without a label, is "object".
    """
    known = set(labels)
    ids: dict[Label | None, int] = {
        label: label for label in sorted(one for one in known if isinstance(one, int))
    }
    words: list[str] = sorted(one for one in known if isinstance(one, str))
    for label in [*words, *[None] * (None in known or not known)]:
        ids[label] = next(n for n in count(CATEGORY_ID) if n not in ids.values())
    return ids


def categories_of(ids: Mapping[Label | None, int]) -> list[dict[str, Any]]:
    """The categories of labels, as COCO lists them."""
    unnamed = CATEGORIES[0]
    return [
        {**unnamed, "id": number, "name": unnamed["name"] if label is None else str(label)}
        for label, number in sorted(ids.items(), key=lambda pair: pair[1])
    ]


def coco_image(image: ImageRecord) -> CocoImage:
    """An image as COCO has it."""
    return CocoImage(
        id=image["image_id"],
        file_name=image["file_name"],
        width=image["width"],
        height=image["height"],
    )


def coco_annotation(
    annotation: Annotation, number: int, image_id: int, category_id: int = CATEGORY_ID
) -> CocoAnnotation:
    """A mask as COCO has it, under this number."""
    segmentation = annotation["segmentation"]
    return CocoAnnotation(
        **coco_object(segmentation, polygons_or_runs(segmentation), number, image_id, category_id),
        score=annotation["predicted_iou"],
        predicted_iou=annotation["predicted_iou"],
        stability_score=annotation["stability_score"],
    )


def coco_object(
    mask: rle.RLE, segmentation: Segmentation, number: int, image_id: int, category_id: int
) -> CocoObject:
    """An object as COCO has it. segmentation: how its mask is written."""
    return CocoObject(
        id=number,
        image_id=image_id,
        category_id=category_id,
        segmentation=segmentation,
        area=rle.area(mask),
        bbox=rle.bbox_xywh(mask),
        iscrowd=0,
    )


def polygons_or_runs(mask: rle.RLE) -> Segmentation:
    """A polygon a part, of which pycocotools makes exactly the mask; run lengths for the rest."""
    regions = regions_of(*rle.decode_tight(mask))
    if not regions or any(region.holes for region in regions):
        return mask
    return [region.outer.reshape(-1).tolist() for region in regions]


def polygons(mask: rle.RLE) -> list[list[int]]:
    """A polygon a part, its holes joined to it: exactly the mask for pycocotools; [] for none."""
    regions = regions_of(*rle.decode_tight(mask))
    return [without_holes(region).reshape(-1).tolist() for region in regions]
