"""Propagation: labels of frames that are known, carried to the patches of another frame.

Each patch asks the patches most like it in the frames of a memory, near where it is itself; they
answer by how much of them a label covers (Wang et al. 2019, "Learning correspondence from the
cycle-consistency of time", §4; with DINO's features, arXiv 2104.14294, §4.2.2).

Shape legend: h w patches, L labels and the background, M patches of the memory, C channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anymask.core.geometry import Floats
from anymask.core.in_context.features import FeatureMap

NEIGHBOURS = 7  # that are asked
TEMPERATURE = 0.07  # of their weights, in cosines
REACH = 0.35  # of the longer side: how far things move from frame to frame at most


@dataclass(frozen=True, eq=False)
class Remembered:
    """A frame whose labels are known. shares: (h, w, L) of each patch, of sum 1.

    everywhere: whether it may be asked about any place, not only near ones: what was learned of it
    long ago may have moved anywhere.
    """

    features: FeatureMap
    shares: Floats
    everywhere: bool = False


def propagated(query: FeatureMap, memory: Sequence[Remembered]) -> Floats:
    """(h, w, L) in 0-1, of sum 1: how likely each label is at each patch."""
    hw = query.hw
    cosines = np.concatenate(
        [
            _near(query.patches @ one.features.patches.T, hw, one.features.hw, one.everywhere)
            for one in memory
        ],
        axis=1,
    )
    shares = np.concatenate([one.shares.reshape(-1, one.shares.shape[2]) for one in memory])
    count = min(NEIGHBOURS, cosines.shape[1])
    chosen = np.argpartition(cosines, -count, axis=1)[:, -count:]
    best = np.take_along_axis(cosines, chosen, axis=1)
    weights = np.exp((best - best.max(axis=1, keepdims=True)) / TEMPERATURE)
    weights /= weights.sum(axis=1, keepdims=True)
    answer = (weights[..., None] * shares[chosen]).sum(axis=1)
    return np.asarray(answer.reshape(*hw, -1), np.float32)


def _near(
    cosines: Floats, hw: tuple[int, int], memory_hw: tuple[int, int], everywhere: bool
) -> Floats:
    """Cosines of patches with those of a frame, -1 for those out of reach."""
    if everywhere:
        return cosines
    (y, x), (memory_y, memory_x) = (
        np.indices(size).reshape(2, -1) / max(size) for size in (hw, memory_hw)
    )
    distance = np.hypot(y[:, None] - memory_y[None], x[:, None] - memory_x[None])
    return np.where(distance <= REACH, cosines, np.float32(-1))
