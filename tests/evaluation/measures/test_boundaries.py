"""Boundaries: the benchmark's counts and figures, by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from anymask.errors import Error
from anymask.evaluation.measures.boundaries import (
    THRESHOLDS,
    Counts,
    average_precision,
    best_f,
    count,
    f_measure,
    recall_at_half,
    score,
)


def test_counts_of_two_annotators() -> None:
    edges = np.zeros((40, 60), np.float32)
    edges[10, 5:55], edges[30, 5:55] = 0.8, 0.3
    first, second = np.zeros((2, 40, 60), bool)
    first[10, 5:55] = second[10, 5:30] = second[20, 5:55] = True
    counts = count(edges, [first, second], thresholds=(0.2, 0.5, 0.9))
    assert counts.cnt_r.tolist() == [75, 75, 0]
    assert counts.sum_r.tolist() == [125, 125, 125]
    assert counts.cnt_p.tolist() == [50, 50, 0]
    assert counts.sum_p.tolist() == [100, 50, 0]


def test_a_threshold_takes_what_is_equal_to_it() -> None:
    edges = np.zeros((8, 8), np.float32)
    edges[4, 2:6] = 0.5
    assert count(edges, [edges > 0], thresholds=(0.5, 0.51)).sum_p.tolist() == [4, 0]


def test_thick_edges_are_thinned_unless_asked_not_to() -> None:
    edges = np.zeros((40, 60), np.float32)
    edges[18:23, 5:55] = 1
    drawn = np.zeros((40, 60), bool)
    drawn[20, 5:55] = True
    thin = count(edges, [drawn], thresholds=(0.5,))
    assert thin.sum_p[0] < 55
    assert thin.cnt_p[0] == thin.sum_p[0]
    thick = count(edges, [drawn], thresholds=(0.5,), thinned=False)
    assert thick.sum_p[0] == 250
    assert thick.cnt_p[0] == thick.cnt_r[0] == 50


def test_the_distance_allowed_is_relative_to_the_diagonal() -> None:
    edges, drawn = np.zeros((321, 481), np.float32), np.zeros((321, 481), bool)
    edges[100, 50:400] = 1
    drawn[104, 50:400] = True
    assert count(edges, [drawn], thresholds=(0.5,)).cnt_r[0] == 350  # 4.3 pixels
    assert count(edges, [drawn], thresholds=(0.5,), max_distance=0.0065).cnt_r[0] == 0


def test_more_edges_never_recall_less() -> None:
    rng = np.random.default_rng(0)
    edges = rng.random((40, 50)).astype(np.float32)
    drawn = rng.random((3, 40, 50)) < 0.1
    counts = count(edges, list(drawn), thinned=False, max_distance=0.03)
    assert (np.diff(counts.cnt_r) <= 0).all()
    assert (counts.cnt_p <= counts.sum_p).all()
    assert (counts.cnt_r <= counts.sum_r).all()
    assert (counts.cnt_r >= counts.cnt_p).all()  # each right pixel is right for someone


@pytest.mark.parametrize(
    "edges",
    [
        np.zeros((4, 5, 1)),
        np.zeros((5, 4)),
        np.full((4, 5), 1.1),
        np.full((4, 5), -0.1),
        np.full((4, 5), np.nan),
    ],
)
def test_other_maps_are_refused(edges: npt.NDArray[np.float32]) -> None:
    with pytest.raises(Error, match="edge map"):
        count(edges.astype(np.float32), [np.zeros((4, 5), bool)])


def counts_of(cnt_r: list[int], sum_r: int, cnt_p: list[int], sum_p: list[int]) -> Counts:
    return Counts(np.array(cnt_r), np.full(len(cnt_r), sum_r), np.array(cnt_p), np.array(sum_p))


def test_scores_by_hand() -> None:
    one = counts_of([80, 40], 100, [60, 30], [100, 40])  # R .8 .4, P .6 .75
    two = counts_of([50, 45], 100, [20, 40], [100, 50])  # R .5 .45, P .2 .8
    found = score([one, two], (0.25, 0.75))
    # Together: R .65 .425, P .4 .7778; between the thresholds F is greatest at some point.
    share = np.linspace(0, 1, 100)
    r, p = 0.65 + share * (0.425 - 0.65), 0.4 + share * (70 / 90 - 0.4)
    f = 2 * r * p / (r + p)
    assert found.ods == pytest.approx(f.max())
    assert found.ods_threshold == pytest.approx(0.25 + share[f.argmax()] * 0.5)
    # Each at its own: R (80 + 45) / 200, P (60 + 40) / 150.
    assert found.ois == pytest.approx(2 * 0.625 * (100 / 150) / (0.625 + 100 / 150))
    assert found.r50 == pytest.approx(0.65 + (0.5 - 0.4) / (70 / 90 - 0.4) * (0.425 - 0.65))


def test_best_f_agrees_with_the_loop_over_thresholds() -> None:
    rng = np.random.default_rng(1)
    recall, precision = np.sort(rng.random(9))[::-1], np.sort(rng.random(9))
    thresholds = [step / 10 for step in range(1, 10)]
    best = (-1.0, 0.0)
    for i in range(1, 9):
        for share in np.linspace(0, 1, 100):
            r = recall[i] * share + recall[i - 1] * (1 - share)
            p = precision[i] * share + precision[i - 1] * (1 - share)
            at = thresholds[i] * share + thresholds[i - 1] * (1 - share)
            best = max(best, (2 * r * p / (r + p), at))
    assert best_f(recall, precision, thresholds) == pytest.approx(best)
    assert best_f(recall[:1], precision[:1], (0.5,)) == (f_measure(recall, precision)[0], 0.5)


def test_average_precision_counts_what_is_not_reached_as_nothing() -> None:
    recall, precision = np.array([0.5, 0.2]), np.array([0.4, 1.0])
    reached = np.linspace(0.2, 0.5, 31)
    expected = np.interp(reached, [0.2, 0.5], [1.0, 0.4]).sum() / 100
    assert average_precision(recall, precision) == pytest.approx(expected)
    assert average_precision(np.array([1.0, 0.0]), np.ones(2)) == 1.0
    assert average_precision(np.ones(3), np.ones(3)) == 0.0  # a point is no curve


def test_recall_at_half() -> None:
    assert recall_at_half(np.array([0.9, 0.5]), np.array([0.25, 0.75])) == pytest.approx(0.7)
    assert recall_at_half(np.array([0.9, 0.5]), np.array([0.6, 0.75])) == 0.9
    assert recall_at_half(np.array([0.9, 0.5]), np.array([0.1, 0.3])) is None
    # Where nothing is found there is no precision.
    assert recall_at_half(np.array([0.9, 0.5, 0.0]), np.array([0.6, 0.75, 0.0])) == 0.9


def test_a_perfect_map_scores_one() -> None:
    drawn = np.zeros((50, 70), bool)
    drawn[10:40, 20] = drawn[10, 22:60] = True  # apart: thinning would take a corner away
    edges = np.where(drawn, np.linspace(0.05, 1, 70), 0).astype(np.float32)
    found = score([count(edges, [drawn])])
    assert found.ods == found.ois == pytest.approx(1)
    assert found.ap > 0.98
    assert found.r50 == 1.0


def test_no_image_has_no_score() -> None:
    with pytest.raises(Error, match="no counts"):
        score([])


def test_thresholds_are_the_benchmarks() -> None:
    assert len(THRESHOLDS) == 99
    np.testing.assert_allclose(THRESHOLDS, np.linspace(1 / 100, 1 - 1 / 100, 99))
