"""Run lengths of texts as encoders write them: the fast way beside ``run_texts``.

Whatever is unusual in any of the texts is left to that: broken ones, numbers of more than 30 bits.

Shape legend: N texts, B bytes of all of them, V numbers, U pairs of a run outside and one inside.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from anymask.core.shapes.run_texts import BITS, MORE, SIGN, ZERO, Numbers

Narrow = npt.NDArray[np.int32]

LETTERS = 6  # of a number, at most: 30 bits
MOST_PIXELS = 1 << 29  # so that no sum of such numbers wraps around unseen


class Runs(NamedTuple):
    """The runs of N masks. starts, stops: (R,) places; counts: (N,) how many each has."""

    starts: Numbers
    stops: Numbers
    counts: Numbers


def read_usual(texts: Sequence[bytes], pixels: int) -> Runs | None:
    """The runs of N masks of so many pixels; None if any of the texts is unusual, or fills another.

    Numbers alternate between outside and inside, and are differences to the last but one from a
    text's third, or fourth, on. As pairs they are two columns that are summed at once.
    """
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    if len(texts) == 0 or sizes.min() == 0 or pixels >= MOST_PIXELS:
        return None
    letters = np.frombuffer(b"".join(texts), np.uint8) - np.uint8(ZERO)
    is_last = letters < MORE
    ends = np.cumsum(sizes)
    if letters.max() >= 2 * MORE or not is_last[ends - 1].all():
        return None
    last = np.flatnonzero(is_last)
    values = _values(letters, last)
    if values is None:
        return None
    numbers = np.diff(np.searchsorted(last, ends - 1) + 1, prepend=0)
    return _runs(_padded(values, numbers), numbers, pixels)


def _values(letters: npt.NDArray[np.uint8], last: Numbers) -> Narrow | None:
    """(V,) numbers that end at ``last``, from their last letter, which has the sign, to the first.

    None if one is too long. Numbers of up to three letters, nearly all, are made at every letter in
    16 bits, and taken where numbers end: that is faster than choosing first.
    """
    # What precedes a number is the end of another; before the first stands the end of the last.
    lower, goes_on = letters, letters < MORE
    every = (letters ^ np.uint8(SIGN)).astype(np.int16) - np.int16(SIGN)
    for _ in range(2):
        lower = _moved(lower)
        goes_on = goes_on & (lower >= MORE)
        longer = (every << BITS) | (lower & np.uint8(MORE - 1))
        every += goes_on.view(np.int8) * (longer - every)
    values = every.take(last).astype(np.int32)
    places = np.flatnonzero(goes_on & (_moved(lower) >= MORE))
    numbers = np.searchsorted(last, places)
    for back in range(3, LETTERS + 1):
        if len(places) == 0:
            return np.asarray(values)
        digits = letters[places - back] & np.uint8(MORE - 1)
        values[numbers] = (values[numbers] << BITS) | digits
        is_longer = letters[places - back - 1] >= MORE
        numbers, places = numbers[is_longer], places[is_longer]
    return None


def _moved(letters: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    """At each place the letter before."""
    return np.concatenate([letters[-1:], letters[:-1]])


def _padded(values: Narrow, numbers: Numbers) -> Narrow:
    """(U, 2) the numbers in pairs, with a 0 behind each text of an odd number of them."""
    odd = np.cumsum(numbers)[numbers % 2 == 1]
    places = [0, *odd.tolist(), len(values)]
    zero = np.zeros(1, np.int32)
    parts = [x for a, b in itertools.pairwise(places) for x in (values[a:b], zero)][:-1]
    return np.concatenate(parts).reshape(-1, 2)


def _runs(pairs: Narrow, numbers: Numbers, pixels: int) -> Runs | None:
    """pairs: (U, 2); numbers: (N,) how many each text has. None if one does not fill the pixels."""
    counts = (numbers + 1) // 2
    ends = np.cumsum(counts)
    firsts = ends - counts
    outside, inside = pairs[:, 0].copy(), pairs[:, 1]
    leading = outside[firsts]  # which no later number adds to
    outside[firsts] = 0
    outside, inside = (_sums_by_text(x, firsts, counts) for x in (outside, inside))
    outside[firsts] = leading
    inside[ends[numbers % 2 == 1] - 1] = 0
    if min(outside.min(), inside.min()) < 0 or max(outside.max(), inside.max()) > pixels:
        return None
    edges = np.cumsum(outside + inside, dtype=np.int64)
    before = np.concatenate([[0], edges[ends[:-1] - 1]])
    if (edges[ends - 1] - before != pixels).any():
        return None
    stops = edges - np.repeat(before, counts)
    starts = stops - inside
    empty = np.flatnonzero(inside == 0)
    if len(empty):
        full = inside != 0
        starts, stops = starts[full], stops[full]
        counts = counts - np.bincount(np.searchsorted(ends, empty, "right"), minlength=len(counts))
    return Runs(starts, stops, counts)


def _sums_by_text(values: Narrow, firsts: Numbers, counts: Numbers) -> Narrow:
    """(U,) sums up to each value, of its own text alone."""
    sums = np.cumsum(values, dtype=np.int32)
    before = sums[firsts] - values[firsts]
    return np.asarray(sums - np.repeat(before, counts))
