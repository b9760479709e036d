"""Correspondence: pairs against exhaustive assignment."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from anymask.evaluation.measures.correspondence import OUTLIER_COST, Drawn

Mask = npt.NDArray[np.bool_]


def pixels(mask: Mask) -> npt.NDArray[np.intp]:
    """(N, 2) where a map is true."""
    return np.argwhere(mask)


def distances(found: Mask, drawn: Mask) -> npt.NDArray[np.float64]:
    """(N, K) of all pixels of two maps."""
    apart = pixels(found)[:, None] - pixels(drawn)[None]
    return np.asarray(np.hypot(apart[..., 0], apart[..., 1]))


def paired(found: Mask, drawn: Mask, reach_px: float) -> tuple[list[int], list[int]]:
    """Numbers of the pixels of each map that belong together."""
    truth = Drawn.of(drawn, reach_px)
    mine, theirs = truth.pair(truth.nearby(found))
    number = {int(flat): i for i, flat in enumerate(np.flatnonzero(found))}
    return [number[int(flat)] for flat in mine], theirs.tolist()


def random_maps(seed: int, share: float, hw: tuple[int, int] = (12, 15)) -> tuple[Mask, Mask]:
    rng = np.random.default_rng(seed)
    return rng.random(hw) < share, rng.random(hw) < share * rng.choice([0.3, 1.0, 2.0])


@settings(deadline=None, max_examples=150)
@given(st.integers(0, 2**32), st.sampled_from([0.02, 0.1, 0.3, 0.6]), st.floats(0.5, 4.5))
def test_pairing_is_the_best_assignment(seed: int, share: float, reach_px: float) -> None:
    found, drawn = random_maps(seed, share)
    mine, theirs = paired(found, drawn, reach_px)
    distance = distances(found, drawn)
    assert len(set(mine)) == len(mine)
    assert len(set(theirs)) == len(theirs)
    assert (distance[mine, theirs] <= reach_px).all()

    near = distance <= reach_px
    most = maximum_bipartite_matching(csr_array(near.astype(np.int8)), perm_type="column")
    assert len(mine) == np.count_nonzero(most >= 0)

    # A pixel that stays alone has a partner of its own, at a price; all in hundredths of a pixel.
    cost, alone = np.rint(100 * distance), round(100 * OUTLIER_COST * reach_px)
    costs = np.hstack([np.where(near, cost, 1e9), np.full((len(cost), len(cost)), alone)])
    rows, columns = linear_sum_assignment(costs)
    assert cost[mine, theirs].sum() + alone * (len(cost) - len(mine)) == costs[rows, columns].sum()


def test_lines_are_paired_though_they_are_apart() -> None:
    found, drawn = np.zeros((2, 20, 30), bool)
    found[8, 3:28] = drawn[11, 3:28] = True
    assert paired(found, drawn, 3.0) == (list(range(25)), list(range(25)))
    assert paired(found, drawn, 2.9) == ([], [])


def test_one_pixel_takes_but_one_of_many() -> None:
    found, drawn = np.zeros((2, 9, 9), bool)
    found[4, 4] = True
    drawn[3:6, 3:6] = True
    mine, theirs = paired(found, drawn, 4.0)
    assert (mine, theirs) == ([0], [4])
    mine, theirs = paired(drawn, found, 4.0)
    assert (mine, theirs) == ([4], [0])


def test_pixels_give_way_to_each_other() -> None:
    """Who takes the nearest must not leave another with nothing."""
    found, drawn = np.zeros((2, 1, 12), bool)
    found[0, [2, 5]] = drawn[0, [4, 7]] = True
    assert paired(found, drawn, 3.0) == ([0, 1], [0, 1])


def test_nothing_is_paired_with_nothing() -> None:
    empty, full = np.zeros((5, 6), bool), np.ones((5, 6), bool)
    for found, drawn in ((empty, full), (full, empty), (empty, empty)):
        assert paired(found, drawn, 2.0) == ([], [])
