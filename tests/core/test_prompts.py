"""Prompts as values: how they are made, joined and extended, and what they refuse."""

from __future__ import annotations

import dataclasses
import re
import warnings
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from anymask.core.prompts import (
    BACKGROUND,
    BOX_BOTTOM_RIGHT,
    BOX_TOP_LEFT,
    OBJECT,
    PADDING,
    Prompts,
)
from anymask.errors import PromptError

PROPERTY = settings(max_examples=60, deadline=None)
CLICKS = st.lists(
    st.tuples(st.floats(-1e6, 1e6, width=32), st.floats(-1e6, 1e6, width=32)), min_size=1
)


def logits(prompts: int, side: int = 4) -> npt.NDArray[np.float32]:
    numbers = np.random.default_rng(0).normal(size=(prompts, side, side))
    return numbers.astype(np.float32)


def words(*texts: str, points: int = 0) -> Prompts:
    count = len(texts)
    empty = np.zeros((count, points, 2), np.float32)
    return Prompts(empty, np.ones((count, points), np.int64), texts=texts)


def test_a_click_is_one_prompt_of_one_object_point() -> None:
    prompts = Prompts.point(500, 375)
    assert len(prompts) == 1
    assert prompts.points.tolist() == [[[500, 375]]]
    assert prompts.labels.tolist() == [[OBJECT]]
    assert prompts.points.dtype == np.float32
    assert prompts.labels.dtype == np.int64
    assert prompts.masks is None
    assert prompts.texts is None
    assert Prompts.point(1, 2, BACKGROUND).labels.tolist() == [[BACKGROUND]]


def test_points_of_two_axes_are_one_prompt_and_of_three_are_many() -> None:
    one = Prompts.of_points([[1, 2], [3, 4], [5, 6]], [1, 0, 1])
    assert (one.points.shape, one.labels.tolist()) == ((1, 3, 2), [[1, 0, 1]])
    many = Prompts.of_points([[[1, 2]], [[3, 4]], [[5, 6]]])
    assert (many.points.shape, many.labels.tolist()) == ((3, 1, 2), [[1], [1], [1]])


@PROPERTY
@given(CLICKS)
def test_points_are_kept_as_they_are(xy: list[tuple[float, float]]) -> None:
    prompts = Prompts.of_points(xy)
    assert prompts.points[0].tolist() == [list(pair) for pair in xy]
    assert len(prompts) == 1


def test_a_box_is_two_points_with_labels_of_their_own() -> None:
    prompts = Prompts.box(10, 20, 30, 40)
    assert prompts.points.tolist() == [[[10, 20], [30, 40]]]
    assert prompts.labels.tolist() == [[BOX_TOP_LEFT, BOX_BOTTOM_RIGHT]]
    many = Prompts.of_boxes([[0, 0, 1, 1], [5, 6, 7, 8]])
    assert many.points.tolist() == [[[0, 0], [1, 1]], [[5, 6], [7, 8]]]


def test_rough_masks_alone_are_prompts_without_points() -> None:
    prompts = Prompts.of_masks(logits(3))
    assert (len(prompts), prompts.points.shape, prompts.labels.shape) == (3, (3, 0, 2), (3, 0))
    np.testing.assert_array_equal(prompts.masks, logits(3))


def test_words_alone_are_prompts_too() -> None:
    prompts = words("a dog", "a cat")
    assert prompts.texts == ("a dog", "a cat")
    assert prompts[1].texts == ("a cat",)
    assert Prompts.join([prompts[1], prompts[0]]).texts == ("a cat", "a dog")


def test_prompts_are_copies_that_nobody_can_change() -> None:
    points, labels, masks = np.ones((1, 1, 2), np.float32), np.ones((1, 1), np.int64), logits(1)
    prompts = Prompts(points, labels, masks)
    points[:], labels[:], masks[:] = 7, 0, 7
    assert prompts.points.tolist() == [[[1, 1]]]
    assert prompts.labels.tolist() == [[1]]
    assert prompts.masks is not None
    assert (prompts.masks != 7).all()
    for array in (prompts.points, prompts.labels, prompts.masks):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    with pytest.raises(dataclasses.FrozenInstanceError):
        prompts.points = points  # type: ignore[misc]


