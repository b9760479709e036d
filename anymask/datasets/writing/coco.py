"""COCO: ``instances.json``, of run lengths or of polygons whose holes are kept, and ``images/``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

from anymask.core.mask_files.coco import CocoImage, coco_object, polygons
from anymask.datasets.writing.annotated import AnnotatedImage
from anymask.datasets.writing.labels import Labels
from anymask.datasets.writing.spool import JsonItems, Spool, as_json

FILE = "instances.json"
IMAGES = "images"


class CocoWriter:
    """Images and their objects, numbered from 1 on, as COCO's evaluation needs them.

    as_polygons: instead of run lengths. An object's ``group`` and its scores stay with it, and the
    ``state`` of an image, under names that COCO has not: ``group``, ``predicted_iou``, ``score``,
    ``stability_score``, ``state``.
    """

    images = IMAGES

    def __init__(self, folder: Path, stack: ExitStack, as_polygons: bool = False) -> None:
        self._path, self._as_polygons = folder / FILE, as_polygons
        self._image_lines = stack.enter_context(Spool(folder))
        self._object_lines = stack.enter_context(Spool(folder))
        self._images, self._objects = JsonItems(), JsonItems()
        self._labels = Labels(first=1)

    def add(self, image: AnnotatedImage) -> None:
        """Write an image and its objects."""
        height, width = image.image_hw
        image_id = self._images.count + 1
        entry = CocoImage(id=image_id, file_name=image.name, width=width, height=height)
        stated = {} if image.state is None else {"state": image.state}
        self._image_lines.write(self._images.next({**entry, **stated}))
        for one in image.objects:
            written = coco_object(
                one.mask,
                polygons(one.mask) if self._as_polygons else one.mask,
                self._objects.count + 1,
                image_id,
                self._labels.number(one),
            )
            score, stability = one.predicted_iou, one.stability_score
            more = {
                **({} if one.group is None else {"group": one.group}),
                **({} if score is None else {"score": score, "predicted_iou": score}),
                **({} if stability is None else {"stability_score": stability}),
            }
            self._object_lines.write(self._objects.next({**written, **more}))

    def close(self) -> None:
        """Write what is known at the end alone."""
        categories = [
            {"id": number, "name": label, "supercategory": ""}
            for number, label in self._labels.items()
        ]
        head = {"info": {"description": "masks by anymask"}, "licenses": []}
        with self._path.open("wb") as file:
            file.write(as_json(head)[:-1].encode() + b',\n"images": [')
            self._image_lines.copy_to(file)
            file.write(b'\n],\n"annotations": [')
            self._object_lines.copy_to(file)
            file.write(f'\n],\n"categories": {as_json(categories)}}}\n'.encode())
