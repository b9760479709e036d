"""LZW of TIFF, by libtiff: imagecodecs (2026.3.6) ends the process for some damaged streams."""

from __future__ import annotations

import io
import struct
import warnings

from PIL import Image

LONG, LZW_CODE = 4, 5  # numbers of TIFF 6.0: a type of tags, a compression
HEADER_BYTES, TAG_BYTES = 8, 12


def decompress(compressed: bytes, size: int) -> bytes:
    """``size`` bytes of a strip or a tile, its predictor not yet undone.

    Raises what Pillow raises for a stream that is damaged or shorter.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        with Image.open(io.BytesIO(_as_file(compressed, size))) as image:
            return image.tobytes()


def _as_file(compressed: bytes, size: int) -> bytes:
    """The stream as the only strip of a grey picture of a single line."""
    values = {
        256: size,  # ImageWidth
        257: 1,  # ImageLength
        258: 8,  # BitsPerSample
        259: LZW_CODE,  # Compression
        262: 1,  # PhotometricInterpretation: 0 is black
        273: 0,  # StripOffsets
        277: 1,  # SamplesPerPixel
        278: 1,  # RowsPerStrip
        279: len(compressed),  # StripByteCounts
    }
    values[273] = HEADER_BYTES + 2 + TAG_BYTES * len(values) + 4
    tags = b"".join(struct.pack("<HHII", tag, LONG, 1, value) for tag, value in values.items())
    directory = struct.pack("<H", len(values)) + tags + struct.pack("<I", 0)
    return b"II*\0" + struct.pack("<I", HEADER_BYTES) + directory + compressed
