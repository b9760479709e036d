"""Propagation: labels of frames that are known, carried to the patches of another frame.

Each patch asks the patches most like it in the frames of a memory, near where it is itself; they
answer by how much of them a label covers (Wang et al. 2019, "Learning correspondence from the
cycle-consistency of time", §4; with DINO's features, arXiv 2104.14294, §4.2.2).

Shape legend: h w patches, L labels and the background, M patches of the memory, C channels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anymask.core.geometry import Floats
from anymask.core.in_context.features import FeatureMap

NEIGHBOURS = 7  # that are asked
TEMPERATURE = 0.07  # of their weights, in cosines
EVERYWHERE = math.inf
OF_KNOWN = 0.35  # what known frames weigh, beside the last ones
MISTAKEN = 0.05  # chance that a memory has a patch's label wrong


@dataclass(frozen=True, eq=False)
class Remembered:
    """A frame whose labels are known. shares: (h, w, L) of each patch, of sum 1.

    reach: how far what was in it has moved at most, of the image's longer side; patches farther
    off are not asked.
    """

    features: FeatureMap
    shares: Floats
    reach: float = EVERYWHERE


def agreed(known: Floats, near: Floats) -> Floats:
    """(h, w, L), of sum 1, of two memories' chances, where both must think a label likely.

    Their weighted geometric mean, after each is allowed to be mistaken. known: of frames that are
    right, and know the thing but not where it is. near: of the last ones, which know where it was
    and may have drifted off it. Neither alone keeps to it.
    """
    count = known.shape[-1]
    slip = MISTAKEN / count
    one, other = (slip + (1 - count * slip) * chances for chances in (known, near))
    both = one**OF_KNOWN * other ** (1 - OF_KNOWN)
    both /= both.sum(axis=-1, keepdims=True)
    # Where both say the same, so does the answer: slips of a whole image would outweigh a small
    # thing in it.
    agreed = np.clip((both - slip) / (1 - count * slip), 0, 1)
    return np.asarray(agreed / agreed.sum(axis=-1, keepdims=True), np.float32)


def propagated(query: FeatureMap, memory: Sequence[Remembered]) -> Floats:
    """(h, w, L) in 0-1, of sum 1: how likely each label is at each patch."""
    hw = query.hw
    cosines = np.concatenate(
        [
            _near(query.patches @ one.features.patches.T, hw, one.features.hw, one.reach)
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


def _near(cosines: Floats, hw: tuple[int, int], memory_hw: tuple[int, int], reach: float) -> Floats:
    """Cosines of patches with those of a frame, -1 for those out of reach."""
    if reach == EVERYWHERE:
        return cosines
    (y, x), (memory_y, memory_x) = (
        np.indices(size).reshape(2, -1) / max(size) for size in (hw, memory_hw)
    )
    distance = np.hypot(y[:, None] - memory_y[None], x[:, None] - memory_x[None])
    return np.where(distance <= reach, cosines, np.float32(-1))
