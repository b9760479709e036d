"""Pictures of masks in files, and the images that they are drawn on."""

from __future__ import annotations

import io
from pathlib import Path

from PIL import Image

from anymask.core.atomic import writing
from anymask.core.image import RGB, ImageSource, read_image
from anymask.errors import ImageError

FORMATS = {".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG"}  # Pillow's names for endings
QUALITY = 92


def read_image_of(image: ImageSource, image_hw: tuple[int, int]) -> RGB:
    """The pixels of the image that masks belong to.

    Raises ``ImageError``, also for an image of another size.
    """
    pixels = read_image(image)
    if pixels.shape[:2] != tuple(image_hw):
        height, width = pixels.shape[:2]
        raise ImageError(
            f"the image is {width}×{height}, but its masks are {image_hw[1]}×{image_hw[0]}"
        )
    return pixels


def save_picture(picture: Image.Image, target: Path, written_format: str | None = None) -> None:
    """Write a picture as PNG or JPEG, by its ending in ``FORMATS``. Raises ``OutputError``.

    Written to a file by Pillow itself, a JPEG on a full disk is cut off without an error.
    """
    content = io.BytesIO()
    picture.save(content, written_format or FORMATS[target.suffix.lower()], quality=QUALITY)
    with writing(target) as part:
        part.write_bytes(content.getvalue())
