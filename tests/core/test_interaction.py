"""The simulated user: each of its random draws has the distribution that the paper states (§A)."""

from __future__ import annotations

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, stats

from anymask.core.interaction import (
    Habits,
    Script,
    best_click,
    deepest_click,
    first_prompts,
    jittered_boxes,
    next_points,
    random_cells,
    random_points,
)
from anymask.core.prompts import BACKGROUND, BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, OBJECT, PADDING
from anymask.errors import Error

PAPER = Habits()
DRAWS = 4000
UNLIKELY = (
    1e-4  # a right implementation fails one test in ten thousand seeds, and the seed is fixed
)


def script(masks: int = DRAWS, habits: Habits = PAPER, seed: int = 1) -> Script:
    return Script.draw(np.random.default_rng(seed), masks, habits)


def is_uniform(counts: np.ndarray) -> bool:
    return bool(stats.chisquare(counts).pvalue > UNLIKELY)


def test_the_paper_asks_eleven_times() -> None:
    assert PAPER.rounds == 11
    assert Habits(further_points=3).rounds == 6
    assert Habits(further_points=0).rounds == 2


def test_half_of_the_first_prompts_are_boxes() -> None:
    count = int(script().takes_box.sum())
    assert stats.binomtest(count, DRAWS, 0.5).pvalue > UNLIKELY


def test_the_automatic_variant_draws_no_boxes() -> None:
    assert not script(habits=Habits(box_share=0)).takes_box.any()


def test_the_first_point_is_any_pixel_of_the_mask_as_likely() -> None:
    mask = np.zeros((9, 12), bool)
    mask[2:5, 3:8] = True
    mask[7, 1] = True
    chance = script()
    points = random_points(
        np.tile(mask, (DRAWS, 1, 1)), chance.place[:, 0], chance.within[:, 0]
    ).astype(int)
    counts = np.zeros(mask.shape, int)
    np.add.at(counts, (points[:, 1], points[:, 0]), 1)
    assert counts[~mask].sum() == 0
    assert is_uniform(counts[mask])


def test_in_a_coarse_mask_every_pixel_of_a_cell_is_as_likely() -> None:
    mask = np.zeros((4, 4), bool)
    mask[1, 2] = True
    chance = script()
    points = random_points(np.tile(mask, (DRAWS, 1, 1)), chance.place[:, 0], chance.within[:, 0], 4)
    counts = np.zeros((16, 16), int)
    np.add.at(counts, (points[:, 1].astype(int), points[:, 0].astype(int)), 1)
    assert counts[4:8, 8:12].sum() == DRAWS
    assert is_uniform(counts[4:8, 8:12].ravel())


def test_each_side_of_a_box_moves_by_a_tenth_of_its_length() -> None:
    box = np.array([[200, 300, 300, 340]], np.float32)  # 100 wide, 40 high: 10 and 4 pixels
    moved = jittered_boxes(np.tile(box, (DRAWS, 1)), script().box_noise, PAPER, (1000, 1000))
    steps = (moved - box) / [10, 4, 10, 4]
    inside = np.abs(steps[:, 0]) < 2  # 20 pixels at most: two standard deviations of the width
    assert stats.kstest(steps[:, 1], "norm").pvalue > UNLIKELY
    assert stats.kstest(steps[inside, 0], stats.truncnorm(-2, 2).cdf).pvalue > UNLIKELY
    assert abs(np.corrcoef(steps.T) - np.eye(4)).max() < 0.1


def test_no_side_moves_by_more_than_twenty_pixels() -> None:
    box = np.array([[300, 300, 900, 900]], np.float32)  # 60 pixels would be one standard deviation
    moved = jittered_boxes(np.tile(box, (DRAWS, 1)), script().box_noise, PAPER, (1000, 1000))
    assert np.abs(moved - box).max() == 20
    cut = int((np.abs(moved[:, 0] - 300) == 20).sum())
    beyond = 2 * stats.norm.sf(20 / 60)
    assert stats.binomtest(cut, DRAWS, beyond).pvalue > UNLIKELY


def test_boxes_stay_in_the_frame_and_upright() -> None:
    boxes = np.tile(np.array([[0, 95, 3, 100]], np.float32), (DRAWS, 1))
    moved = jittered_boxes(boxes, 10 * script().box_noise, PAPER, (100, 100))
    assert (moved >= 0).all()
    assert (moved <= 100).all()
    assert (moved[:, :2] <= moved[:, 2:]).all()


