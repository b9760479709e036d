"""JPEG 2000 of more than 8 bits or of other bands than Pillow knows, by imagecodecs (OpenJPEG).

Shape legend: H W pixels, C bands.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import imagecodecs

from anymask.core.rasters.raster import Alpha, Colour, Raster, check_size, rgb_of_cmyk
from anymask.errors import ImageError

BOXES, CODESTREAM = b"\0\0\0\x0cjP  \r\n\x87\n", b"\xff\x4f\xff\x51"
MAGIC = (BOXES, CODESTREAM)
CHANNELS = b"cdef"
INKS, CMYK = 4, b"colr\x01\0\0\0\0\0\x0c"  # an enumerated colour space (ISO 15444-2, M.11.7.3)
SIZE_AT, COUNT_AT, COMPONENTS_AT = 8, 40, 42  # bytes behind the codestream's start (ISO 15444-1)
NUMPY_BITS = (8, 16)


def is_deep_or_banded(content: bytes, name: str) -> bool:
    """Whether Pillow does not read a JPEG 2000 right.

    Raises ``ImageError`` for more pixels than may be.
    """
    header = _header(content)
    if header is None:
        return False
    check_size(header.width, header.height, name)
    return header.bits > 8 or header.bands not in (1, 3)


def read(content: bytes) -> Raster:
    """Values as they are stored; inks as RGB. Raises ``ImageError``."""
    header = _header(content)
    assert header
    stored = imagecodecs.jpeg2k_decode(content)
    values = stored[:, :, None] if stored.ndim == 2 else stored
    if header.bands == INKS and CMYK in content[: header.start]:
        if header.bits not in NUMPY_BITS:
            raise ImageError(f"inks of {header.bits} bits are not read")
        return Raster(rgb_of_cmyk(values, Alpha.none), Colour.rgb, is_lossy=True)
    is_transparent = header.bands in (2, 4) and _has_alpha(content[: header.start])
    colours = header.bands - is_transparent
    return Raster(
        values=values,
        colour={1: Colour.grey, 3: Colour.rgb}.get(colours, Colour.unknown),
        alpha=Alpha.straight if is_transparent else Alpha.none,
        said=None if header.bits in NUMPY_BITS else (0, (1 << header.bits) - 1),
        is_lossy=True,
        bands_said="none of them is alpha",
    )


@dataclass(frozen=True)
class Header:
    """What a codestream says of its image. start: of the codestream in the file."""

    start: int
    width: int
    height: int
    bands: int
    bits: int


def _header(content: bytes) -> Header | None:
    start = content.find(CODESTREAM)
    if start < 0 or len(content) < start + COMPONENTS_AT + 3:
        return None
    right, lower, left, upper = struct.unpack_from(">IIII", content, start + SIZE_AT)
    (bands,) = struct.unpack_from(">H", content, start + COUNT_AT)
    depths = content[start + COMPONENTS_AT : start + COMPONENTS_AT + 3 * bands : 3]
    bits = max((depth & 0x7F) + 1 for depth in depths)
    return Header(start, right - left, lower - upper, bands, bits)


def _has_alpha(boxes: bytes) -> bool:
    """Whether a channel definition calls the last channel opacity."""
    start = boxes.find(CHANNELS)
    if start < 0:
        return False
    body = boxes[start + len(CHANNELS) :]
    (count,) = struct.unpack_from(">H", body)
    kinds = [struct.unpack_from(">HHH", body, 2 + 6 * number) for number in range(count)]
    return any(kind in (1, 2) for channel, kind, _ in kinds if channel == count - 1)
