"""Orders: which images are annotated first, from what is known of each. Pure arithmetic.

Shape legend: N images, K images that are annotated, C channels.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from anymask.core.geometry import Floats

Order = npt.NDArray[np.intp]
Thing = TypeVar("Thing")


def random_order(names: Sequence[str], seed: int) -> Order:
    """An order that names and a seed decide: what comes later changes nothing between others."""
    digests = [hashlib.sha256(f"{seed} ".encode() + _bytes(name)).digest() for name in names]
    return np.array(sorted(range(len(names)), key=digests.__getitem__), np.intp)


def falling_order(scores: npt.ArrayLike) -> Order:
    """From the highest of (N,) scores on; equal ones as they stand."""
    return np.argsort(-np.asarray(scores, np.float64), kind="stable")


def farthest_first(features: Floats, known: Floats, most: int) -> Order:
    """Each image the least like those before it and those that are known: greedy k-center.

    features: (N, C) of the images; known: (K, C) of those that are annotated, K may be 0. Distances
    are Euclidean. Where nothing is known, the first one is the most like the mean. most: how many
    are chosen so, at a cost of N each; the rest follow by their distance to what was chosen.
    Gonzalez (1985); Sener and Savarese, *Active Learning for Convolutional Neural Networks: A
    Core-Set Approach* (2018).
    """
    count, chosen = len(features), list[int]()
    if count == 0:
        return np.zeros(0, np.intp)
    nearest = np.full(count, np.inf)
    for one in known:
        nearest = np.minimum(nearest, _distances(features, one))
    while len(chosen) < min(most, count):
        if np.isposinf(nearest).any():  # nothing is known yet
            best = int(np.argmin(_distances(features, features.mean(0))))
        else:
            best = int(np.argmax(nearest))
        chosen.append(best)
        nearest = np.minimum(nearest, _distances(features, features[best]))
        nearest[best] = -np.inf
    rest = falling_order(nearest)[: count - len(chosen)]
    return np.array([*chosen, *rest], np.intp)


def spread(several: Sequence[Thing], among: Sequence[Thing]) -> list[Thing]:
    """Both in one, each in its order, ``several`` evenly spread over the whole."""
    places = [((n + 0.5) / len(several), 0, thing) for n, thing in enumerate(several)]
    places += [((n + 0.5) / len(among), 1, thing) for n, thing in enumerate(among)]
    return [thing for _, _, thing in sorted(places, key=lambda place: place[:2])]


def _distances(features: Floats, one: Floats) -> npt.NDArray[np.float64]:
    """(N,) squared: the order is the same."""
    distances: npt.NDArray[np.float64] = ((features - one) ** 2).sum(1, dtype=np.float64)
    return distances


def _bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")
