"""Statistics of a dataset, for its card: how many images and masks, of which sizes (§5)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import compress
from typing import Any

import numpy as np

from anymask.core import rle
from anymask.datasets.photographs import LeftOut, Unread
from anymask.datasets.sample import Dataset, Sample
from anymask.errors import Error

QUANTILES = {"lowest": 0.0, "5 %": 0.05, "median": 0.5, "95 %": 0.95, "highest": 1.0}
MOST_NAMED = 10
DIGITS = 6


@dataclass
class _Counts:
    """Counts and sizes of the samples added so far.

    undecided: masks that are no object. left_out: of images that can be read, and of the dataset as
    a whole. per_image: numbers of masks. areas_px, shares: of each
    mask, in pixels and of its image.
    """

    images: int = 0
    undecided: int = 0
    per_image: list[int] = field(default_factory=list)
    width_px: list[int] = field(default_factory=list)
    height_px: list[int] = field(default_factory=list)
    areas_px: list[int] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)
    broken: list[Unread] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)

    def add(self, sample: Sample) -> None:
        """Count an image and its masks."""
        height, width = sample.masks[0]["size"]
        areas = [rle.area(mask) for mask in compress(sample.masks, sample.is_object)]
        self.images += 1
        self.undecided += len(sample.masks) - len(areas)
        self.per_image.append(len(areas))
        self.width_px.append(width)
        self.height_px.append(height)
        self.areas_px += areas
        self.shares += [area / (height * width) for area in areas]
        self.names.update(filter(None, compress(sample.groups, sample.is_object)))


def facts_of(dataset: Dataset, open_images: bool = True) -> Mapping[str, Any]:
    """Numbers of images and masks, their sizes, and what can't be read, as plain JSON values.

    open_images: decode every image, too, which finds broken ones and those that are not of the
    size of their masks, and takes most of the time.
    """
    counts = _Counts(left_out=list(dataset.notes))
    for part in dataset.parts:
        for sample in part.samples():
            if isinstance(sample, LeftOut):
                counts.left_out.append(sample)
                continue
            problem = sample if isinstance(sample, Unread) else _problem(sample, open_images)
            if problem:
                counts.broken.append(problem)
            elif isinstance(sample, Sample):
                counts.add(sample)
    return {
        "data": dataset.location.rstrip("/").rsplit("/", 1)[-1],
        "data_kind": dataset.kind,
        "data_fingerprint": dataset.fingerprint,
        "images": counts.images,
        "masks": len(counts.areas_px),
        "masks_per_image": _quantiles(counts.per_image),
        "width_px": _quantiles(counts.width_px),
        "height_px": _quantiles(counts.height_px),
        "mask_share": _quantiles(counts.shares),
        "mask_px": _quantiles(counts.areas_px),
        "names": _most(counts.names),
        "undecided": counts.undecided,
        "broken": _broken(counts.broken),
        "left_out": _left_out(counts.left_out),
    }


def _problem(sample: Sample, open_image: bool) -> Unread | None:
    """What keeps a sample from being used."""
    try:
        if open_image:
            sample.pixels()
        for mask in sample.masks:
            rle.area(mask)
    except (Error, MemoryError) as error:
        return Unread(sample.name, str(error) or "does not fit in memory")
    return None


def _quantiles(values: list[int] | list[float]) -> dict[str, float]:
    if not values:
        return {}
    quantiles = np.quantile(np.asarray(values, np.float64), list(QUANTILES.values()))
    return {
        name: int(value) if value == int(value) else round(float(value), DIGITS)
        for name, value in zip(QUANTILES, quantiles)
    }


def _most(names: Counter[str]) -> dict[str, int]:
    """The most frequent names, and how many masks have another."""
    named = dict(names.most_common(MOST_NAMED))
    others = len(names) - len(named)
    rest = sum(names.values()) - sum(named.values())
    return {**named, f"of {others} other names": rest} if others else named


def _broken(broken: list[Unread]) -> int | dict[str, Any]:
    """0, or how many images or annotations can't be read, and the first with the reasons."""
    if not broken:
        return 0
    named: dict[str, str] = {}
    for unread in broken[:MOST_NAMED]:
        reason = unread.reason.removeprefix(f"{unread.name} ")
        named[unread.name] = "; ".join(filter(None, (named.get(unread.name), reason)))
    return {"number": len(broken), **named}


def _left_out(left_out: list[LeftOut]) -> int | dict[str, Any]:
    """0, or how many annotations are left out of images that can be read, and the first reasons."""
    if not left_out:
        return 0
    named = {f"{one.name}: {one.reason}": one.annotations for one in left_out[:MOST_NAMED]}
    return {"number": sum(one.annotations for one in left_out), **named}
