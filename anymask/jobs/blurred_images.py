"""Blurred images: a folder of photographs again, with faces and plates blurred.

Each image appears whole under its own name, after what was found in it; a job may be killed, run
again and shared by processes. The photographs themselves are only read.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image

from anymask.core.atomic import writing
from anymask.core.image import RGB
from anymask.datasets.photographs import Photograph
from anymask.errors import Error, OutputError
from anymask.jobs.folder import JobFolder
from anymask.predict.blurring.blur import blur_image
from anymask.predict.blurring.detections import Detections, Detector

SETTINGS_FILE, PARTS_FOLDER = ".anymask-blur", ".parts"
BOXES_FOLDER, REPORT = ".boxes", "boxes.json"
JPEG_QUALITY = 95
# What an image can be written as again: Pillow's name, and how.
FORMATS: dict[str, tuple[str, Mapping[str, Any]]] = {
    **dict.fromkeys((".jpg", ".jpeg", ".jfif"), ("JPEG", {"quality": JPEG_QUALITY})),
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"quality": JPEG_QUALITY}),
    ".bmp": ("BMP", {}),
    ".tif": ("TIFF", {"compression": "tiff_lzw"}),
    ".tiff": ("TIFF", {"compression": "tiff_lzw"}),
}


@dataclass(frozen=True, slots=True)
class BlurOutcome:
    """What became of one photograph.

    is_new: whether it was done now. found: how many boxes, by what they are of. reason: why it
    could not be done.
    """

    name: str
    is_new: bool = False
    found: Mapping[str, int] | None = None
    reason: str = ""


def blur_all(
    photographs: Sequence[Photograph],
    out: Path,
    detectors: Mapping[str, Detector],
    settings: Mapping[str, Any],
    thorough: bool = False,
) -> Iterator[BlurOutcome]:
    """Blur all photographs that are not done yet; an outcome for each, and a report at the end.

    settings: plain JSON values that say what all images have in common. thorough: as
    ``blur_image`` takes it. Images are written upright, in 8 bits and without any metadata: an
    EXIF thumbnail shows what the image no longer does.

    Raises ``Error`` for a folder of other settings or with files in it, and ``OutputError``.
    """
    folder = JobFolder(out, SETTINGS_FILE, PARTS_FOLDER)
    targets = [out / one.name for one in photographs]
    settings = {**settings, "thorough": thorough}
    folder.agree(settings, partial(_check_new, targets))
    attempt = partial(_attempt, folder, detectors, thorough)
    yield from folder.go_through(photographs, attempt, _give_up)
    _report(out, photographs, settings)


def plain_file(pixels: RGB, ending: str) -> bytes:
    """Pixels (H, W, 3) as a file in the format of a name's ending, and nothing about them.

    Pillow itself would write a file on a full disk short without an error.
    """
    form, options = FORMATS[ending]
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format=form, **options)
    return content.getvalue()


def boxes_json(found: Mapping[str, Detections]) -> dict[str, list[dict[str, Any]]]:
    """What was found, as JSON: boxes XYWH in pixels of the image, and scores."""
    return {
        kind: [
            {
                "bbox": [round(float(v), 1) for v in (x0, y0, x1 - x0, y1 - y0)],
                "score": round(float(score), 4),
            }
            for (x0, y0, x1, y1), score in zip(detections.boxes_xyxy, detections.scores)
        ]
        for kind, detections in found.items()
    }


def _attempt(
    folder: JobFolder, detectors: Mapping[str, Detector], thorough: bool, photograph: Photograph
) -> BlurOutcome | None:
    """The outcome of a photograph; None while another process has it in hand."""
    name, ending = photograph.name, os.path.splitext(photograph.name)[1].lower()
    if ending not in FORMATS:
        known = ", ".join(FORMATS)
        return BlurOutcome(name, reason=f"{name} can't be written again as what it is; {known} can")
    target = folder.path / name
    with folder.claim(target) as part:
        if part is None:
            return _done(folder.path, name) if os.path.lexists(target) else None
        try:
            pixels, found = blur_image(photograph.pixels(), detectors, thorough)
        except MemoryError:
            return BlurOutcome(name, reason=f"{name} does not fit in memory")
        except Error as error:
            return BlurOutcome(name, reason=str(error))
        _write_boxes(folder.path, name, pixels.shape[:2], found)  # before the image is there
        part.write_bytes(plain_file(pixels, ending))
    return BlurOutcome(name, True, {kind: len(boxes) for kind, boxes in found.items()})


def _done(out: Path, name: str) -> BlurOutcome:
    """Of a photograph that was done before."""
    try:
        entry = json.loads((out / BOXES_FOLDER / f"{name}.json").read_bytes())
    except (OSError, ValueError) as error:
        return BlurOutcome(name, reason=f"{name} is there, but not what was found in it: {error}")
    return BlurOutcome(name, False, {k: len(v) for k, v in entry.items() if isinstance(v, list)})


def _write_boxes(
    out: Path, name: str, hw: tuple[int, ...], found: Mapping[str, Detections]
) -> None:
    path = out / BOXES_FOLDER / f"{name}.json"
    entry = {"name": name, "width": hw[1], "height": hw[0], **boxes_json(found)}
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{path} can't be written: {error.strerror or error}") from None
    with writing(path) as part:
        part.write_text(json.dumps(entry) + "\n")


def _report(out: Path, photographs: Iterable[Photograph], settings: Mapping[str, Any]) -> None:
    """Write what was found in all images that are done, an image a line."""
    with writing(out / REPORT) as part, part.open("w") as file:
        file.write(f'{{"settings": {json.dumps(settings)},\n"images": [')
        comma = "\n"
        for photograph in photographs:
            boxes = out / BOXES_FOLDER / f"{photograph.name}.json"
            if boxes.is_file():
                file.write(comma + boxes.read_text().strip())
                comma = ",\n"
        file.write("\n]}\n")


def _check_new(targets: Iterable[Path]) -> None:
    there = next(filter(os.path.lexists, targets), None)
    if there is not None:
        raise OutputError(f"{there} is there already, and would be lost; name a new folder")


def _give_up(photograph: Photograph) -> BlurOutcome:
    name = photograph.name
    return BlurOutcome(name, reason=f"{name} has been in another process's hands for too long")