def test_the_idle_round_is_before_each_of_the_eight_points_as_often() -> None:
    counts = np.bincount(script().idle_round, minlength=9)
    assert counts[0] == 0
    assert len(counts) == 9
    assert is_uniform(counts[1:])


@given(st.integers(0, 12), st.integers(0, 1000))
def test_every_user_gives_all_points_and_is_idle_once_among_them_and_at_the_end(
    further: int, seed: int
) -> None:
    habits = Habits(further_points=further)
    chance = script(5, habits, seed)
    truth = np.random.default_rng(seed).random((5, 6, 7)) < 0.5
    truth[:, 0, 0] = True
    nothing = np.zeros_like(truth)
    rows = [next_points(truth, nothing, chance, i)[1][:, 0] for i in range(1, habits.rounds)]
    silent = np.stack(rows) == PADDING
    assert (~silent).sum(axis=0).tolist() == [further] * 5
    assert silent[-1].all()
    if further:
        assert np.array_equal(silent[:-1].argmax(axis=0) + 1, chance.idle_round)


def test_a_point_is_anywhere_in_the_error_region_and_says_what_kind_of_error_it_is() -> None:
    truth = np.zeros((8, 8), bool)
    truth[2:6, 2:6] = True
    predicted = np.zeros((8, 8), bool)
    predicted[2:6, 4:8] = True  # misses two columns, has two too many
    chance = script()
    chance.idle_round[:] = 8
    both = (np.tile(truth, (DRAWS, 1, 1)), np.tile(predicted, (DRAWS, 1, 1)))
    points, labels = next_points(*both, chance, 1)
    xy, kind = points[:, 0].astype(int), labels[:, 0]
    counts = np.zeros((8, 8), int)
    np.add.at(counts, (xy[:, 1], xy[:, 0]), 1)
    wrong = truth != predicted
    assert counts[~wrong].sum() == 0
    assert is_uniform(counts[wrong])
    assert np.array_equal(kind == OBJECT, truth[xy[:, 1], xy[:, 0]])
    assert set(kind.tolist()) == {OBJECT, BACKGROUND}


def test_different_rounds_and_masks_draw_different_places() -> None:
    chance = script(2)
    chance.idle_round[:] = 8
    truth = np.ones((2, 500, 500), bool)
    places = [next_points(truth, ~truth, chance, i)[0][:, 0] for i in range(1, 8)]
    assert len(np.unique(np.concatenate(places), axis=0)) == 14


def test_who_finds_no_error_points_at_the_object_once_more() -> None:
    truth = np.zeros((1, 5, 5), bool)
    truth[0, 1, 3] = True
    chance = script(1)
    chance.idle_round[:] = 8
    points, labels = next_points(truth, truth, chance, 1)
    assert points.tolist() == [[[3, 1]]]
    assert labels.tolist() == [[OBJECT]]


def test_first_prompts_are_a_box_or_a_padded_point() -> None:
    chance = script(2)
    chance.takes_box[:] = [True, False]
    chance.box_noise[:] = 0
    truth = np.zeros((2, 10, 10), bool)
    truth[:, 4, 6] = True
    boxes = np.tile(np.array([[6, 4, 7, 5]], np.float32), (2, 1))
    xy, labels = first_prompts(truth, boxes, chance, PAPER)
    assert labels.tolist() == [[BOX_TOP_LEFT, BOX_BOTTOM_RIGHT], [OBJECT, PADDING]]
    assert xy.tolist() == [[[6, 4], [7, 5]], [[6, 4], [0, 0]]]


def test_a_mask_is_played_alike_in_any_company() -> None:
    one, other = script(3, seed=5), script(2, seed=6)
    together = Script.join([other, one])
    assert np.array_equal(together[2:5].place, one.place)
    assert np.array_equal(together[2:5].idle_round, one.idle_round)


def test_an_empty_region_has_nowhere_to_point() -> None:
    regions = np.zeros((2, 3, 3), bool)
    regions[0] = True
    with pytest.raises(Error, match="region 1 is empty"):
        random_cells(regions, np.zeros(2))


def test_the_largest_chance_is_the_last_cell() -> None:
    regions = np.ones((1, 3, 5), bool)
    assert random_cells(regions, np.array([np.nextafter(1, 0)])).tolist() == [[4, 2]]


