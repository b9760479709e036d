"""What the default weights make of rough masks, alone and with points and boxes beside them.

    .venv/bin/python benchmarks/rough_masks.py FOLDER [--images 24] [--write]

FOLDER holds ``instances.json`` (COCO) and ``images/``. Up to three objects of each photograph are
spoilt in three ways and given back as prompts; the table shows the mean IoU with the true mask.
It is the reason for ``anymask/core/rough.py`` (docs/adr/0006-rough-masks.md).
"""

from __future__ import annotations

import argparse
import contextlib
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from pycocotools.coco import COCO

import anymask
from anymask.core.geometry import ResizeMap, deepest_point, mask_boxes
from anymask.core.image import read_image
from anymask.core.prompts import Prompts
from anymask.core.rough import CERTAINTY, mask_logits, rough_prompts

from machine import describe

Mask = npt.NDArray[np.bool_]

HERE = Path(__file__).resolve().parent
SPOILT = ("grown", "shrunk", "coarse")
SMALLEST_PX = 1500
MARGIN = 0.12  # of the square root of the area
BLOCK = 0.25


def spoil(mask: Mask, how: str) -> Mask:
    """A rough version of a mask; the mask itself where nothing would be left."""
    side = float(np.sqrt(mask.sum()))
    if how == "coarse":
        block = max(4, int(BLOCK * side))
        size = (max(1, mask.shape[1] // block), max(1, mask.shape[0] // block))
        blocks = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.4
        whole = (mask.shape[1], mask.shape[0])
        rough = cv2.resize(blocks.astype(np.uint8), whole, interpolation=cv2.INTER_NEAREST)
    else:
        reach = 2 * max(3, int(MARGIN * side)) + 1
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
        change = cv2.dilate if how == "grown" else cv2.erode
        rough = change(mask.astype(np.uint8), disc)
    return np.asarray(rough > 0) if rough.any() else mask


def prompts_of(rough: Mask, resize_map: ResizeMap) -> dict[str, Prompts]:
    """The prompts that can be made of a rough (H, W) mask, by their names in the table."""
    box = Prompts.of_boxes(mask_boxes(rough[None]))
    point = Prompts.point(*deepest_point(rough))
    logits = mask_logits(rough, resize_map)[None]
    strong = 4 * logits
    return {
        f"logits alone, ±{CERTAINTY:g}": Prompts.of_masks(logits),
        f"logits alone, ±{4 * CERTAINTY:g}": Prompts.of_masks(strong),
        "point and logits": point.with_masks(logits),
        "box": box,
        "box and logits": box.with_masks(logits),
        "box and point": box.with_points(point.points),
        "box, point and logits": rough_prompts(rough[None], resize_map),
    }


def objects(folder: Path, images: int) -> Iterator[tuple[npt.NDArray[np.uint8], list[Mask]]]:
    """Photographs, in an order that is always the same, and up to three objects of each."""
    with contextlib.redirect_stdout(open(os.devnull, "w")):
        coco = COCO(str(folder / "instances.json"))
    numbers = sorted(coco.imgs)
    np.random.default_rng(0).shuffle(numbers)
    found = 0
    for number in numbers:
        entries = coco.loadAnns(coco.getAnnIds(number, iscrowd=0))
        masks = [coco.annToMask(e).astype(bool) for e in entries if e["area"] > SMALLEST_PX][:3]
        if masks and found < images:
            found += 1
            yield read_image(folder / "images" / coco.imgs[number]["file_name"]), masks


def iou(a: Mask, b: Mask) -> float:
    """Intersection over union."""
    return float((a & b).sum() / max(1, (a | b).sum()))


def table(folder: Path, images: int) -> str:
    """Run everything; a Markdown table."""
    sam = anymask.load(offline=True)
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for image, masks in objects(folder, images):
        embedding = sam.encode(image)
        for mask in masks:
            for how in SPOILT:
                rough = spoil(mask, how)
                scores["(the rough masks themselves)"][how].append(iou(rough, mask))
                for name, prompts in prompts_of(rough, embedding.resize_map).items():
                    answer = sam.predict(embedding, prompts).best().to_bool()[0, 0]
                    scores[name][how].append(iou(answer, mask))
    rows = ["| prompt | " + " | ".join(SPOILT) + " | mean |", "|---" * 5 + "|"]
    for name, by_how in scores.items():
        means = [float(np.mean(by_how[how])) for how in SPOILT]
        cells = [name, *(f"{value:.3f}" for value in (*means, np.mean(means)))]
        rows.append("| " + " | ".join(cells) + " |")
    count = len(scores["box"]["grown"])
    return f"{count} objects of {images} photographs.\n\n" + "\n".join(rows)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=24)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    text = f"{describe(2)}\n\n{table(arguments.folder, arguments.images)}\n"
    print(text)
    if arguments.write:
        day = time.strftime("%Y-%m-%d")
        head = (
            f"# Rough masks, {day}\n\n`benchmarks/rough_masks.py COCO --images {arguments.images}`"
        )
        (HERE / "results" / f"{day}-rough-masks.md").write_text(f"{head}\n\n{text}")


if __name__ == "__main__":
    main()