def test_joined_prompts_stay_in_order_and_are_padded_to_the_longest() -> None:
    click, box = Prompts.point(1, 2), Prompts.box(3, 4, 5, 6).with_points([[7, 8]], [0])
    both = Prompts.join([click, box, click])
    assert both.labels.tolist() == [[1, -1, -1], [2, 3, 0], [1, -1, -1]]
    assert both.points[1].tolist() == [[3, 4], [5, 6], [7, 8]]
    assert both.points[0, 0].tolist() == [1, 2]
    masked = Prompts.join([Prompts.of_masks(logits(2)), Prompts.point(1, 1).with_masks(logits(1))])
    assert masked.masks is not None
    np.testing.assert_array_equal(masked.masks, np.concatenate([logits(2), logits(1)]))


@PROPERTY
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5))
def test_joining_then_indexing_gives_each_prompt_back(counts: list[int]) -> None:
    several = [Prompts.of_points(np.full((n, 2), n)) for n in counts]
    joined = Prompts.join(several)
    assert joined.labels.shape == (len(counts), max(counts))
    for row, alone in enumerate(several):
        wanted = alone.padded(max(counts))
        np.testing.assert_array_equal(joined[row].points, wanted.points)
        np.testing.assert_array_equal(joined[row].labels, wanted.labels)


def test_padding_adds_labels_that_say_so() -> None:
    padded = Prompts.of_points([[1, 2], [3, 4]], [1, 0]).padded(4)
    assert padded.labels.tolist() == [[1, 0, PADDING, PADDING]]
    assert padded.points[0, :2].tolist() == [[1, 2], [3, 4]]
    assert padded.padded(4).labels.tolist() == padded.labels.tolist()


def test_prompts_are_indexed_like_an_array() -> None:
    prompts = Prompts.of_points([[[0, 0]], [[1, 1]], [[2, 2]]]).with_masks(logits(3))
    assert prompts[1].points.tolist() == [[[1, 1]]]
    assert prompts[-1].points.tolist() == [[[2, 2]]]
    assert prompts[1:].points[:, 0, 0].tolist() == [1, 2]
    assert prompts[np.array([2, 0])].points[:, 0, 0].tolist() == [2, 0]
    assert prompts[np.array([True, False, True])].points[:, 0, 0].tolist() == [0, 2]
    np.testing.assert_array_equal(prompts[1].masks, logits(3)[1:2])
    assert [len(prompt) for prompt in prompts] == [1, 1, 1]  # type: ignore[attr-defined]
    with pytest.raises(IndexError):
        prompts[3]


def test_more_points_are_for_all_prompts_or_for_each() -> None:
    boxes = Prompts.of_boxes([[0, 0, 9, 9], [5, 5, 9, 9]])
    alike = boxes.with_points([[1, 1], [2, 2]], [1, 0])
    assert alike.labels.tolist() == [[2, 3, 1, 0]] * 2
    assert alike.points[1, 2:].tolist() == [[1, 1], [2, 2]]
    each = boxes.with_points([[[1, 1]], [[2, 2]]], [[1], [0]])
    assert each.labels.tolist() == [[2, 3, 1], [2, 3, 0]]
    assert each.points[:, 2].tolist() == [[1, 1], [2, 2]]
    assert boxes.labels.tolist() == [[2, 3]] * 2  # the old ones are as they were


def test_a_box_and_a_mask_join_a_click() -> None:
    click = Prompts.point(4, 5)
    boxed = click.with_boxes([[1, 2, 8, 9]])
    assert boxed.labels.tolist() == [[1, 2, 3]]
    masked = boxed.with_masks(logits(1)[:, None])  # as an answer has them: (P, 1, h, w)
    np.testing.assert_array_equal(masked.masks, logits(1))
    np.testing.assert_array_equal(masked.with_points([[0, 0]]).masks, logits(1))


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [
        (Prompts.point(1, 1), [True]),
        (Prompts.point(1, 1).padded(3), [True]),
        (Prompts.point(1, 1, BACKGROUND), [False]),
        (Prompts.of_points([[1, 1], [2, 2]]), [False]),
        (Prompts.of_points([[1, 1], [2, 2]], [1, 0]), [False]),
        (Prompts.box(0, 0, 1, 1), [False]),
        (Prompts.box(0, 0, 1, 1).with_points([[0, 0]]), [False]),
        (Prompts.point(1, 1).with_masks(logits(1)), [False]),
        (Prompts.of_masks(logits(2)), [False, False]),
        (words("it", points=1), [False]),
        (Prompts.join([Prompts.box(0, 0, 1, 1), Prompts.point(1, 1)]), [False, True]),
    ],
)
def test_only_a_single_object_click_is_ambiguous(prompts: Prompts, expected: list[bool]) -> None:
    assert prompts.ambiguous().tolist() == expected


