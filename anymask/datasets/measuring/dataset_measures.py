"""Measures of a dataset: what its card says of it, and the distributions of §5 (Fig. 5 and 6).

Memory is bounded: numbers are counted in bins as they come, and ``Spread`` keeps a sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from anymask.datasets.measuring.image_measures import ImageMeasures
from anymask.datasets.measuring.spread import DIGITS, Spread
from anymask.datasets.photographs import LeftOut, Unread
from anymask.datasets.sample import Dataset

MOST_NAMED = 10
GRID = 64  # cells a side of the map of centres
BINS = 50  # of relative size, and of concavity, from 0 to 1
# Relative sizes that are compared with each other: a factor of √2 each, and what is smaller.
STRATA = np.concatenate([[0.0], 2.0 ** np.arange(-8, 0.5, 0.5)])
CROWDING = {"1 to 10": 10, "11 to 50": 50, "51 to 100": 100, "101 to 200": 200}  # Fig. 6, left
CROWDED = "over 200"

Counts = npt.NDArray[np.int64]


@dataclass
class Named:
    """Things that are counted, of which the first are named."""

    number: int = 0
    first: list[Unread] = field(default_factory=list)

    def add(self, unread: Unread, number: int = 1) -> None:
        """Count one, which may stand for several."""
        self.number += number
        if len(self.first) < MOST_NAMED:
            self.first.append(unread)


class DatasetMeasures:
    """What was counted of a dataset so far.

    centres: (GRID, GRID) masks by the row and column of their centre. sizes: (BINS,) masks by
    relative size. strata: (strata, BINS) masks by stratum of relative size and by concavity;
    concavity_sums: (strata,) sums of the concavities themselves. crowding: images by number of
    masks.
    """

    def __init__(self, notes: Iterable[LeftOut] = ()) -> None:
        self.images, self.undecided = 0, 0
        self.per_image, self.width_px, self.height_px = Spread(), Spread(), Spread()
        self.areas_px, self.shares = Spread(), Spread()
        self.relative_sizes, self.concavities = Spread(), Spread()
        self.names: Counter[str] = Counter()
        self.broken, self.left_out = Named(), Named()
        self.centres: Counts = np.zeros((GRID, GRID), np.int64)
        self.sizes: Counts = np.zeros(BINS, np.int64)
        self.strata: Counts = np.zeros((len(STRATA) - 1, BINS), np.int64)
        self.concavity_sums = np.zeros(len(STRATA) - 1)
        self.crowding: Counter[str] = Counter()
        for note in notes:
            self.add(note)

    def add(self, image: ImageMeasures | Unread) -> None:
        """Count an image and its masks, or what can't be read, or is left out."""
        if isinstance(image, LeftOut):
            self.left_out.add(image, image.annotations)
        elif isinstance(image, Unread):
            self.broken.add(image)
        else:
            self._add_image(image)
            self._add_shapes(image)

    @property
    def masks(self) -> int:
        """How many objects."""
        return self.areas_px.count

    def facts(self, dataset: Dataset) -> dict[str, Any]:
        """What a data card says, as plain JSON values."""
        return {
            "data": dataset.location.rstrip("/").rsplit("/", 1)[-1],
            "data_kind": dataset.kind,
            "data_fingerprint": dataset.fingerprint,
            "images": self.images,
            "masks": self.masks,
            "masks_per_image": self.per_image.quantiles(),
            "width_px": self.width_px.quantiles(),
            "height_px": self.height_px.quantiles(),
            "mask_share": self.shares.quantiles(),
            "mask_px": self.areas_px.quantiles(),
            "names": _most(self.names),
            "undecided": self.undecided,
            "broken": _broken(self.broken),
            "left_out": _left_out(self.left_out),
        }

    def distributions(self) -> dict[str, Any]:
        """Figures 5 and 6 of this dataset alone, as plain JSON values: shares of 1."""
        per_stratum = self.strata.sum(axis=1)
        return {
            "mean_masks_per_image": _rounded(self.per_image.mean),
            "images_by_masks": {
                name: _rounded(self.crowding[name] / max(self.images, 1))
                for name in (*CROWDING, CROWDED)
            },
            "relative_size": {
                **self.relative_sizes.quantiles(),
                "mean": _rounded(self.relative_sizes.mean),
                "shares": _shares(self.sizes),
            },
            "concavity": {
                **self.concavities.quantiles(),
                "mean": _rounded(self.concavities.mean),
                "shares": _shares(self.strata.sum(axis=0)),
            },
            "strata": [
                {
                    "relative_size": [_rounded(low), _rounded(high)],
                    "masks": int(count),
                    "mean_concavity": _rounded(total / count) if count else None,
                }
                for low, high, count, total in zip(
                    STRATA, STRATA[1:], per_stratum, self.concavity_sums
                )
            ],
            "centres": [_shares(row, self.masks) for row in self.centres],
        }

    def _add_image(self, image: ImageMeasures) -> None:
        self.images += 1
        self.undecided += image.undecided
        self.names.update(image.names)
        count = len(image.areas)
        self.per_image.add(np.array([count]))
        self.height_px.add(np.array([image.hw[0]]))
        self.width_px.add(np.array([image.hw[1]]))
        self.areas_px.add(image.areas)
        self.shares.add(image.shares)
        fitting = (name for name, most in CROWDING.items() if count <= most)
        self.crowding[next(fitting, CROWDED)] += 1

    def _add_shapes(self, image: ImageMeasures) -> None:
        full = image.areas > 0  # what has no pixel has no shape
        sizes, concavities = image.relative_sizes[full], image.concavities[full]
        self.relative_sizes.add(sizes)
        self.concavities.add(concavities)
        cells = np.minimum((image.centres[full] * GRID).astype(np.int64), GRID - 1)
        np.add.at(self.centres, (cells[:, 1], cells[:, 0]), 1)
        self.sizes += np.bincount(_bins(sizes), minlength=BINS)
        strata = np.searchsorted(STRATA, sizes, side="left") - 1  # (low, high]
        np.add.at(self.strata, (strata, _bins(concavities)), 1)
        self.concavity_sums += np.bincount(strata, concavities, len(STRATA) - 1)


