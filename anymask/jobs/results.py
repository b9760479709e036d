"""Results: what is written for an image, in the format that was asked for."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from anymask.core.annotations import Annotations, Record
from anymask.core.drawing.picture_files import QUALITY
from anymask.core.drawing.plain_masks import label_picture
from anymask.core.image import RGB
from anymask.core.mask_files import mask_folder
from anymask.core.mask_files.coco import coco_file
from anymask.datasets import sa1b_record
from anymask.datasets.photographs import MASK_PICTURES
from anymask.jobs.result_names import NamedResult

RECORDS_FOLDER = ".records"  # of a COCO file in the making, one for each image
LABEL = "label"  # of an annotation in its image's part; the COCO file has its category instead
BEGINNING_BYTES = 1 << 14  # more than what a record says before its masks


class Format(StrEnum):
    """What is written for an image.

    json: an SA-1B record. png: a folder of PNGs with metadata.csv. overlay: a picture of everything
    for people. labels: one picture of instance numbers. coco: its part of one file for all.
    """

    json = "json"
    png = "png"
    overlay = "overlay"
    labels = "labels"
    coco = "coco"

    @property
    def ending(self) -> str:
        """Of a result's name; a folder has none."""
        return {"png": "", "overlay": ".jpg", "labels": ".png"}.get(self, ".json")

    @property
    def is_of_pictures(self) -> bool:
        """Whether results could be taken for photographs."""
        return self in MASK_PICTURES

    def target(self, result: NamedResult, out: Path) -> Path:
        """Where a result lies in the folder of results."""
        return out / RECORDS_FOLDER / result.name if self == Format.coco else out / result.name


@dataclass(frozen=True)
class Rendering:
    """A result before it is written.

    content: of a file, or the record that a folder is made of. hidden: numbers of masks, counted
    from 1, that a picture of labels does not show.
    """

    content: bytes | Record
    hidden: tuple[int, ...] = ()

    def write(self, part: Path) -> None:
        """Write the file or the folder. Raises what the disk raises."""
        if isinstance(self.content, bytes):
            part.write_bytes(self.content)
        else:
            mask_folder.write(self.content, part)


def render(
    form: Format,
    result: NamedResult,
    pixels: RGB,
    annotations: Annotations,
    reasons: Sequence[str] = (),
) -> Rendering:
    """The masks of a photograph in a format. Raises ``OutputError`` for more than it can hold.

    reasons: why there are not more, which a record tells.
    """
    photograph = result.photograph
    record = annotations.record(photograph.file_name, photograph.image_id)
    if form == Format.json:
        told = record if not reasons else Record(**record, reasons=[*reasons])
        return Rendering(sa1b_record.to_bytes(told))
    if form == Format.png:
        return Rendering(record)
    written = io.BytesIO()
    if form == Format.overlay:
        annotations.draw(pixels).save(written, format="JPEG", quality=QUALITY)
        return Rendering(written.getvalue())
    if form == Format.labels:
        segmentations = [annotation["segmentation"] for annotation in annotations]
        labels = label_picture(segmentations, annotations.image_hw)
        labels.image().save(written, format="PNG")
        return Rendering(written.getvalue(), tuple(labels.hidden))
    content = coco_file([annotations.record(result.image_name, photograph.image_id)])
    labelled = [
        {**one, LABEL: annotation["label"]} if LABEL in annotation else one
        for one, annotation in zip(content["annotations"], annotations)
    ]
    part = {"image": content["images"][0], "annotations": labelled}
    return Rendering(json.dumps(part, allow_nan=False).encode() + b"\n")


def is_of(result: NamedResult, target: Path, form: Format) -> bool:
    """Whether what is there under a result's name is of its photograph, as far as it says so."""
    photograph = result.photograph
    if form == Format.json:
        named = {"image_id": photograph.image_id, "file_name": photograph.file_name}
    elif form == Format.coco:
        named = {"id": photograph.image_id, "file_name": result.image_name}
    else:
        return True
    beginning = json.dumps({"image": named}).encode()[:-2]  # without the closing brackets
    try:
        with target.open("rb") as file:
            return file.read(BEGINNING_BYTES).startswith(beginning)
    except OSError:
        return False
