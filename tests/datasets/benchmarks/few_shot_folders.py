"""Tiny invented folders in the layouts of the sets of few-shot segmentation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from anymask.core import rle

SIDE = 16


def picture(path: Path, values: npt.NDArray[np.uint8]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values).save(path)


def photograph(path: Path, light: int = 0) -> None:
    picture(path, np.full((SIDE, SIDE, 3), light, np.uint8))


def square(value: int, top: int = 2, side: int = 6) -> npt.NDArray[np.uint8]:
    """(SIDE, SIDE), a square of a value on 0."""
    labels = np.zeros((SIDE, SIDE), np.uint8)
    labels[top : top + side, 2 : 2 + side] = value
    return labels


def voc(folder: Path, truths: str = "SegmentationClassAug") -> None:
    """Images a to d show class 1, c and d class 7, too; d has an undecided row."""
    for name in "abcd":
        photograph(folder / "JPEGImages" / f"{name}.jpg")
        labels = square(1)
        if name in "cd":
            labels[10:14, 10:14] = 7
        if name == "d":
            labels[0] = 255
        picture(folder / truths / f"{name}.png", labels)


def coco_pictures(folder: Path) -> None:
    """Images a to c show class 6."""
    for name in "abc":
        photograph(folder / "val2014" / f"{name}.jpg")
        picture(folder / "annotations" / "val2014" / f"{name}.png", square(6))


def fss(folder: Path) -> None:
    """Classes abacus and zebra of three images each, a soft edge around white."""
    for group in ("abacus", "zebra"):
        for number in range(1, 4):
            place = folder / "fewshot_data" / group
            photograph(place / f"{number}.jpg")
            white = square(255, top=number)
            white[-1] = 100
            picture(place / f"{number}.png", np.stack([white] * 3, axis=-1))


def coco_file(folder: Path, categories: int = 80) -> None:
    """``instances.json``: images a to c, each with an object of the second and third category."""
    names = [f"class {number}" for number in range(categories)]
    annotations: list[dict[str, Any]] = []
    for number, name in enumerate("abc"):
        photograph(folder / "images" / f"{name}.png")
        for category in (1, 2):
            mask = rle.encode(square(1, top=3 * category) > 0)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": number,
                    "category_id": 10 * category,
                    "segmentation": mask,
                    "area": rle.area(mask),
                    "bbox": rle.bbox_xywh(mask),
                    "iscrowd": 0,
                }
            )
    images = [
        {"id": number, "file_name": f"{name}.png", "width": SIDE, "height": SIDE}
        for number, name in enumerate("abc")
    ]
    listed = [{"id": 10 * number, "name": name} for number, name in enumerate(names)]
    listed.reverse()  # the order of the file says nothing
    content = {"images": images, "annotations": annotations, "categories": listed}
    (folder / "instances.json").write_text(json.dumps(content))


def davis(folder: Path, frames: int = 5, objects: int = 2) -> None:
    """A film ``bear`` whose objects move a pixel down each frame."""
    for number in range(frames):
        photograph(folder / "JPEGImages" / "480p" / "bear" / f"{number:05}.jpg", light=number)
        labels = np.zeros((SIDE, SIDE), np.uint8)
        for one in range(objects):
            value = 255 if objects == 1 else one + 1
            labels[2 + number : 6 + number, 2 + 7 * one : 6 + 7 * one] = value
        picture(folder / "Annotations" / "480p" / "bear" / f"{number:05}.png", labels)
