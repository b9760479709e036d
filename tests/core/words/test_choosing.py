import numpy as np
import pytest

from anymask.core.words.choosing import chosen
from anymask.core.words.phrases import things_of

# Four cups on a table of 100 × 200, the likest first: right, left, middle, and a far left one.
CUPS = np.array([[150, 40, 180, 80], [36, 40, 56, 60], [92, 45, 112, 60], [2, 50, 12, 58]], float)
AREAS = np.array([1000, 350, 280, 70], float)
PLATE = np.array([[120, 50, 148, 60]], float)


def of(text: str, beside: "np.typing.NDArray[np.float64] | None" = None) -> list[int]:
    (thing,) = things_of(text)
    boxes = CUPS.astype(np.float32)
    others = None if beside is None else beside.astype(np.float32)
    return chosen(thing, boxes, AREAS.astype(np.float32), (100, 200), others)


@pytest.mark.parametrize(
    ("text", "cups"),
    [
        ("cup", [0, 1, 2, 3]),
        ("all cups", [0, 1, 2, 3]),
        ("one cup", [0]),
        ("two cups", [0, 1]),
        ("nine cups", [0, 1, 2, 3]),
        ("the biggest cup", [0]),
        ("the smallest cup", [3]),
        ("the two smallest cups", [3, 2]),
        ("the second biggest cup", [1]),
        ("the tallest cup", [0]),
        ("the narrowest cup", [3]),
        ("the cup on the left", [3]),
        ("the cups on the left", [3, 1]),
        ("the cups on the right", [0, 2]),
        ("the second cup from the left", [1]),
        ("the second cup from the right", [2]),
        ("the last cup", [0]),
        ("the fifth cup from the left", []),
        ("the cup in the middle", [2]),
        ("the cups in the middle", [2]),
        ("the top cup", [1]),
    ],
)
def test_a_phrase_means_these_cups(text: str, cups: list[int]) -> None:
    assert of(text) == cups


@pytest.mark.parametrize(
    ("text", "cups"),
    [
        ("cups left of the plate", [1, 2, 3]),
        ("the cup right of the plate", [0]),
        ("the biggest cup left of the plate", [1]),
        ("cup next to the plate", [0, 2]),
        ("cups above the plate", []),
    ],
)
def test_a_phrase_means_those_beside_another_thing(text: str, cups: list[int]) -> None:
    assert of(text, PLATE) == cups
    assert of(text) == []


def test_nothing_is_chosen_of_nothing() -> None:
    (thing,) = things_of("the biggest cup on the left")
    assert chosen(thing, np.zeros((0, 4), np.float32), np.zeros(0, np.float32), (9, 9)) == []
