"""Label Studio: ``tasks.json`` to import, of brush strokes or polygons, and its labelling setup."""

from __future__ import annotations

import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.sax.saxutils import quoteattr

from anymask.core import rle
from anymask.core.regions.bridges import single_ring
from anymask.core.regions.rings import regions_of
from anymask.datasets.labelling import label_studio_brush
from anymask.datasets.writing.annotated import AnnotatedImage, AnnotatedObject
from anymask.datasets.writing.labels import Labels
from anymask.datasets.writing.spool import JsonItems, Spool

TASKS, SETUP, IMAGES = "tasks.json", "label_config.xml", "images"
SERVED = "/data/local-files/?d="  # how Label Studio names files of a folder that it was given
ORIGIN = uuid.UUID("6f1a1a64-8d6f-4a53-9f0b-0b4c4a5b7d1e")  # of regions' ids, the same every time


class LabelStudioWriter:
    """Tasks, each with one annotation, and the setup that names the labels.

    as_polygons: outlines instead of brush strokes; holes and parts are joined to them.
    """

    images = IMAGES

    def __init__(self, folder: Path, stack: ExitStack, as_polygons: bool = False) -> None:
        self._folder, self._as_polygons = folder, as_polygons
        self._lines = stack.enter_context(Spool(folder))
        self._tasks, self._labels = JsonItems(), Labels(first=1)

    def add(self, image: AnnotatedImage) -> None:
        """Write an image's task."""
        number = self._tasks.count + 1
        task = {
            "id": number,
            "data": {"image": f"{SERVED}{quote(f'{IMAGES}/{image.name}')}"},
            "annotations": [{"id": number, "result": self._results(image)}],
        }
        self._lines.write(self._tasks.next(task))

    def close(self) -> None:
        """Write the tasks and the setup."""
        with (self._folder / TASKS).open("wb") as file:
            file.write(b"[")
            self._lines.copy_to(file)
            file.write(b"\n]\n")
        control = "PolygonLabels" if self._as_polygons else "BrushLabels"
        labels = "".join(
            f"    <Label value={quoteattr(label)}/>\n" for _, label in self._labels.items()
        )
        setup = (
            f'<View>\n  <Image name="image" value="$image"/>\n  <{control} name="label" '
            f'toName="image">\n{labels}  </{control}>\n</View>\n'
        )
        (self._folder / SETUP).write_text(setup, encoding="utf-8")

    def _results(self, image: AnnotatedImage) -> list[dict[str, Any]]:
        return [
            self._result(one, image, str(uuid.uuid5(ORIGIN, f"{image.name}/{number}"))[:8])
            for number, one in enumerate(image.objects)
        ]

    def _result(self, one: AnnotatedObject, image: AnnotatedImage, region: str) -> dict[str, Any]:
        height, width = image.image_hw
        kind = "polygon" if self._as_polygons else "brush"
        labels: dict[str, Any] = {}
        if one.label:
            self._labels.number(one)
            kind += "labels"
            labels = {kind: [one.label]}
        return {
            "id": region,
            "type": kind,
            "from_name": "label",
            "to_name": "image",
            "original_width": width,
            "original_height": height,
            "image_rotation": 0,
            "value": (_outline(one) if self._as_polygons else _strokes(one)) | labels,
        }


def _strokes(one: AnnotatedObject) -> dict[str, Any]:
    return {"format": "rle", "rle": label_studio_brush.encode(rle.decode(one.mask))}


def _outline(one: AnnotatedObject) -> dict[str, Any]:
    height, width = one.mask["size"]
    ring = single_ring(regions_of(*rle.decode_tight(one.mask)))
    return {"points": (ring * 100 / (width, height)).tolist(), "closed": True}
