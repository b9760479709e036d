"""Annotations: what is like the examples in an image, as SA-1B has masks, with labels."""

from __future__ import annotations

from collections.abc import Mapping

from anymask.core import rle
from anymask.core.annotations import Annotation, Annotations
from anymask.core.mask_files.sa1b import Label
from anymask.predict.in_context.answer import InContextAnswer


def annotations_of(answer: InContextAnswer, names: Mapping[int, Label]) -> Annotations:
    """The objects of an answer, the surest first.

    names: what a label is called in the examples' own masks; one that is not there has no name.
    Both scores are how sure the answer is.
    """
    height, width = answer.labelled.labels.shape
    annotations = []
    for number, one in enumerate(answer.objects):
        mask = rle.encode(one.mask)
        annotation = Annotation(
            id=number,
            segmentation=mask,
            bbox=rle.bbox_xywh(mask),
            area=rle.area(mask),
            predicted_iou=one.score,
            stability_score=one.score,
            crop_box=[0.0, 0.0, float(width), float(height)],
            point_coords=[],
        )
        if one.label in names:
            annotation["label"] = names[one.label]
        annotations.append(annotation)
    return Annotations(annotations, (height, width))
