"""How a simulated person makes one mask, by hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from anymask.core.interaction import Click
from anymask.engine.simulation.annotator import COSTS, HABITS, Costs, Habits
from anymask.engine.simulation.drawing import Answer, Ask, Clock, Drawn, correct, draw
from anymask.errors import Error

Mask = npt.NDArray[np.bool_]
DICE: Callable[[], np.random.Generator] = lambda: np.random.default_rng(1)  # noqa: E731


def rectangle(left: int, right: int) -> Mask:
    mask = np.zeros((60, 100), np.bool_)
    mask[20:40, left:right] = True
    return mask


TRUTH, PART = rectangle(20, 60), rectangle(20, 40)


def answering(*answers: Sequence[Mask]) -> tuple[Ask, list[Sequence[Click]]]:
    """A model that gives these answers in turn, and then the last again; and what it was asked."""
    asked: list[Sequence[Click]] = []

    def ask(clicks: Sequence[Click]) -> Sequence[Answer]:
        masks = answers[min(len(asked), len(answers) - 1)]
        asked.append(list(clicks))
        return [Answer(mask, 0.9) for mask in masks]

    return ask, asked


def drawn(ask: Ask, costs: Costs = COSTS, habits: Habits = HABITS) -> Drawn:
    return draw(ask, TRUTH, costs, habits, DICE())


def test_a_right_answer_costs_a_click_and_a_look() -> None:
    ask, asked = answering([TRUTH])
    mask = drawn(ask)
    assert (mask.iou, mask.chosen, mask.predicted_iou) == (1, None, 0.9)
    assert mask.clock.seconds == pytest.approx(COSTS.first_click_s + COSTS.accept_s)
    assert [event["kind"] for event in mask.clock.events] == ["click"]
    (((x, y), label),) = asked[0]
    assert TRUTH[int(y), int(x)]
    assert label == 1


def test_of_three_the_one_that_is_meant_is_taken() -> None:
    ask, _ = answering([PART, rectangle(10, 90), TRUTH])
    mask = drawn(ask)
    assert (mask.iou, mask.chosen) == (1, 1)  # the part of a larger whole
    expected = COSTS.first_click_s + COSTS.choose_s + COSTS.accept_s
    assert mask.clock.seconds == pytest.approx(expected)
    assert drawn(answering([TRUTH, PART])[0]).clock.count("choose") == 0


def test_further_clicks_are_where_the_error_is() -> None:
    ask, asked = answering([PART], [TRUTH])
    mask = drawn(ask)
    assert mask.clock.count("click") == 2
    (x, y), label = asked[1][1]
    assert (TRUTH & ~PART)[int(y), int(x)]
    assert label == 1
    ask, asked = answering([rectangle(20, 80)], [TRUTH])
    drawn(ask)
    assert asked[1][1][1] == 0
    expected = COSTS.first_click_s + COSTS.click_s + COSTS.accept_s
    assert mask.clock.seconds == pytest.approx(expected)


def test_clicks_in_vain_end_in_paint() -> None:
    ask, asked = answering([PART])
    mask = drawn(ask)
    assert len(asked) == 1 + 1 + HABITS.clicks_in_vain
    assert mask.clock.count("stroke", add=True) == 1
    assert mask.predicted_iou is None
    assert mask.mask is not None
    assert mask.iou > 0.95


def test_the_best_mask_of_all_clicks_is_gone_back_to() -> None:
    ask, _ = answering([PART], [rectangle(20, 50)], [rectangle(0, 5)], [rectangle(0, 5)])
    mask = drawn(ask, habits=Habits(mask_s=0, least_iou=0))
    assert mask.iou == pytest.approx(0.75)
    assert mask.clock.count("undo") == 1


def test_what_takes_too_long_is_dropped_and_its_seconds_count() -> None:
    ask, _ = answering([PART])
    slow = Costs(outline_px_s=2)
    mask = drawn(ask, slow)
    assert mask.mask is None
    clicks = COSTS.first_click_s + (1 + HABITS.clicks_in_vain) * COSTS.click_s
    assert mask.clock.seconds == pytest.approx(clicks + COSTS.accept_s + COSTS.undo_s)
    assert drawn(ask, slow, Habits(least_iou=0.5)).mask is not None


def test_a_model_that_gives_nothing_leaves_all_to_the_brush() -> None:
    ask, _ = answering([])
    mask = drawn(ask)
    assert mask.mask is not None
    assert mask.iou > 0.9


def test_chance_decides_where_hands_click_and_nothing_else() -> None:
    one, two = (answering([PART], [TRUTH]) for _ in range(2))
    drawn(one[0])
    drawn(two[0])
    assert one[1] == two[1]
    steady = answering([TRUTH])
    drawn(steady[0], habits=Habits(hand_px=0))
    assert steady[1] != one[1][:1]


def test_a_clock_takes_in_what_another_counted() -> None:
    clock, other = Clock(), Clock()
    clock.did(2, "click", add=True)
    other.did(1, "click", add=False)
    clock.add(other)
    assert clock.seconds == 3
    assert [event["t_s"] for event in clock.events] == [2, 3]
    assert (clock.count("click"), clock.count("click", add=False)) == (2, 1)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: Costs(click_s=-1),
        lambda: Costs(click_s=float("nan")),
        lambda: Habits(enough_iou=0),
        lambda: Habits(enough_iou=1.1),
        lambda: Habits(most_clicks=0),
        lambda: Habits(mask_s=-1),
    ],
)
def test_nonsense_is_refused(wrong: Callable[[], object]) -> None:
    with pytest.raises(Error):
        wrong()


def test_a_mask_that_is_nearly_right_is_gone_on_with() -> None:
    ask, asked = answering([TRUTH])
    start = rectangle(20, 52)
    mask = correct(ask, start, TRUTH, COSTS, HABITS, DICE())
    assert (mask.iou, mask.chosen, mask.predicted_iou) == (1, None, 0.9)
    expected = COSTS.take_up_s + COSTS.click_s + COSTS.accept_s
    assert mask.clock.seconds == pytest.approx(expected)
    (((x, y), label),) = asked[0]
    assert (TRUTH & ~start)[int(y), int(x)]
    assert label == 1


def test_a_mask_that_clicks_do_not_mend_stays_as_it_was() -> None:
    start = rectangle(20, 52)
    impatient = Habits(mask_s=0)
    mask = correct(answering([PART])[0], start, TRUTH, COSTS, impatient, DICE())
    assert mask.mask is start
    assert (mask.iou, mask.predicted_iou) == (0.8, None)
    poor = correct(answering([PART])[0], PART, TRUTH, COSTS, impatient, DICE())
    assert poor.mask is None