CLICK, BOX = Prompts.point(1, 1), Prompts.box(0, 0, 9, 9)
REFUSED: list[tuple[str, Callable[[], object]]] = [
    ("points must be numbers of shape", lambda: Prompts.of_points([["a", "b"]])),
    ("points must be numbers of shape", lambda: Prompts.of_points([[1, 2], [3]])),
    ("points must be numbers of shape", lambda: Prompts.of_points([[10**400, 1]])),
    ("'a' is no number", lambda: Prompts.point("a", 3)),  # type: ignore[arg-type]
    ("None is no number", lambda: Prompts.box(None, 3, 4, 5)),  # type: ignore[arg-type]
    ("'2' is no number", lambda: CLICK.with_points([["2", "1"]])),
    ("its rows differ in length", lambda: Prompts.of_points([[1, 2], [3]])),
    ("labels must be whole numbers: its rows", lambda: Prompts.of_points([[1, 2]], [[1], []])),
    ("not 5", lambda: Prompts.point(1, 1, 5)),
    ("not 0.5", lambda: Prompts.point(1, 1, 0.5)),  # type: ignore[arg-type]
    ("join takes a list of Prompts, not int", lambda: Prompts.join(5)),  # type: ignore[arg-type]
    ("join takes a list of Prompts", lambda: Prompts.join([CLICK, None])),  # type: ignore[list-item]
    ("not true and false", lambda: Prompts.of_masks(np.ones((1, 4, 4), bool))),
    ("not true and false", lambda: CLICK.with_masks(np.ones((1, 1, 4, 4), bool))),
    ("must have the shape (N, 2) or (P, N, 2), not (2,)", lambda: Prompts.of_points([1, 2])),
    ("must be XY pairs of shape (N, 2)", lambda: Prompts.of_points([[1, 2, 3]])),
    ("points contain a number that is not finite", lambda: Prompts.point(float("nan"), 1)),
    ("not finite", lambda: Prompts.point(1, float("inf"))),
    ("not finite", lambda: Prompts.point(1e300, 1)),
    ("points need labels of shape (1,), not (2,)", lambda: Prompts.of_points([[1, 1]], [1, 0])),
    ("labels must be whole numbers", lambda: Prompts.of_points([[1, 1]], ["object"])),
    ("labels must be whole numbers", lambda: Prompts.of_points([[1, 1]], [10**30])),
    ("labels must be whole numbers", lambda: Prompts.of_points([[1, 1]], [None])),  # type: ignore[arg-type]
    ("labels must be 1 (object), 0 (background)", lambda: Prompts.point(1, 1, 4)),
    ("labels must be 1 (object), 0 (background)", lambda: Prompts.point(1, 1, -2)),
    ("labels must be 1 (object)", lambda: Prompts.of_points([[1, 1]], [0.5])),
    ("labels must be 1 (object)", lambda: Prompts.of_points([[1, 1]], [float("nan")])),
    ("labels must have the shape (P, N), not (1,)", lambda: Prompts(np.zeros((1, 1, 2)), [1])),  # type: ignore[arg-type]
    ("do not belong together", lambda: Prompts(np.zeros((1, 2, 2)), np.ones((1, 1)))),  # type: ignore[arg-type]
    ("boxes must be (P, 4), not (1, 3)", lambda: Prompts.of_boxes([[1, 2, 3]])),
    ("boxes must have the shape (P, 4), not (4,)", lambda: Prompts.of_boxes([1, 2, 3, 4])),
    ("the box 9,0,1,5 must be X0,Y0,X1,Y1 with X0 < X1 and Y0 < Y1: 1,0,9,5, or 9,0,10,5 if its "
        "last two were width and height", lambda: Prompts.box(9, 0, 1, 5)),
    ("Y0 < Y1: -1,4,0,5", lambda: Prompts.box(-1, 5, 0, 4)),
    ("the box 3,3,3,3 has no area; a place is a point", lambda: Prompts.box(3, 3, 3, 3)),
    ("the box 3,4,9,4 has no area", lambda: Prompts.of_boxes([[0, 0, 1, 1], [3, 4, 9, 4]])),
    ("the box 3,3,3,9 has no area", lambda: CLICK.with_boxes([[3, 3, 3, 9]])),
    ("a prompt has at most one box", lambda: BOX.with_boxes([[0, 0, 1, 1]])),
    ("a prompt has at most one box", lambda: Prompts.point(1, 1, BOX_TOP_LEFT)),
    ("give several boxes as several prompts", lambda: Prompts.point(1, 1, BOX_BOTTOM_RIGHT)),
    ("masks must have the shape (P, h, w)", lambda: Prompts.of_masks(np.zeros((4, 4)))),
    ("masks must have the shape (P, h, w)", lambda: CLICK.with_masks(np.zeros((1, 3, 4, 4)))),
    ("masks must be numbers", lambda: CLICK.with_masks("mask")),
    ("masks must be numbers", lambda: CLICK.with_masks([[[1, 2], [3]]])),
    ("masks contain a number that is not finite", lambda: CLICK.with_masks([[[np.nan]]])),
    ("1 prompts need as many masks, not 2", lambda: CLICK.with_masks(logits(2))),
    ("have no pixels", lambda: CLICK.with_masks(np.zeros((1, 0, 4)))),
    ("texts must be a sequence", lambda: dataclasses.replace(CLICK, texts="dog")),  # type: ignore[arg-type]
    ("texts must be a sequence", lambda: dataclasses.replace(CLICK, texts=("",))),
    ("texts must be a sequence", lambda: dataclasses.replace(CLICK, texts=(5,))),  # type: ignore[arg-type]
    ("texts must be a sequence", lambda: dataclasses.replace(CLICK, texts=5)),  # type: ignore[arg-type]
    ("1 prompts need as many texts, not 2", lambda: dataclasses.replace(CLICK, texts=("a", "b"))),
    ("there are no prompts", lambda: Prompts.of_points(np.zeros((0, 1, 2)))),
    ("there are no prompts", lambda: Prompts.of_boxes(np.zeros((0, 4)))),
    ("there are no prompts", lambda: Prompts.of_masks(np.zeros((0, 4, 4)))),
    ("there are no prompts", lambda: CLICK[1:]),
    ("there are no prompts to join", lambda: Prompts.join([])),
    ("prompt 0 is empty: give a point", lambda: Prompts.of_points(np.zeros((0, 2)))),
    ("prompt 1 is empty", lambda: Prompts.of_points(np.zeros((2, 1, 2)), [[1], [PADDING]])),
    ("can't be joined", lambda: Prompts.join([CLICK, CLICK.with_masks(logits(1))])),
    ("masks", lambda: Prompts.join([Prompts.of_masks(logits(1, s)) for s in (4, 5)])),
    ("2 prompts can't take points for 3", lambda: Prompts.of_boxes(np.eye(4)[[3, 3]] + [0, 0, 1, 0])
        .with_points(np.zeros((3, 1, 2)))),
    ("2 points do not fit in 1", lambda: BOX.padded(1)),
]  # fmt: skip