def _bins(values: npt.NDArray[np.float64]) -> Counts:
    return np.minimum((values * BINS).astype(np.int64), BINS - 1)


def _shares(counts: Counts, total: int | None = None) -> list[float]:
    whole = int(counts.sum()) if total is None else total
    return [_rounded(count / whole) if whole else 0.0 for count in counts.tolist()]


def _rounded(value: float | None) -> Any:
    return None if value is None else round(float(value), DIGITS)


def _most(names: Counter[str]) -> dict[str, int]:
    """The most frequent names, and how many masks have another."""
    named = dict(names.most_common(MOST_NAMED))
    others = len(names) - len(named)
    rest = sum(names.values()) - sum(named.values())
    return {**named, f"of {others} other names": rest} if others else named


def _broken(broken: Named) -> int | dict[str, Any]:
    """0, or how many images or annotations can't be read, and the first with the reasons."""
    if not broken.number:
        return 0
    named: dict[str, str] = {}
    for unread in broken.first:
        reason = unread.reason.removeprefix(f"{unread.name} ")
        named[unread.name] = "; ".join(filter(None, (named.get(unread.name), reason)))
    return {"number": broken.number, **named}


def _left_out(left_out: Named) -> int | dict[str, Any]:
    """0, or how many annotations are left out of images that can be read, and the first reasons."""
    if not left_out.first:
        return 0
    named = {
        f"{one.name}: {one.reason}": one.annotations
        for one in left_out.first
        if isinstance(one, LeftOut)
    }
    return {"number": left_out.number, **named}
