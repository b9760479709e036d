"""SA-1B: a record beside each image, of its name."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import Any

from anymask.core import rle
from anymask.core.mask_files.sa1b import ImageRecord
from anymask.datasets.photographs import Photograph
from anymask.datasets.sample import Detail
from anymask.datasets.writing.annotated import AnnotatedImage, AnnotatedObject
from anymask.datasets.writing.folder import Names, place, with_ending
from anymask.datasets.writing.spool import as_json


class Sa1bWriter:
    """Records. What nobody knows of a mask, as a score of one that a person drew, is left out."""

    images = ""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._names = folder, Names()

    def add(self, image: AnnotatedImage) -> None:
        """Write an image's record."""
        height, width = image.image_hw
        photograph = Photograph("", image.name)
        record = {
            "image": ImageRecord(
                image_id=photograph.image_id,
                file_name=photograph.file_name,
                width=width,
                height=height,
            ),
            "annotations": [_annotation(one, number) for number, one in enumerate(image.objects)],
        }
        target = self._names.take(with_ending(image.name, ".json"), image.name)
        place(self._folder, target).write_text(as_json(record) + "\n")

    def close(self) -> None:
        """Nothing is left to write."""


def _annotation(one: AnnotatedObject, number: int) -> dict[str, Any]:
    height, width = one.mask["size"]
    scores = Detail(None, one.predicted_iou, one.stability_score).scores
    return {
        "id": number,
        "segmentation": one.mask,
        "bbox": rle.bbox_xywh(one.mask),
        "area": rle.area(one.mask),
        **scores,
        "crop_box": [0.0, 0.0, float(width), float(height)],
    }
