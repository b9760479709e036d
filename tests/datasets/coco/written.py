"""COCO files and their pictures, written for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from anymask.datasets.photographs import Unread
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample

HW = (6, 8)
SQUARE = [[1, 1, 4, 1, 4, 4, 1, 4]]
SQUARE_PX = 9
Entry = dict[str, Any]


def picture(*paths: Path, hw: tuple[int, int] = HW, value: int = 0) -> None:
    """Pictures of one colour."""
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((*hw, 3), value, np.uint8)).save(path)


def image(number: Any, **changes: object) -> Entry:
    """What a file says of an image."""
    return {"id": number, "file_name": f"{number}.png", "height": HW[0], "width": HW[1], **changes}


def annotation(number: Any, image_id: Any, segmentation: object = SQUARE, **more: object) -> Entry:
    """What a file says of an object."""
    return {
        "id": number,
        "image_id": image_id,
        "category_id": 3,
        "iscrowd": 0,
        "bbox": [1, 1, 3, 3],
        "segmentation": segmentation,
        **more,
    }


def write(path: Path, images: object, annotations: object, **more: object) -> str:
    """A COCO file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = {"images": images, "annotations": annotations}
    path.write_text(json.dumps({"categories": [{"id": 3, "name": "cat"}], **content, **more}))
    return str(path)


def read(place: Path | str, **options: Any) -> tuple[list[Sample], list[Unread], list[str]]:
    """Samples, what is left out beside them, and what is said of the whole."""
    dataset = open_dataset(str(place), **options)
    everything = [one for part in dataset.parts for one in part.read()]
    samples = [one for one in everything if isinstance(one, Sample)]
    unread = [one for one in everything if isinstance(one, Unread)]
    return samples, unread, [note.reason for note in dataset.notes]