@pytest.mark.parametrize(("message", "make"), REFUSED)
def test_what_is_no_prompt_is_refused_with_its_trouble_named(
    message: str, make: Callable[[], object]
) -> None:
    with pytest.raises(PromptError, match=re.escape(message)):
        make()


def test_not_finite_labels_are_refused_without_a_warning_beside_it() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(PromptError, match="labels"):
            Prompts.of_points([[1, 1], [2, 2]], [float("nan"), float("inf")])


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "values",
    [
        np.array([[1 + 2j, 3]]),
        np.array([["2020-01-01", "2020-01-02"]], dtype="datetime64[D]"),
        np.array([[1, 2]], dtype="timedelta64[s]"),
    ],
)
def test_numbers_that_are_no_coordinates_are_not_bent_into_some(values: npt.ArrayLike) -> None:
    with pytest.raises(PromptError, match="points must be numbers"):
        Prompts.of_points(values)


@pytest.mark.filterwarnings("ignore")  # torch's own, of numpy 2
def test_a_tensor_is_as_good_as_an_array_and_one_that_needs_a_gradient_is_refused_by_name() -> None:
    assert Prompts.of_points(torch.ones(1, 2)).points.tolist() == [[[1, 1]]]
    with pytest.raises(PromptError, match="points must be numbers"):
        Prompts.of_points(torch.ones(1, 2, requires_grad=True))


SIZE = "the image, which is 30×20 (width×height)"
OUTSIDE: list[tuple[str, Prompts]] = [
    (f"the point 31,5 lies outside {SIZE}", Prompts.point(31, 5)),
    (f"the point 5,-0.5 lies outside {SIZE}", Prompts.point(5, -0.5, BACKGROUND)),
    (f"the box 40,0,50,9 lies outside {SIZE}", Prompts.box(40, 0, 50, 9)),
    (f"the box 30,2,30.4,4 lies outside {SIZE}", Prompts.box(30, 2, 30.4, 4)),
    (f"the box -0.5,0,0,9 lies outside {SIZE}", Prompts.box(-0.5, 0, 0, 9)),
    (f"the box 4,3,33,9 leaves {SIZE}, at its corner 33,9; what of it lies inside is 4,3,30,9",
        Prompts.box(4, 3, 33, 9)),
    (f"the box -2,3,33,9 leaves {SIZE}, at its corner -2,3; what of it lies inside is 0,3,30,9",
        Prompts.box(-2, 3, 33, 9)),
    ("at its corner 9,21.5", Prompts.of_boxes([[0.0, 0, 9, 9], [1, 1, 9, 21.5]])),
    ("at its corner 1,-9", Prompts.point(1, 1).with_boxes([[1, -9, 9, 9]])),
]  # fmt: skip


