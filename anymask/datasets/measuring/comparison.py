"""Datasets side by side: as plain JSON values, and as pictures (§5, Fig. 5 and 6).

Definitions, as far as the paper gives them, and ours where it does not:

* the centre of a mask is the mean of its pixels, as shares of the image's width and height;
* its relative size is √(mask area / image area);
* its concavity is 1 - mask area / area of its convex hull (``core.shapes.hulls``);
* size-stratified sampling: relative sizes are put into strata, each a factor of √2 wide (the first
  has all below 2^-8), and as many masks are drawn from each stratum that all the datasets have
  masks in. Instead of a draw, its expectation is given: the mean over these strata, each counted
  once. So the datasets are compared at one distribution of sizes, and no seed matters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from anymask.core.atomic import make_folder, writing
from anymask.core.drawing.charts import Series, bar_chart, line_chart, maps
from anymask.datasets.measuring.dataset_measures import (
    BINS,
    CROWDED,
    CROWDING,
    GRID,
    STRATA,
    DatasetMeasures,
)
from anymask.datasets.measuring.spread import DIGITS
from anymask.datasets.sample import Dataset

Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class MeasuredDataset:
    """A dataset, what it is called beside others, and what was counted of it."""

    name: str
    dataset: Dataset
    measures: DatasetMeasures


def to_json(measured: Sequence[MeasuredDataset]) -> dict[str, Any]:
    """All numbers, as plain JSON values; shares are of 1."""
    common = common_strata([one.measures for one in measured])
    return {
        "common_strata": [
            [round(float(low), DIGITS), round(float(high), DIGITS)]
            for low, high, is_common in zip(STRATA, STRATA[1:], common)
            if is_common
        ],
        "bins": BINS,
        "grid": GRID,
        "datasets": [_dataset_json(one, common) for one in measured],
    }


def common_strata(measures: Sequence[DatasetMeasures]) -> Flags:
    """Which of the strata have masks of each of the datasets."""
    counts = [one.strata.sum(axis=1) for one in measures]
    return np.asarray(np.min(counts, axis=0) > 0)


def stratified_mean(measures: DatasetMeasures, strata: Flags) -> float | None:
    """Mean concavity after size-stratified sampling from some strata; None without any."""
    counts = measures.strata.sum(axis=1)[strata]
    means = measures.concavity_sums[strata] / counts
    return round(float(means.mean()), DIGITS) if len(means) else None


def stratified_shares(measures: DatasetMeasures, strata: Flags) -> list[float]:
    """The same of each bin of concavity: its share of the masks."""
    chosen = measures.strata[strata]
    if len(chosen) == 0:
        return [0.0] * BINS
    shares = (chosen / chosen.sum(axis=1, keepdims=True)).mean(axis=0)
    return [round(share, DIGITS) for share in shares.tolist()]


def write_pictures(measured: Sequence[MeasuredDataset], folder: Path) -> list[Path]:
    """``centres.svg``, ``masks_per_image.svg``, ``relative_size.svg`` and ``concavity.svg``.

    Raises ``OutputError``.
    """
    make_folder(folder)
    paths = []
    for name, text in _pictures(measured).items():
        paths.append(folder / f"{name}.svg")
        with writing(paths[-1]) as part:
            part.write_text(text)
    return paths


def _dataset_json(one: MeasuredDataset, common: Flags) -> dict[str, Any]:
    distributions = one.measures.distributions()
    distributions["concavity"] |= {
        "mean_stratified": stratified_mean(one.measures, common),
        "shares_stratified": stratified_shares(one.measures, common),
    }
    return {"name": one.name, **one.measures.facts(one.dataset), **distributions}


def _pictures(measured: Sequence[MeasuredDataset]) -> Mapping[str, str]:
    common = common_strata([one.measures for one in measured])
    bounds = [*CROWDING, CROWDED]
    sizes = [_percent(one, one.measures.sizes.tolist()) for one in measured]
    per_image = [
        Series(
            f"{one.name} ({one.measures.per_image.mean or 0:.1f})",
            [100 * one.measures.crowding[key] / max(one.measures.images, 1) for key in bounds],
        )
        for one in measured
    ]
    concavities = [
        Series(
            f"{one.name} ({stratified_mean(one.measures, common) or 0:.3f})",
            [100 * share for share in stratified_shares(one.measures, common)],
        )
        for one in measured
    ]
    names = [name.replace(" to ", "–") for name in bounds]
    return {
        "centres": maps(
            "Centres of masks",
            [(one.name, _coarse(one.measures.centres)) for one in measured],
        ),
        "masks_per_image": bar_chart(
            "Masks per image (mean)", "Number of masks", "Images (%)", names, per_image
        ),
        "relative_size": line_chart(
            "Relative size of masks", "√(mask area / image area)", "Masks (%)", sizes, log=True
        ),
        "concavity": line_chart(
            "Concavity of masks at equal sizes (mean)", "1 − mask area / area of convex hull",
            "Masks (%)", concavities,
        ),
    }  # fmt: skip


def _coarse(centres: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Four cells as one, which fewer masks fill."""
    half = len(centres) // 2
    return np.asarray(centres.reshape(half, 2, half, 2).sum(axis=(1, 3)), np.float64)


def _percent(one: MeasuredDataset, counts: list[int]) -> Series:
    total = max(sum(counts), 1)
    return Series(one.name, [100 * count / total for count in counts])
