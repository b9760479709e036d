"""PNG of 16 bits, of which Pillow drops the lower 8 where there is colour or alpha.

Shape legend: H W pixels, C bands.
"""

from __future__ import annotations

import struct

import imagecodecs
import numpy as np
from PIL import Image

from anymask.core.rasters.raster import Alpha, Colour, Raster, upright

MAGIC = b"\x89PNG\r\n\x1a\n"
DEPTH_AT = 24  # of the bit depth in a file; IHDR comes first
SIGNIFICANT_BITS, DATA = b"sBIT", b"IDAT"
ORIENTATION = 0x0112


def is_deep(head: bytes) -> bool:
    """Whether a file that begins so is a PNG of 16 bits a sample."""
    return head.startswith(MAGIC) and head[DEPTH_AT : DEPTH_AT + 1] == b"\x10"


def read(content: bytes, image: Image.Image) -> Raster:
    """A deep PNG. image: the same, as Pillow has it, which knows how to turn it upright."""
    orientation = image.getexif().get(ORIENTATION, 1)
    stored = imagecodecs.png_decode(content)
    values = stored[:, :, None] if stored.ndim == 2 else stored
    bands = values.shape[2]
    return Raster(
        values=upright(values, orientation),
        colour=Colour.grey if bands < 3 else Colour.rgb,
        alpha=Alpha.straight if bands in (2, 4) else Alpha.none,
        said=_range_said(content, values),
    )


def _range_said(
    content: bytes, values: np.ndarray[tuple[int, ...], np.dtype[np.generic]]
) -> tuple[float, float] | None:
    """By sBIT: so many bits, moved up as PNG asks, or left as they are as some write it."""
    bits = _significant_bits(content)
    if bits is None:
        return None
    white = (1 << bits) - 1
    return (0, white) if values.max() <= white else (0, (1 << 16) - 1)


def _significant_bits(content: bytes) -> int | None:
    """The most bits that sBIT gives to a channel."""
    place = len(MAGIC)
    while place + 8 <= len(content):
        size, kind = struct.unpack_from(">I4s", content, place)
        if kind == SIGNIFICANT_BITS:
            bits = max(content[place + 8 : place + 8 + size][:3], default=0)
            return bits if 1 <= bits <= 16 else None
        if kind == DATA:
            return None
        place += size + 12
    return None
