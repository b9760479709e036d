"""Kept masks: of a random sample of a result's rows, the masks themselves, for people to look at.

Which rows, only the seed, the image's name and the mask's number decide: results of several models
keep the answers to the same questions.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from anymask.core import rle
from anymask.core.interaction import Mask
from anymask.evaluation.result import Row

TRUTH, PREDICTED = "truth", "predicted"  # keys of a row, COCO's compressed run lengths


def keep_masks(row: Row, truth: Mask, predicted: Mask) -> None:
    """Put an (H, W) mask and the answer to the first click into the row that tells of them."""
    row[TRUTH], row[PREDICTED] = dict(rle.encode(truth)), dict(rle.encode(predicted))


def thinned(rows: Sequence[Row], most: int, seed: int) -> list[Row]:
    """All rows, at most so many of them with their masks. A smaller sample is part of a larger."""
    with_masks = [row for row in rows if TRUTH in row]
    drawn = {id(row) for row in sorted(with_masks, key=lambda row: _lot(row, seed))[:most]}
    return [row if id(row) in drawn else _without_masks(row) for row in rows]


def asked(rows: Iterable[Row]) -> list[Row]:
    """The rows that have their masks."""
    return [row for row in rows if TRUTH in row and PREDICTED in row]


def _without_masks(row: Row) -> Row:
    return {key: value for key, value in row.items() if key not in (TRUTH, PREDICTED)}


def _lot(row: Row, seed: int) -> bytes:
    text = f"{seed} kept {row['mask']} {row['image']}"
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()
