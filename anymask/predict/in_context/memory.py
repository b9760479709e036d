"""Memory: the frames of a film that a Follower asks where labelled things are.

Shape legend: H W pixels, h w patches, L labels and the background.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anymask.core.geometry import Floats
from anymask.core.in_context.features import FeatureMap, patch_shares
from anymask.core.in_context.palette import Labels
from anymask.core.in_context.propagation import Remembered, agreed, propagated

RECENT = 4  # frames that are remembered beside those that are known
# How far things may have moved, of the image's longer side: at least, at most, and as many times as
# far as they did between the last two frames.
LEAST_REACH, MOST_REACH, SURPRISE = 0.08, 0.35, 2.0


@dataclass(frozen=True, eq=False)
class _Answered:
    """A frame as it was answered. number: in the film; places: as of ``_places``."""

    number: int
    features: FeatureMap
    shares: Floats
    places: Floats


class Memory:
    """Frames that are known to be right, and the last ones as they were answered.

    A label must be likely by both: the known ones say what the thing is, wherever it is by now, the
    last ones where it was, near which alone they are asked. Either alone goes astray: what is known
    is like other things of the kind, and small errors of the last frames add up. What was in none
    of the last frames is looked for everywhere.
    """

    def __init__(self, known: Sequence[tuple[FeatureMap, Labels]], count: int) -> None:
        """known: features and labels (H, W), the first frame's first; count: L."""
        self.count = count
        self._known = [
            Remembered(features, _shares(features, labels, count)) for features, labels in known
        ]
        features, labels = known[0]
        self._recent: deque[_Answered] = deque(maxlen=RECENT)
        self._asked: tuple[FeatureMap, Floats] | None = None
        self.remember(0, features, labels)

    def chances(self, number: int, features: FeatureMap) -> Floats:
        """(h, w, L) in 0-1, of sum 1: how likely each label is at each patch of a frame."""
        known = self._by_known(features)
        recent = [one for one in self._recent if number - one.number <= RECENT]
        near = known.copy()
        if recent:
            remembered = [
                Remembered(one.features, one.shares, self._reach(number - one.number))
                for one in recent
            ]
            is_there = np.any([~np.isnan(one.places[:, 0]) for one in recent], axis=0)
            is_asked = np.concatenate([[True], is_there])  # the background is always there
            near[..., is_asked] = propagated(features, remembered)[..., is_asked]
            near /= near.sum(axis=-1, keepdims=True)
        return agreed(known, near)

    def remember(self, number: int, features: FeatureMap, labels: Labels) -> None:
        """A frame as it was answered.

        Where the known frames say otherwise than its labels (H, W), neither is believed alone. So
        what is remembered depends on them and on the labels, and on no frame between: a film that
        was stopped goes on as it would have.
        """
        drawn = _shares(features, labels, self.count)
        shares = drawn
        if number > 0:
            shares = np.asarray((drawn + self._by_known(features)) / 2, np.float32)
        self._recent.append(_Answered(number, features, shares, _places(drawn)))

    def _by_known(self, features: FeatureMap) -> Floats:
        """What known frames say of a frame: asked before it is answered, and when it is kept."""
        if self._asked is None or self._asked[0] is not features:
            self._asked = features, propagated(features, self._known)
        return self._asked[1]

    def _reach(self, frames: int) -> float:
        """How far things may have moved in so many frames, by how far they did in the last ones."""
        if len(self._recent) < 2:
            return MOST_REACH
        before, last = self._recent[-2], self._recent[-1]
        moved = np.linalg.norm(last.places - before.places, axis=1)
        step = float(np.max(moved, initial=0.0, where=~np.isnan(moved)))
        pace = SURPRISE * step / (last.number - before.number)
        return min(LEAST_REACH + pace * frames, MOST_REACH)


def _shares(features: FeatureMap, labels: Labels, count: int) -> Floats:
    """(h, w, L) how much of each patch each label covers, the background first."""
    shares = [patch_shares(labels == label, features.hw) for label in range(count)]
    return np.stack(shares, axis=-1)


def _places(shares: Floats) -> Floats:
    """(L - 1, 2) YX middles of labels, of the longer side; NaN for those that are nowhere."""
    hw = shares.shape[:2]
    rows, columns = (np.indices(hw) + 0.5) / max(hw)
    total = shares[..., 1:].sum(axis=(0, 1))
    with np.errstate(invalid="ignore"):
        middles = [
            (shares[..., 1:] * one[..., None]).sum(axis=(0, 1)) / total for one in (rows, columns)
        ]
    return np.stack(middles, axis=1).astype(np.float32)
