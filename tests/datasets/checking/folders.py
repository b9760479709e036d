"""A small SA-1B folder without a fault, to be damaged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from anymask.core import rle
from anymask.datasets.checking.check import check_chunk, open_checkable
from anymask.datasets.checking.faults import Findings
from anymask.datasets.checking.records import CheckOptions
from anymask.datasets.dataset_options import DatasetOptions

HEIGHT, WIDTH = 20, 30
AS_USUAL = CheckOptions()


def annotation(number: int, left: int, top: int, right: int, bottom: int) -> dict[str, Any]:
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top:bottom, left:right] = True
    return {
        "id": number,
        "segmentation": rle.encode(mask),
        "bbox": [left, top, right - left, bottom - top],
        "area": int(mask.sum()),
        "predicted_iou": 0.9,
        "stability_score": 0.95,
        "crop_box": [0, 0, WIDTH, HEIGHT],
        "point_coords": [[left + 0.5, top + 0.5]],
    }


def record(number: int) -> dict[str, Any]:
    image = {
        "image_id": number,
        "file_name": f"sa_{number}.jpg",
        "width": WIDTH,
        "height": HEIGHT,
    }
    masks = [annotation(10, 2, 3, 9, 12), annotation(11, 0, 0, 30, 20), annotation(12, 5, 5, 6, 6)]
    return {"image": image, "annotations": masks}


def write(folder: Path, number: int, content: object) -> None:
    """A record, and its image unless that is there. content: JSON, or the file's text."""
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / f"sa_{number}.jpg").exists():
        Image.new("RGB", (WIDTH, HEIGHT)).save(folder / f"sa_{number}.jpg")
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / f"sa_{number}.json").write_text(text)


def whole(folder: Path, images: int = 2) -> Path:
    for number in range(1, images + 1):
        write(folder, number, record(number))
    return folder


def found(location: object, options: CheckOptions = AS_USUAL, images: str = "") -> Findings:
    checkable = open_checkable(str(location), DatasetOptions(images=images))
    findings = Findings(options.most_named)
    findings.add(checkable.faults)
    for chunk in checkable.chunks:
        findings.merge(check_chunk(chunk, options))
    return findings


def told(findings: Findings) -> set[tuple[str, int | None, str]]:
    """File, mask and kind of each fault that is named."""
    return {
        (fault.file, fault.mask, str(fault.kind))
        for faults in findings.named.values()
        for fault in faults
    }
