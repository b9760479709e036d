"""Shard of a release: a tar of images and records, the same bytes for the same content."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from typing import IO, Any

from PIL import Image

from anymask.core import rle
from anymask.core.image import RGB
from anymask.core.rle import RLE

JPEG_QUALITY = 95
FILE_MODE = 0o644


def shard_name(number: int) -> str:
    """``sa_000000.tar`` for 0, as SA-1B names its shards."""
    return f"sa_{number:06d}.tar"


def jpeg_of(pixels: RGB) -> bytes:
    """(H, W, 3) pixels as a JPEG file that says nothing but them."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="JPEG", quality=JPEG_QUALITY)
    return content.getvalue()


def record_of(
    image_id: int,
    hw: tuple[int, int],
    masks: Iterable[tuple[RLE, Mapping[str, float]]],
    first_mask_id: int,
    more: Mapping[str, Any],
) -> bytes:
    """SA-1B's record of an image; what nobody knows of a mask, as its score, is left out.

    masks: with their scores. more: what is said of the image beyond SA-1B's own keys.
    """
    height, width = hw
    image = {"image_id": image_id, "width": width, "height": height}
    annotations = [
        {
            "id": first_mask_id + number,
            "segmentation": mask,
            "bbox": rle.bbox_xywh(mask),
            "area": rle.area(mask),
            **scores,
            "crop_box": [0.0, 0.0, float(width), float(height)],
        }
        for number, (mask, scores) in enumerate(masks)
    ]
    record = {"image": {**image, "file_name": f"sa_{image_id}.jpg", **more}}
    return json.dumps({**record, "annotations": annotations}).encode() + b"\n"


class Shard:
    """A tar that is being written: no times, no owners, members in the order they come."""

    def __init__(self, file: IO[bytes]) -> None:
        self._tar = tarfile.TarFile(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT)

    def add(self, image_id: int, image: bytes, record: bytes) -> None:
        """Add an image and its record, which follow each other."""
        for ending, content in ((".jpg", image), (".json", record)):
            entry = tarfile.TarInfo(f"sa_{image_id}{ending}")
            entry.size, entry.mode = len(content), FILE_MODE
            self._tar.addfile(entry, io.BytesIO(content))
            # tarfile keeps every entry, which would grow with the shard.
            self._tar.members.clear()  # type: ignore[attr-defined]

    def close(self) -> None:
        """Write the mark at the end."""
        self._tar.close()
