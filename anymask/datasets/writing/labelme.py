"""labelme: a JSON file of shapes beside each image. Objects are shapes of the type "mask".

Polygons would not be the same masks: labelme takes every pixel that an outline touches.
"""

from __future__ import annotations

import base64
import io
import posixpath
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from anymask.core import rle
from anymask.datasets.writing.annotated import AnnotatedImage, AnnotatedObject
from anymask.datasets.writing.folder import Names, place, with_ending
from anymask.datasets.writing.labels import label_of
from anymask.datasets.writing.spool import as_json

VERSION = "5.2.0"  # the first one whose files have such shapes


class LabelmeWriter:
    """labelme's files."""

    images = ""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._names = folder, Names()

    def add(self, image: AnnotatedImage) -> None:
        """Write an image's file."""
        height, width = image.image_hw
        document: dict[str, Any] = {
            "version": VERSION,
            "flags": {},
            "shapes": [_shape(one) for one in image.objects],
            "imagePath": posixpath.basename(image.name),
            "imageData": None,
            "imageHeight": height,
            "imageWidth": width,
        }
        target = self._names.take(with_ending(image.name, ".json"), image.name)
        place(self._folder, target).write_text(as_json(document) + "\n")

    def close(self) -> None:
        """Nothing is left to write."""


def _shape(one: AnnotatedObject) -> dict[str, Any]:
    mask, left, top = rle.decode_tight(one.mask)
    height, width = mask.shape
    written = io.BytesIO()
    Image.fromarray(mask.astype(np.uint8)).save(written, format="PNG")
    return {
        "label": label_of(one),
        "points": [[left, top], [left + width - 1, top + height - 1]],  # its first and last pixel
        "group_id": None,  # which would make it one object with others
        "description": "",
        "shape_type": "mask",
        "flags": {},
        "mask": base64.b64encode(written.getvalue()).decode(),
    }
