"""Label Studio's brush: run lengths of the bytes of an RGBA picture, packed to the bit.

The format is that of ``@thi.ng/rle-pack``. First 32 bits of the number of values, 5 of the bits of
a value less 1, and four times 4 of the bits of a length less 1. Then, until there are all values: a
bit that says whether one value is repeated, 2 bits that choose one of the four widths of lengths,
the length less 1, and the value, or as many values. The most significant bit is the first.

Shape legend: H W pixels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from anymask.errors import RecordError

CHANNELS = 4
ALPHA = 3
MOST_LENGTH_BITS = 16


def decode(values: object, hw: tuple[int, int]) -> npt.NDArray[np.bool_]:
    """The (H, W) mask of a list of bytes: where alpha is not 0. Raises ``RecordError``."""
    try:
        data = bytes(values if isinstance(values, list) else [-1])
    except (TypeError, ValueError):
        raise RecordError("its brush strokes are no list of bytes") from None
    height, width = hw
    bits = _Bits(data)
    count = bits.read(32)
    if count != height * width * CHANNELS:
        raise RecordError(f"its brush strokes are of {count} values, not of {width}×{height} RGBA")
    value_bits = bits.read(5) + 1
    length_bits = [bits.read(4) + 1 for _ in range(4)]
    shown = np.zeros(count, bool)
    start = 0
    while start < count:
        is_repeated = bits.read(1)
        stop = start + 1 + bits.read(length_bits[bits.read(2)])
        if stop > count:
            raise RecordError("its brush strokes lead out of the image")
        if is_repeated:
            shown[start:stop] = bits.read(value_bits) > 0
        else:
            shown[start:stop] = bits.read_many(stop - start, value_bits)
        start = stop
    mask: npt.NDArray[np.bool_] = shown.reshape(height, width, CHANNELS)[..., ALPHA]
    return mask


def encode(mask: npt.NDArray[np.bool_]) -> list[int]:
    """An (H, W) mask as a list of bytes: the brush's colour and alpha are 255 in it, 0 elsewhere.

    Label Studio shows alpha as it stands, so that a 1 would be there and not be seen.
    """
    flat = mask.reshape(-1)
    edges = np.flatnonzero(flat[1:] != flat[:-1]) + 1
    starts = np.append(0, edges)
    lengths = CHANNELS * np.diff(np.append(starts, flat.size))
    width = max(int(lengths.max()) - 1, 1).bit_length()
    if width > MOST_LENGTH_BITS:  # longer runs are several
        whole, width = 1 << MOST_LENGTH_BITS, MOST_LENGTH_BITS
        pieces = -(-lengths // whole)
        last = lengths - (pieces - 1) * whole
        starts, lengths = np.repeat(starts, pieces), np.full(int(pieces.sum()), whole)
        lengths[np.cumsum(pieces) - 1] = last
    runs = np.empty((len(lengths), 1 + 2 + width + 8), np.uint8)
    runs[:, 0] = 1  # one value repeated
    runs[:, 1:3] = (0, 0)  # the first width
    runs[:, 3 : 3 + width] = (lengths - 1)[:, None] >> np.arange(width)[::-1] & 1
    runs[:, 3 + width :] = flat[starts, None]
    head = f"{CHANNELS * flat.size:032b}{8 - 1:05b}" + f"{width - 1:04b}" * 4
    bits = np.append(np.array(list(head), np.uint8), runs.reshape(-1))
    return np.packbits(bits).tolist()


class _Bits:
    """Bytes to be read bit by bit."""

    def __init__(self, data: bytes) -> None:
        self._data, self._position = data, 0

    def read(self, size: int) -> int:
        """A number of so many bits, at most 32. Raises ``RecordError`` at the end."""
        first, shift = divmod(self._position, 8)
        self._position += size
        if self._position > 8 * len(self._data):
            raise RecordError("its brush strokes are cut off")
        window = int.from_bytes(self._data[first : first + 5].ljust(5, b"\0"))
        return window >> (40 - shift - size) & ((1 << size) - 1)

    def read_many(self, count: int, size: int) -> npt.NDArray[np.bool_]:
        """Which of so many numbers are not 0. Raises ``RecordError`` at the end."""
        first, shift = divmod(self._position, 8)
        self._position += count * size
        if self._position > 8 * len(self._data):
            raise RecordError("its brush strokes are cut off")
        part = np.frombuffer(self._data[first : -(-self._position // 8)], np.uint8)
        numbers = np.unpackbits(part)[shift : shift + count * size].reshape(count, size)
        return np.asarray(numbers.any(axis=1))