def test_the_best_click_is_the_deepest_of_the_larger_error() -> None:
    truth = np.zeros((20, 20), bool)
    truth[5:14, 5:14] = True
    assert best_click(truth) == ((9, 9), OBJECT)
    predicted = truth.copy()
    predicted[5:14, 14:19] = True  # 45 pixels too many
    predicted[5, 5] = False
    assert best_click(truth, predicted) == ((16, 7), BACKGROUND)
    predicted = truth & (np.arange(20) > 9)
    assert best_click(truth, predicted) == ((7, 7), OBJECT)
    with pytest.raises(Error, match="empty"):
        best_click(truth, truth)


def brute_deepest_click(
    truth: np.ndarray, predicted: np.ndarray, taken: list[tuple[int, int]]
) -> tuple[tuple[float, float], int]:
    """As the reference describes it, on whole masks, for answers that are wrong somewhere."""
    depths = []
    for region in (truth & ~predicted, predicted & ~truth):
        depth = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
        for x, y in taken:
            depth[y, x] = 0
        depths.append(depth)
    missed, excess = depths
    label = OBJECT if missed.max() > excess.max() else BACKGROUND
    depth = missed if label == OBJECT else excess
    y, x = np.argwhere(depth == depth.max())[0]
    return (x, y), label


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_the_deepest_click_is_that_of_whole_distance_maps(data: st.DataObject) -> None:
    hw = data.draw(st.tuples(st.integers(1, 14), st.integers(1, 14)))
    truth, predicted = (data.draw(hnp.arrays(np.bool_, hw)) for _ in range(2))
    truth.flat[0] = True
    places = st.tuples(st.integers(0, hw[1] - 1), st.integers(0, hw[0] - 1))
    taken = data.draw(st.lists(places, max_size=4))
    click = deepest_click(truth, predicted, taken)
    wrong = truth != predicted
    for x, y in taken:
        wrong[y, x] = False
    if wrong.any():
        assert click == brute_deepest_click(truth, predicted, taken)
    else:
        assert click[1] == OBJECT
        assert truth[int(click[0][1]), int(click[0][0])]


def test_the_deepest_click_by_hand() -> None:
    truth = np.zeros((20, 40), bool)
    truth[5:14, 5:14] = True
    predicted = truth.copy()
    predicted[8:11, 8:11] = False  # two deep
    predicted[0:2, :] = True  # 80 pixels, but one deep
    assert deepest_click(truth, predicted) == ((9, 9), OBJECT)
    assert best_click(truth, predicted)[1] == BACKGROUND
    assert deepest_click(truth, predicted, [(9, 9)]) == ((0, 0), BACKGROUND)  # as deep: background
    assert deepest_click(truth, predicted, [(9, 9), (0, 0)]) == ((1, 0), BACKGROUND)


def test_who_finds_no_error_clicks_on_the_rest_of_the_object() -> None:
    truth = np.zeros((5, 5), bool)
    truth[2, 1:4] = True
    assert deepest_click(truth, truth) == ((1, 2), OBJECT)
    assert deepest_click(truth, truth, [(1, 2), (2, 2)]) == ((3, 2), OBJECT)
    assert deepest_click(truth, truth, [(1, 2), (2, 2), (3, 2)]) == ((1, 2), OBJECT)
    with pytest.raises(Error, match="empty"):
        deepest_click(truth & False, truth & False)


def test_clicks_beyond_the_masks_are_no_matter() -> None:
    truth = np.ones((3, 3), bool)
    outside = [(-1, -1), (1, -1), (3, 1), (1, 3), (-2, 1)]
    assert deepest_click(truth, ~truth, outside) == ((1, 1), OBJECT)


def test_without_idle_rounds_every_round_says_something_new() -> None:
    habits = Habits(further_points=3, idle_rounds=False)
    assert habits.rounds == 4
    truth = np.zeros((2, 8, 8), bool)
    truth[:, 2:6, 2:6] = True
    script = Script.draw(np.random.default_rng(0), 2, habits)
    for number in range(1, habits.rounds):
        points, labels = next_points(truth, np.zeros_like(truth), script, number)
        assert labels.tolist() == [[OBJECT], [OBJECT]]
        assert (points >= 2).all()
