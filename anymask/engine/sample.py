"""Sample picture: what the page shows before anybody brought a picture.

Shape legend: H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from anymask.core.image import RGB
from anymask.datasets.photographs import find_photographs
from anymask.errors import Error

PHOTOGRAPH = ("skimage", "data/astronaut.png")  # Eileen Collins, NASA, public domain
DRAWN_NAME = "drawing.png"
DRAWN_HW = (480, 640)


@dataclass(frozen=True)
class SamplePicture:
    """A picture to begin with: the name that its file has, and the content of a PNG."""

    name: str
    content: bytes


def sample_picture() -> SamplePicture:
    """The photograph that an installed scikit-image carries, else a drawing."""
    photograph = _photograph()
    if photograph is not None:
        return SamplePicture(photograph.name, photograph.read_bytes())
    content = BytesIO()
    Image.fromarray(drawing()).save(content, "PNG")
    return SamplePicture(DRAWN_NAME, content.getvalue())


def drawing() -> RGB:
    """A house by a tree under the sun, (H, W, 3): things to click on, whole and in part."""
    height, width = DRAWN_HW
    sky = np.linspace((120, 180, 235), (215, 235, 250), height)[:, None]
    scene: RGB = np.repeat(sky, width, axis=1).astype(np.uint8)
    cv2.rectangle(scene, (0, 340), (width, height), (96, 150, 72), -1)
    cv2.circle(scene, (545, 85), 42, (250, 205, 60), -1, cv2.LINE_AA)
    cv2.rectangle(scene, (110, 220), (330, 390), (200, 120, 92), -1)
    roof = np.array([[90, 220], [220, 120], [350, 220]])
    cv2.fillPoly(scene, [roof], (120, 52, 48), cv2.LINE_AA)
    cv2.rectangle(scene, (195, 300), (245, 390), (84, 58, 44), -1)
    for left in (130, 265):
        cv2.rectangle(scene, (left, 250), (left + 44, 290), (190, 222, 240), -1)
    cv2.rectangle(scene, (478, 270), (502, 400), (104, 72, 48), -1)
    cv2.circle(scene, (490, 225), 78, (52, 112, 58), -1, cv2.LINE_AA)
    for apple in ((455, 205), (500, 180), (525, 240)):
        cv2.circle(scene, apple, 11, (206, 44, 44), -1, cv2.LINE_AA)
    return scene


def picture_of(source: str) -> SamplePicture:
    """A picture of the user's, from a path or URL, as a PNG. Raises ``ImageError``, ``Error``."""
    photographs = find_photographs([source]).photographs
    if len(photographs) != 1:
        raise Error(f"{source} holds {len(photographs)} pictures; the page begins with one")
    photograph = photographs[0]
    content = BytesIO()
    Image.fromarray(photograph.pixels()).save(content, "PNG", compress_level=1)
    return SamplePicture(photograph.file_name, content.getvalue())


def _photograph() -> Path | None:
    package, file = PHOTOGRAPH
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        if (path := Path(folder) / file).is_file():
            return path
    return None
