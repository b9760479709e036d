"""Average recall of object proposals, as COCO counts it without categories (§7.3, §D.3).

Proposals are matched to truths greedily, the surest first, at ten IoU thresholds each. What one
truth adds to the averages is how many of the ten it was matched at, so that images can be looked
at one by one.

Shape legend: D proposals, the surest first, G truths, T thresholds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from anymask.core.detecting.matching import matched_by

THRESHOLDS = np.linspace(0.5, 0.95, 10)
# Pixels of a mask; COCO counts one that lies on a limit on both sides.
AREAS = {"small": (0.0, 32.0**2), "medium": (32.0**2, 96.0**2), "large": (96.0**2, 1e10)}
FREQUENCIES = {"f": "frequent", "c": "common", "r": "rare"}  # LVIS's letters
MATCHED = "matched_"  # what the fields of a truth begin with; the metrics have "ar_" instead

Numbers = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def matched_at(iou: npt.NDArray[np.float64], limits: Sequence[int]) -> Numbers:
    """At how many thresholds one of the first k of (D, G) is matched to a truth: (limits, G)."""
    matched = matched_by(iou[: max(limits)], THRESHOLDS)
    return np.array([np.count_nonzero(matched < limit, axis=0) for limit in limits], np.int64)


def truth_fields(
    iou: npt.NDArray[np.float64],
    areas: npt.ArrayLike,
    frequencies: Sequence[str | None],
    limits: Sequence[int],
) -> list[dict[str, int]]:
    """What each of G truths adds to the averages: ``matched_10``, …, ``matched_1000_small``, ….

    iou: (D, G); areas: (G,) pixels; frequencies: LVIS's letters. For an area or a frequency, only
    the truths that have it are matched, with most proposals: COCO ignores the others, which keeps
    no proposal from a truth that counts, and so does the paper (§D.3).
    """
    fields: list[dict[str, int]] = [
        {f"{MATCHED}{limit}": int(count) for limit, count in zip(limits, counts)}
        for counts in matched_at(iou, limits).T
    ]
    most = max(limits)
    for name, among in _subsets(areas, frequencies).items():
        (counts,) = matched_at(iou[:, among], [most])
        for truth, count in zip(np.flatnonzero(among), counts):
            fields[truth][f"{MATCHED}{most}_{name}"] = int(count)
    return fields


def average_recalls(rows: Sequence[Mapping[str, Any]]) -> Iterator[tuple[str, float]]:
    """``ar_10`` and so on, each over the truths whose rows have its field."""
    names = dict.fromkeys(key for row in rows for key in row if key.startswith(MATCHED))
    for name in names:
        counts = [row[name] for row in rows if name in row]
        yield f"ar_{name.removeprefix(MATCHED)}", sum(counts) / (len(counts) * len(THRESHOLDS))


def _subsets(areas: npt.ArrayLike, frequencies: Sequence[str | None]) -> dict[str, Mask]:
    """Which of G truths are of each range of areas and each frequency, if any is."""
    px = np.asarray(areas, np.float64)
    by_name: dict[str, Mask] = {
        name: np.asarray((px >= low) & (px <= high)) for name, (low, high) in AREAS.items()
    }
    for letter, name in FREQUENCIES.items():
        by_name[name] = np.array([frequency == letter for frequency in frequencies], bool)
    return {name: among for name, among in by_name.items() if among.any()}
