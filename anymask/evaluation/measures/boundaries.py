"""Boundaries: how well an edge map fits what several people drew, by the rules of BSDS500.

The benchmark is that of Arbeláez et al. 2011 ("Contour detection and hierarchical image
segmentation", §3): an edge map is cut at many thresholds, thinned, and its pixels are paired with
those of each annotator. R50 and what is left of interpolation follow Dollár and Zitnick's
evaluation, whose figures the literature compares.

Shape legend: H W pixels, T thresholds.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import numpy.typing as npt

from anymask.core.geometry import Floats
from anymask.errors import Error, MissingExtraError
from anymask.evaluation.measures.correspondence import Drawn

try:
    from skimage.morphology import thin
except ModuleNotFoundError:
    raise MissingExtraError("scikit-image", "evaluate") from None

THRESHOLDS = tuple(step / 100 for step in range(1, 100))
MAX_DISTANCE = 0.0075  # of the image's diagonal
STEPS = 100  # between two thresholds, where the best F is looked for
RECALLS = np.linspace(0, 1, 101)
LEAST_RECALL = 0.001  # below it a precision is one of a few pixels

Mask = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]
Curve = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Counts:
    """Pixels at each threshold, under the benchmark's own names: (T,) each.

    cnt_r: pixels of the annotators that an edge was paired with, sum_r: all they drew; cnt_p: edge
    pixels that some annotator's pixel was paired with, sum_p: all edge pixels.
    """

    cnt_r: Numbers
    sum_r: Numbers
    cnt_p: Numbers
    sum_p: Numbers

    def __add__(self, other: Counts) -> Counts:
        return Counts(
            self.cnt_r + other.cnt_r,
            self.sum_r + other.sum_r,
            self.cnt_p + other.cnt_p,
            self.sum_p + other.sum_p,
        )

    def at(self, number: int) -> Counts:
        """The counts at the threshold of this number alone: (1,) each."""
        here = slice(number, number + 1)
        return Counts(self.cnt_r[here], self.sum_r[here], self.cnt_p[here], self.sum_p[here])

    @property
    def recall(self) -> Curve:
        """(T,), 0 where there is nothing to find."""
        return self.cnt_r / np.maximum(self.sum_r, 1)

    @property
    def precision(self) -> Curve:
        """(T,), 0 where nothing was found."""
        return self.cnt_p / np.maximum(self.sum_p, 1)

    @property
    def f_measure(self) -> Curve:
        """(T,)."""
        return f_measure(self.recall, self.precision)


@dataclass(frozen=True)
class Scores:
    """Of a dataset. ods, ois: the best F-measure with one threshold for all images, and with one
    for each; ods_threshold: the former. ap: average precision. r50: recall at a precision of one
    half, None where there is no such precision.
    """

    ods: float
    ods_threshold: float
    ois: float
    ap: float
    r50: float | None


def count(
    edges: Floats,
    annotators: Sequence[Mask],
    thresholds: Sequence[float] = THRESHOLDS,
    thinned: bool = True,
    max_distance: float = MAX_DISTANCE,
) -> Counts:
    """Compare an (H, W) edge map in [0, 1] with (H, W) boundary maps.

    thinned: whether to thin what is at or above a threshold to lines, as the benchmark does; the
    annotators' maps are taken as they are. max_distance: of paired pixels, relative to the
    diagonal. Raises ``Error`` for maps of other shapes or values.
    """
    _check(edges, annotators)
    reach_px = max_distance * math.hypot(*edges.shape)
    maps = list(_edge_pixels(edges, thresholds, thinned))
    right = np.zeros((len(maps), edges.size), bool)
    recalled = np.zeros(len(maps), np.int64)
    for annotator in annotators:
        for number, pixels in enumerate(_paired(Drawn.of(annotator, reach_px), maps)):
            right[number, pixels] = True
            recalled[number] += len(pixels)
    drawn = sum(np.count_nonzero(annotator) for annotator in annotators)
    return Counts(
        recalled,
        np.full(len(maps), drawn),
        np.count_nonzero(right, axis=1),
        np.array([np.count_nonzero(pixels) for pixels in maps], np.int64),
    )


def score(images: Sequence[Counts], thresholds: Sequence[float] = THRESHOLDS) -> Scores:
    """The figures of a dataset from the counts of its images. Raises ``Error`` if there is none."""
    if not images:
        raise Error("there are no counts of any image to score")
    whole = reduce(operator.add, images)
    ods, ods_threshold = best_f(whole.recall, whole.precision, thresholds)
    at_best = reduce(operator.add, [counts.at(int(counts.f_measure.argmax())) for counts in images])
    return Scores(
        ods,
        ods_threshold,
        float(at_best.f_measure[0]),
        average_precision(whole.recall, whole.precision),
        recall_at_half(whole.recall, whole.precision),
    )


def f_measure(recall: npt.ArrayLike, precision: npt.ArrayLike) -> Curve:
    """Their harmonic mean, 0 where both are."""
    r, p = np.asarray(recall, np.float64), np.asarray(precision, np.float64)
    return np.asarray(2 * r * p / np.maximum(r + p, np.finfo(np.float64).eps))


def best_f(recall: Curve, precision: Curve, thresholds: Sequence[float]) -> tuple[float, float]:
    """The best F-measure of (T,) points of a curve and of straight lines between them, and the
    threshold where it is."""
    if len(thresholds) == 1:
        return float(f_measure(recall, precision)[0]), float(thresholds[0])
    share = np.linspace(0, 1, STEPS)[:, None]
    r, p, t = (
        share * np.asarray(values)[1:] + (1 - share) * np.asarray(values)[:-1]
        for values in (recall, precision, thresholds)
    )
    f = f_measure(r, p)
    best = np.unravel_index(int(f.argmax()), f.shape)
    return float(f[best]), float(t[best])


def average_precision(recall: Curve, precision: Curve) -> float:
    """The mean of the precisions at recalls 0, 0.01, … 1, between the (T,) points that there are.

    Recalls that the curve does not reach count as 0. The sum is divided by 100, as the benchmark
    has it, though it has 101 terms.
    """
    unique, first = np.unique(recall, return_index=True)
    if len(unique) < 2:
        return 0.0
    between = np.interp(RECALLS, unique, precision[first], left=0.0, right=0.0)
    return min(float(between.sum()) / 100, 1.0)


def recall_at_half(recall: Curve, precision: Curve) -> float | None:
    """The recall where the curve has a precision of one half, or its least one if that is more."""
    reached = recall >= LEAST_RECALL
    unique, first = np.unique(precision[reached], return_index=True)
    if not len(unique) or unique[-1] < 0.5:
        return None
    return float(np.interp(max(unique[0], 0.5), unique, recall[reached][first]))


def _check(edges: Floats, annotators: Sequence[Mask]) -> None:
    if edges.ndim != 2 or any(annotator.shape != edges.shape for annotator in annotators):
        shapes = [annotator.shape for annotator in annotators]
        raise Error(f"an edge map and boundaries must all be (H, W), not {edges.shape}, {shapes}")
    if not (edges >= 0).all() or not (edges <= 1).all():
        raise Error("an edge map must have values between 0 and 1")


def _edge_pixels(edges: Floats, thresholds: Sequence[float], thinned: bool) -> Iterator[Mask]:
    """The (H, W) edge pixels at each threshold."""
    before, shown = None, None
    for threshold in thresholds:
        cut = edges >= threshold
        if before is None or shown is None or not np.array_equal(cut, before):
            before, shown = cut, thin(cut) if thinned else cut
        yield shown


def _paired(annotator: Drawn, maps: Sequence[Mask]) -> Iterator[Numbers]:
    """At each threshold the flat indices of edge pixels that are paired with the annotator's."""
    before, paired = None, None
    for edge_pixels in maps:
        pixels = annotator.nearby(edge_pixels)
        if before is None or paired is None or not np.array_equal(pixels, before):
            before, (paired, _) = pixels, annotator.pair(pixels)
        yield paired
