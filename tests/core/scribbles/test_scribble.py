"""Scribbles: points lie on the strokes, where the answer is wrong, and far from those there are."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anymask.core.scribbles.scribble import Scribble
from anymask.errors import PromptError

Mask = npt.NDArray[np.bool_]
HW = (80, 120)
NOTHING = np.zeros(HW, bool)
CORNERS = st.lists(
    st.tuples(st.integers(2, HW[1] - 3), st.integers(2, HW[0] - 3)), min_size=2, max_size=5
)
PROPERTY = settings(max_examples=60, deadline=None)


def stroke(corners: list[tuple[int, int]], width: int = 5) -> Mask:
    canvas = np.zeros(HW, np.uint8)
    cv2.polylines(canvas, [np.array(corners, np.int32)], False, 1, width)
    return canvas > 0


def holds(mask: Mask, xy: tuple[float, float]) -> bool:
    return bool(mask[int(xy[1]), int(xy[0])])


@PROPERTY
@given(CORNERS, CORNERS, st.integers(1, 7))
def test_points_lie_on_their_own_strokes_and_never_twice_in_a_place(
    ours: list[tuple[int, int]], theirs: list[tuple[int, int]], width: int
) -> None:
    on_object = stroke(ours, width)
    on_background = stroke(theirs, width) & ~on_object
    scribble = Scribble(on_object, on_background)
    xy, label = scribble.first_point()
    points = [xy]
    assert label == 1
    assert holds(on_object, xy)
    for answer in (NOTHING, ~NOTHING, on_background, NOTHING, ~NOTHING):
        click = scribble.next_point(answer, points)
        if click is None:
            assert not (on_object & ~answer).any()
            assert not (on_background & answer).any()
            continue
        xy, label = click
        assert holds(on_object if label else on_background, xy)
        assert holds(answer, xy) is not bool(label)  # the answer is wrong there
        points.append(xy)


@PROPERTY
@given(CORNERS)
def test_the_same_strokes_give_the_same_points(corners: list[tuple[int, int]]) -> None:
    def points() -> list[tuple[float, float]]:
        scribble = Scribble(stroke(corners), NOTHING)
        chosen = [scribble.first_point()[0]]
        for _ in range(3):
            click = scribble.next_point(NOTHING, chosen)
            assert click is not None
            chosen.append(click[0])
        return chosen

    assert points() == points()


def test_points_spread_along_a_line_that_the_answer_misses() -> None:
    scribble = Scribble(stroke([(10, 40), (110, 40)]), NOTHING)
    points = [(60.0, 40.0)]
    for _ in range(4):
        click = scribble.next_point(NOTHING, points)
        assert click is not None
        points.append(click[0])
    xs = sorted(x for x, _ in points)
    assert np.diff(xs) == pytest.approx([25] * 4, abs=3)
    assert all(y == pytest.approx(40, abs=2) for _, y in points)


def test_the_first_point_is_where_a_stroke_is_broadest() -> None:
    dot = stroke([(90, 60), (91, 60)], 15)
    scribble = Scribble(stroke([(10, 20), (110, 20)]) | dot, NOTHING)
    xy, label = scribble.first_point()
    assert label == 1
    assert xy == pytest.approx((90, 60), abs=1)


def test_the_larger_mistake_is_mended_first() -> None:
    scribble = Scribble(stroke([(10, 20), (110, 20)]), stroke([(50, 60), (70, 60)]))
    click = scribble.next_point(stroke([(40, 60), (80, 60)], 9), [(60.0, 20.0)])
    assert click is not None
    assert click[1] == 1
    half = stroke([(10, 20), (105, 20)], 9)
    click = scribble.next_point(half | stroke([(40, 60), (80, 60)], 9), [(60.0, 20.0)])
    assert click is not None
    assert click[1] == 0
    assert click[0][1] == pytest.approx(60, abs=2)


def test_agreement_counts_both_kinds_of_stroke_alike() -> None:
    scribble = Scribble(stroke([(10, 20), (110, 20)]), stroke([(50, 60), (70, 60)]))
    assert scribble.agreement(scribble.on_object) == 1
    assert scribble.agreement(NOTHING) == 0.5
    assert scribble.agreement(~NOTHING) == 0.5
    assert scribble.agreement(scribble.on_background) == 0
    alone = Scribble(scribble.on_object, NOTHING)
    assert (alone.agreement(NOTHING), alone.agreement(~NOTHING)) == (0, 1)


@pytest.mark.parametrize(
    ("on_object", "on_background", "message"),
    [
        (NOTHING, stroke([(5, 5), (50, 5)]), "a stroke on the object"),
        (stroke([(5, 5), (50, 5)]), stroke([(30, 2), (30, 50)]), "overlap"),
        (stroke([(5, 5), (50, 5)]), NOTHING[1:], "of one size"),
        (stroke([(5, 5), (50, 5)])[None], NOTHING[None], "of one size"),
    ],
)
def test_strokes_that_say_nothing_clear_are_refused(
    on_object: Mask, on_background: Mask, message: str
) -> None:
    with pytest.raises(PromptError, match=message):
        Scribble(on_object, on_background)
