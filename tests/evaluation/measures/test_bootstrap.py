"""The bootstrap: its intervals hold the truth as often as they say."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from anymask.errors import Error
from anymask.evaluation.measures.bootstrap import Bootstrap, Interval

Numbers = npt.NDArray[np.float64]
RUNS = 800
TOLERANCE = 3 * np.sqrt(0.95 * 0.05 / RUNS)  # 3 standard deviations of a share


def masks_of_images(rng: np.random.Generator, images: int) -> tuple[Numbers, list[int]]:
    """IoU-like values, mean 0.6: images differ, and have 1 to 12 masks each."""
    counts = rng.integers(1, 13, images)
    which = np.repeat(np.arange(images), counts)
    of_image = rng.beta(6, 4, images)
    values = of_image[which] + rng.uniform(-0.1, 0.1, len(which))
    return values, which.tolist()


def coverage(images: int, clustered: bool) -> float:
    """How often the interval holds 0.6."""
    rng = np.random.default_rng(images)
    hits = 0
    for run in range(RUNS):
        values, which = masks_of_images(rng, images)
        clusters = which if clustered else list(range(len(values)))
        hits += Bootstrap(resamples=400, seed=run).mean(values, clusters).holds(0.6)
    return hits / RUNS


@pytest.mark.parametrize("images", [40, 100])
def test_intervals_hold_the_true_mean_as_often_as_they_say(images: int) -> None:
    assert coverage(images, clustered=True) == pytest.approx(0.95, abs=TOLERANCE)


def test_redrawing_single_masks_would_promise_too_much() -> None:
    assert coverage(60, clustered=False) < 0.8


def test_intervals_of_a_difference_hold_the_true_one_where_images_are_shared() -> None:
    rng, hits = np.random.default_rng(1), 0
    for run in range(RUNS):
        values, which = masks_of_images(rng, 40)
        others = values - 0.05 + rng.normal(0, 0.02, len(values))
        found = Bootstrap(resamples=400, seed=run).difference(values, which, others, which)
        hits += found.holds(0.05)
        assert found.high - found.low < 0.05  # images that are hard for both tell nothing
    assert hits / RUNS == pytest.approx(0.95, abs=TOLERANCE)


def test_one_value_a_cluster_gives_the_interval_of_students_t() -> None:
    values = np.random.default_rng(0).normal(size=30)
    found = Bootstrap(resamples=20000).mean(values, list(range(30)))
    half = 2.045 * values.std(ddof=1) / np.sqrt(30)
    assert found.mean == pytest.approx(values.mean())
    assert (found.high - found.low) / 2 == pytest.approx(half, rel=0.04)


def test_equal_input_gives_equal_intervals_in_any_order_and_any_size_of_block(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    values, names = [0.1, 0.5, 0.7, 0.2], ["a", "b", "b", "c"]
    found = Bootstrap().mean(values, names)
    again = Bootstrap().mean(values[::-1], names[::-1])
    monkeypatch.setattr("anymask.evaluation.measures.bootstrap.DRAWS_AT_ONCE", 100)
    in_blocks = Bootstrap().mean(values, names)
    for other in (again, in_blocks):
        assert (other.low, other.high) == pytest.approx((found.low, found.high))
    assert Bootstrap(seed=1, resamples=50).mean(values, names) != found


def test_groups_of_different_images_may_miss_each_other_in_a_resample() -> None:
    found = Bootstrap().difference([1.0, 1.0], ["a", "b"], [0.0, 0.0], ["c", "d"])
    assert found == Interval(1.0, 1.0, 1.0)


def test_intervals_overlap_where_they_touch() -> None:
    one = Interval(0.5, 0.4, 0.6)
    assert one.overlaps(Interval(0.7, 0.6, 0.8))
    assert one.overlaps(Interval(0.5, 0.45, 0.5))
    assert not one.overlaps(Interval(0.7, 0.61, 0.8))
    assert not Interval(0.7, 0.61, 0.8).overlaps(one)


@pytest.mark.parametrize(
    ("values", "clusters"),
    [([1.0, 2.0], ["a"]), ([1.0, np.nan], ["a", "b"]), ([1.0, 2.0], ["a", "a"]), ([], [])],
)
def test_what_has_no_interval_is_refused(values: list[float], clusters: list[str]) -> None:
    with pytest.raises(Error, match=r"bootstrap wants|fewer than two"):
        Bootstrap().mean(values, clusters)


def test_a_level_that_is_none_is_refused() -> None:
    with pytest.raises(Error, match="level"):
        Bootstrap(level=95)