@pytest.mark.parametrize(("message", "prompts"), OUTSIDE)
def test_points_and_boxes_that_leave_the_image_are_refused(message: str, prompts: Prompts) -> None:
    with pytest.raises(PromptError, match=re.escape(message)):
        prompts.check_inside((20, 30))


@pytest.mark.parametrize(
    "prompts",
    [
        Prompts.of_points([[0, 0], [30, 20]]),
        Prompts.of_points([[5, 5], [99, -99]], [1, PADDING]),
        Prompts.box(0, 0, 30, 20),
        Prompts.box(-1, -1, 31, 21),  # a detector's rounding
        Prompts.box(29.9, 3, 30.3, 9),
        Prompts.of_masks(logits(1)),
    ],
)
def test_what_lies_in_the_image_or_leaves_it_by_a_pixel_is_accepted(prompts: Prompts) -> None:
    prompts.check_inside((20, 30))


@pytest.mark.parametrize(
    ("prompts", "expected"),
    [
        (Prompts.point(500, 375.5), "Prompts(1 prompt: point 500,375.5)"),
        (Prompts.point(5, 3, BACKGROUND).padded(9), "Prompts(1 prompt: background point 5,3)"),
        (
            Prompts.box(1, 2, 3, 4).with_points([[1, 1], [2, 2]]).with_masks(logits(1)),
            "Prompts(1 prompt: 2 points, box 1,2,3,4, mask of 4×4)",
        ),
        (Prompts.of_masks(logits(3)), "Prompts(3 prompts: masks of 4×4)"),
        (Prompts.of_boxes(np.tile([1, 2, 3, 4], (500, 1))), "Prompts(500 prompts: boxes)"),
        (
            Prompts.join([Prompts.box(0, 0, 1, 1), Prompts.of_points([[1, 1], [2, 2]])]),
            "Prompts(2 prompts: up to 2 points, boxes)",
        ),
        (words("a dog"), "Prompts(1 prompt: 'a dog')"),
        (words("a dog", "a cat", points=1), "Prompts(2 prompts: up to 1 point, words)"),
    ],
)
def test_prompts_are_shown_in_a_line(prompts: Prompts, expected: str) -> None:
    assert repr(prompts) == expected


def test_prompts_of_text_embeddings_are_prompts_like_others() -> None:
    said = Prompts.of_text_embeddings([[1.0, 0.0, 2.0], [0.0, 1.0, 0.0]])
    assert (len(said), said.labels.shape, said.ambiguous().tolist()) == (2, (2, 0), [True, True])
    assert repr(said) == "Prompts(2 prompts: text of 3 numbers)"
    pointed = said.with_points([[5, 6]])
    assert not pointed.ambiguous().any()
    assert pointed[1].text_embeddings is not None
    np.testing.assert_array_equal(pointed[1].text_embeddings, [[0, 1, 0]])
    alike = Prompts.of_points([[[1, 2]], [[3, 4]]]).with_text_embeddings([1, 2, 3])
    joined = Prompts.join([pointed, alike])
    assert joined.text_embeddings is not None
    assert joined.text_embeddings.shape == (4, 3)


def test_text_embeddings_that_say_nothing_or_do_not_fit_are_refused() -> None:
    with pytest.raises(PromptError, match="all zeros says nothing"):
        Prompts.of_text_embeddings([0.0, 0.0])
    with pytest.raises(PromptError, match="1 prompts need as many text embeddings, not 2"):
        Prompts.point(1, 2).with_text_embeddings([[1.0], [2.0]])
    with pytest.raises(PromptError, match="must have the shape"):
        Prompts.of_text_embeddings([[[1.0]]])
    words = Prompts.of_text_embeddings([1.0])
    with pytest.raises(PromptError, match="different encoders"):
        Prompts.join([words, Prompts.of_text_embeddings([1.0, 2.0])])
    with pytest.raises(PromptError, match="with and without"):
        Prompts.join([words, Prompts.point(1, 2)])
