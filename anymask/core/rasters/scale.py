"""Scale: how stored values become 8 bits; one rule for every format and for arrays.

White is what the file says. Else it is the end of the smallest of ``BIT_DEPTHS`` that holds
``DEPTH_SHARE`` of the values: sensors store 10 or 12 bits in 16, and a few hot pixels should not
blacken the rest. Black is 0. All channels of an image have the same scale.

Shape legend: H W pixels, C bands.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from anymask.core.read_options import Window
from anymask.errors import ImageError

BIT_DEPTHS = (8, 10, 12, 14, 16)
DEPTH_SHARE = 0.999
AUTO_PERCENTILES = (0.1, 99.9)
MOST_SORTED = 1 << 24  # values whose percentiles are computed; of more, every n-th
ROWS_AT_ONCE = 256
MOVED_UP = (256, 257)  # what 8 bits are multiplied by to fill 16
TELLING_LEVELS = 8  # of which none is anything else than such a product by chance
HINT = (
    "say which values become black and white: --window LOW,HIGH or --window auto "
    "(ReadOptions.window)"
)

Values = npt.NDArray[Any]
EightBits = npt.NDArray[np.uint8]


def to_eight_bits(
    values: Values,
    name: str,
    window: Window | None = None,
    said: tuple[float, float] | None = None,
    nodata: float | None = None,
) -> EightBits:
    """(H, W, C) values as 8 bits.

    window: instead of the rule. said: what the file calls black and white. nodata: a value that
    stands for none: it becomes black. Values beyond black and white are clipped; what is no number
    is black.

    Raises ``ImageError`` for values that have no agreed range.
    """
    if values.dtype == bool:
        values = values.astype(np.uint8) * np.uint8(255)  # Pillow keeps True as any byte
    if values.dtype.kind not in "uif":
        raise ImageError(
            f"{name}: pixels of type {values.dtype} have no agreed range; convert them to uint8 "
            f"0-255 first"
        )
    if values.dtype == np.uint8 and window is None and said is None:
        return values.view(np.uint8)
    if values.dtype == np.uint8:
        nodata = None
    low, high = window if isinstance(window, tuple) else _ends(values, name, window, said, nodata)
    return _stretched(values, low, high, nodata)


def white_of(values: Values) -> int:
    """The end of the bits that values use, which are not below 0 and at most 16 bits."""
    for bits in BIT_DEPTHS[:-1]:
        if _holds(values, (1 << bits) - 1):
            white = (1 << bits) - 1
            break
    else:
        white = (1 << BIT_DEPTHS[-1]) - 1
    is_dark = BIT_DEPTHS[0] < white.bit_length() < BIT_DEPTHS[-1]
    if is_dark and any(_is_moved_up(values, factor) for factor in MOVED_UP):
        return (1 << BIT_DEPTHS[-1]) - 1  # a dark picture of 8 bits, moved up
    return white


def _is_moved_up(values: Values, factor: int) -> bool:
    return not (values % factor).any() and len(np.unique(values // factor)) >= TELLING_LEVELS


def _ends(
    values: Values,
    name: str,
    window: Window | None,
    said: tuple[float, float] | None,
    nodata: float | None,
) -> tuple[float, float]:
    """The values that become black and white. Raises ``ImageError``."""
    known = values if nodata is None else values[values != nodata]
    if known.dtype.kind == "f":
        known = known[np.isfinite(known)] if not np.isfinite(known).all() else known
    if not known.size:
        return 0, 1
    if window == "auto":
        step = max(known.size // MOST_SORTED, 1)
        low, high = np.percentile(known.reshape(-1)[::step], AUTO_PERCENTILES)
        return float(low), float(high)
    if said is not None and _holds(known, said[1]):
        return said
    lowest, highest = known.min().item(), known.max().item()
    if known.dtype.kind == "f":
        raise ImageError(
            f"{name}: pixels of type {values.dtype} have no agreed range; convert them to uint8 "
            f"0-255 first, or {HINT}; they are from {lowest:g} to {highest:g}"
        )
    if lowest < 0 or highest >= 1 << BIT_DEPTHS[-1]:
        raise ImageError(
            f"{name}: pixels from {lowest} to {highest} are neither 8-bit nor 16-bit; {HINT}"
        )
    return 0, white_of(known)


def _holds(values: Values, white: float) -> bool:
    """Whether nearly all values lie at or below white."""
    return bool(np.count_nonzero(values <= white) >= DEPTH_SHARE * values.size)


def _stretched(values: Values, low: float, high: float, nodata: float | None) -> EightBits:
    if values.dtype in (np.uint8, np.uint16):
        levels = np.arange(np.iinfo(values.dtype).max + 1)
        return _levels(levels, low, high, nodata)[values]
    stretched = np.empty(values.shape, np.uint8)
    for row in range(0, len(values), ROWS_AT_ONCE):  # so that float64 is had of a few rows only
        rows = slice(row, row + ROWS_AT_ONCE)
        stretched[rows] = _levels(values[rows], low, high, nodata)
    return stretched


def _levels(values: Values, low: float, high: float, nodata: float | None) -> EightBits:
    width = high - low if high > low else 1
    with np.errstate(invalid="ignore", over="ignore"):
        share = np.nan_to_num((values.astype(np.float64) - low) / width, nan=0.0)
    levels = (np.clip(share, 0, 1) * 255 + 0.5).astype(np.uint8)
    if nodata is not None:
        levels[values == nodata] = 0
    return levels
