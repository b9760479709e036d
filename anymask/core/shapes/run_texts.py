"""COCO's texts of run lengths, many at once: what `core.rle` reads one by one.

Shape legend: N texts, B bytes of all of them, V numbers in all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anymask.core.rle import MOST_LETTERS

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]

ZERO, MORE, SIGN, BITS = 48, 32, 16, 5  # of a letter


@dataclass(frozen=True)
class RunLengths:
    """The numbers of N texts, one text after the other.

    lengths: (V,) lengths of runs, of any sign; counts: (N,) how many each text has; is_text: (N,)
    whether it is one. What is no text has no numbers.
    """

    lengths: Numbers
    counts: Numbers
    is_text: Flags


def read_texts(texts: Sequence[bytes]) -> RunLengths:
    """Run lengths of COCO's texts (maskApi.c, ``rleFrString``)."""
    sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    is_text = sizes > 0
    letters, sizes = _letters(texts, sizes)
    good = _are_texts(letters, sizes[sizes > 0])
    is_text[is_text] = good
    if not good.all():
        letters, sizes = _letters([text for text, fits in zip(texts, is_text) if fits], None)
    counts = np.zeros(len(texts), np.int64)
    if len(letters) == 0:
        return RunLengths(np.zeros(0, np.int64), counts, is_text)
    last = np.flatnonzero(letters < MORE)
    ends = np.searchsorted(last, np.cumsum(sizes[sizes > 0]) - 1) + 1
    numbers = np.diff(ends, prepend=0)
    counts[is_text] = numbers
    return RunLengths(_summed(_values(letters, last), numbers), counts, is_text)


def _letters(
    texts: Sequence[bytes], sizes: Numbers | None
) -> tuple[npt.NDArray[np.uint8], Numbers]:
    """(B,) all letters, less 48, and the sizes of the texts."""
    if sizes is None:
        sizes = np.fromiter(map(len, texts), np.int64, len(texts))
    return np.frombuffer(b"".join(texts), np.uint8) - np.uint8(ZERO), sizes


def _are_texts(letters: npt.NDArray[np.uint8], sizes: Numbers) -> Flags:
    """Whether each text has letters of six bits, whole numbers, and none that is too long."""
    if len(letters) == 0:
        return np.ones(len(sizes), bool)
    ends = np.cumsum(sizes)
    good = letters[ends - 1] < MORE
    good &= np.maximum.reduceat(letters, ends - sizes) < 2 * MORE
    is_last = letters < MORE
    is_last[ends - 1] = True  # a broken text does not reach into the next one
    last = np.flatnonzero(is_last)
    too_long = np.diff(last, prepend=-1) > MOST_LETTERS
    if too_long.any():
        good[np.searchsorted(ends, last[too_long], side="right")] = False
    return np.asarray(good)


def _values(letters: npt.NDArray[np.uint8], last: Numbers) -> Numbers:
    """(V,) numbers of letters, five bits each, the lowest first. last: (V,) where each ends."""
    first = np.concatenate([[0], last[:-1] + 1])
    sizes = last - first + 1
    values = (letters[first] & (MORE - 1)).astype(np.int64)
    longer = np.flatnonzero(sizes > 1)
    for place in range(1, int(sizes.max())):
        more = (letters[first[longer] + place] & (MORE - 1)).astype(np.int64)
        values[longer] |= more << (BITS * place)
        longer = longer[sizes[longer] > place + 1]
    negative = np.flatnonzero(letters[last] & SIGN)
    values[negative] -= np.int64(1) << (BITS * sizes[negative])
    return np.asarray(values)


def _summed(values: Numbers, counts: Numbers) -> Numbers:
    """(V,) lengths; from a text's fourth number on, each is a difference to the last but one.

    values: as they are written. counts: (N,) how many each text has, at least one.
    """
    place = np.arange(len(values)) - np.repeat(np.cumsum(counts) - counts, counts)
    odd = place & 1 == 1
    for which, numbers in ((odd, counts // 2), (~odd & (place > 0), (counts - 1) // 2)):
        places = np.flatnonzero(which)
        sums = np.cumsum(values[places])
        before = np.concatenate([[0], sums])[np.cumsum(numbers) - numbers]
        values[places] = sums - np.repeat(before, numbers)
    return values
