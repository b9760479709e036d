"""Invented SA-1B: folders of records with blobs of all sizes, for measurements of many masks."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from anymask.core.mask_files.sa1b import Annotation, ImageRecord, Record
from anymask.core.mask_runs import MaskRuns
from anymask.datasets import sa1b_record

IMAGE_HW = (1500, 2250)
MASKS_PER_IMAGE = 100
DIFFERENT = 40  # images; the others repeat their masks
SMALLEST_PX, LARGEST_PX = 12, 1000  # side of the box
QUALITY = 40


def write_folder(folder: Path, images: int, seed: int = 0) -> int:
    """``sa_<number>.jpg`` and ``.json`` of so many images; how many masks they have."""
    rng = np.random.default_rng(seed)
    folder.mkdir(parents=True)
    picture = _picture(rng)
    records = [_record(rng) for _ in range(min(images, DIFFERENT))]
    for number in range(images):
        record = records[number % len(records)]
        name = f"sa_{number + 1}.jpg"
        record["image"].update({"image_id": number + 1, "file_name": name})
        (folder / name).write_bytes(picture)
        (folder / name).with_suffix(".json").write_bytes(sa1b_record.to_bytes(record))
    return images * MASKS_PER_IMAGE


def _record(rng: np.random.Generator) -> Record:
    height, width = IMAGE_HW
    image = ImageRecord(image_id=0, file_name="", width=width, height=height)
    return Record(image=image, annotations=[_annotation(rng, n) for n in range(MASKS_PER_IMAGE)])


def _annotation(rng: np.random.Generator, number: int) -> Annotation:
    """A blob somewhere; as many small ones as SA-1B has."""
    height, width = IMAGE_HW
    while True:
        side = int(np.exp(rng.uniform(np.log(SMALLEST_PX), np.log(LARGEST_PX))))
        blob = _blob(rng, min(side, height), min(int(side * rng.uniform(0.5, 2)), width))
        runs = MaskRuns.of_mask(blob)
        if runs.area():
            break
    left = int(rng.integers(0, width - blob.shape[1] + 1))
    top = int(rng.integers(0, height - blob.shape[0] + 1))
    runs = runs.within(left, top, IMAGE_HW)
    x0, y0, x1, y1 = map(float, runs.box_xyxy())
    return Annotation(
        id=number,
        segmentation=runs.to_rle(),
        bbox=[x0, y0, x1 - x0, y1 - y0],
        area=runs.area(),
        predicted_iou=round(float(rng.uniform(0.88, 1.02)), 4),
        stability_score=round(float(rng.uniform(0.95, 1)), 4),
        crop_box=[0.0, 0.0, float(width), float(height)],
        point_coords=[[(x0 + x1) / 2, (y0 + y1) / 2]],
    )


def _blob(rng: np.random.Generator, height: int, width: int) -> npt.NDArray[np.bool_]:
    """A round thing with a rough border and the odd hole, as a decoder's 256×256 logits give it."""
    cells = 48
    noise = cv2.GaussianBlur(rng.normal(0, 1, (cells, cells)).astype(np.float32), (0, 0), 4)
    y, x = np.mgrid[-1 : 1 : cells * 1j, -1 : 1 : cells * 1j]
    low = (0.75 - np.hypot(x, y)).astype(np.float32) + 2.5 * noise
    return np.asarray(cv2.resize(low, (width, height), interpolation=cv2.INTER_LINEAR) > 0)


def _picture(rng: np.random.Generator) -> bytes:
    height, width = IMAGE_HW
    noise = cv2.resize(rng.integers(0, 255, (60, 90, 3), dtype=np.uint8), (width, height))
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
