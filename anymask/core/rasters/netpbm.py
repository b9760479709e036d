"""Netpbm (PGM, PPM) of more than 8 bits, which Pillow scales down by what the file says is white.

Shape legend: H W pixels, C bands.
"""

from __future__ import annotations

import re

import numpy as np

from anymask.core.rasters.raster import Colour, Raster
from anymask.errors import ImageError

SPACE = rb"(?:\s|#[^\n\r]*[\n\r])+"
HEADER = re.compile(rb"P([2356])" + SPACE + rb"(\d+)" + SPACE + rb"(\d+)" + SPACE + rb"(\d+)\s")
TEXT = (b"2", b"3")
COLOUR = (b"3", b"6")
WHOLE_RANGE = (1 << 16) - 1


def is_deep(head: bytes) -> bool:
    """Whether a file that begins so has samples of 16 bits."""
    header = HEADER.match(head)
    return bool(header) and 255 < int(header[4]) <= WHOLE_RANGE if header else False


def read(content: bytes, name: str) -> Raster:
    """A deep PGM or PPM. Raises ``ImageError``."""
    header = HEADER.match(content)
    assert header
    width, height, white = (int(number) for number in header.groups()[1:])
    bands = 3 if header[1] in COLOUR else 1
    body = content[header.end() :]
    if header[1] in TEXT:
        samples = np.array(re.sub(rb"#[^\n\r]*", b"", body).split(), np.uint16)
    else:
        samples = np.frombuffer(body[: len(body) // 2 * 2], ">u2").astype(np.uint16)
    count = height * width * bands
    if len(samples) < count:
        raise ImageError(f"{name} can't be decoded: it is cut off")
    return Raster(
        values=samples[:count].reshape(height, width, bands),
        colour=Colour.rgb if bands == 3 else Colour.grey,
        said=None if white == WHOLE_RANGE else (0, white),
    )
