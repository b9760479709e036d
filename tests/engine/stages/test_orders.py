"""Orders of images, by hand."""

from __future__ import annotations

import numpy as np

from anymask.engine.stages.orders import falling_order, farthest_first, random_order, spread

NONE = np.zeros((0, 1), np.float32)


def line(*places: float) -> np.ndarray:
    """Images that differ in one channel."""
    return np.array(places, np.float32)[:, None]


def test_random_is_by_seed_and_stays_when_images_come() -> None:
    names = [f"{n}.jpg" for n in range(50)]
    order = [names[n] for n in random_order(names, 1)]
    assert sorted(order) == sorted(names)
    assert order not in (names, [names[n] for n in random_order(names, 2)])
    more = ["new.jpg", *reversed(names), "\udcff.jpg"]
    assert [name for n in random_order(more, 1) if (name := more[n]) in names] == order


def test_falling() -> None:
    assert falling_order([0.1, 0.9, 0.5, 0.9]).tolist() == [1, 3, 2, 0]


def test_the_least_like_what_is_known_comes_first() -> None:
    # 10 is the farthest from 0; then 5 is 5 from both; then 2, and last 9, which is 1 from 10.
    assert farthest_first(line(2, 9, 10, 5), line(0), 10).tolist() == [2, 3, 0, 1]


def test_where_nothing_is_known_the_most_usual_comes_first() -> None:
    assert farthest_first(line(0, 4, 6, 9), NONE, 10).tolist()[:2] == [1, 3]


def test_copies_come_last_and_each_image_once() -> None:
    order = farthest_first(line(1, 1, 1, 7), line(7), 10).tolist()
    assert order[0] == 0
    assert sorted(order) == [0, 1, 2, 3]


def test_behind_those_that_were_compared_the_rest_is_by_distance() -> None:
    places = line(1, 3, 2, 8)
    assert farthest_first(places, line(0), 1).tolist() == [3, 1, 2, 0]
    assert farthest_first(NONE, line(0), 5).tolist() == []


def test_it_is_the_greedy_choice() -> None:
    numbers = np.random.default_rng(0)
    features, known = (numbers.normal(size=(n, 6)).astype(np.float32) for n in (40, 5))
    seen, expected = list(known), []
    for _ in range(40):
        gaps = [min(np.square(f - one).sum() for one in seen) for f in features]
        gaps = [-1 if n in expected else gap for n, gap in enumerate(gaps)]
        expected.append(int(np.argmax(gaps)))
        seen.append(features[expected[-1]])
    assert farthest_first(features, known, 40).tolist() == expected


def test_spread() -> None:
    assert spread(["a", "b"], [1, 2, 3, 4]) == [1, "a", 2, 3, "b", 4]
    assert spread([], [1, 2]) == [1, 2]
    assert spread(["a"], []) == ["a"]
