"""Over a thousand malformed prompts: a named error, never a surprise and never a bent answer.

Every kind of malformation is a function of a seeded generator; each of ``ROUNDS`` runs must raise.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest

from anymask.core.masks import Masks
from anymask.core.prompts import LARGEST_NUMBER, Prompts
from anymask.errors import PromptError
from anymask.predict.predictor import Predictor

# numpy warns of numbers that do not fit; what counts here is the error that follows.
pytestmark = pytest.mark.filterwarnings("ignore")

Rng = random.Random
ROUNDS = 60
WIDTH, HEIGHT, SIDE = 30, 20, 16  # of the image and of the tiniest model's mask logits
NOT_FINITE = (float("nan"), float("inf"), float("-inf"), 1e300, -1e300, 10**400)
# What is no array of numbers, whatever its shape.
JUNK: tuple[Any, ...] = (
    None, "", "points", b"bytes", {}, {"x": 1}, {1, 2}, object(), len, ..., [], [[]], [None],
    [[None, None]], ["a", "b"], [["a", "b"]], [[1, 2], [3]], [[[1, 2]], [[3]]], [1, [2, 3]],
    [[1, "x"]], [[object(), 1]], [{}], np.zeros(0), np.array(None), np.zeros((1, 2), "V4"),
    np.array([["a", "b"]]), np.array([[b"", b""]]), np.zeros((1,), "i4,f4"), 5, 5.5, True, 3j,
)  # fmt: skip
SHAPES = ((), (1,), (3,), (5,), (2, 3), (3, 5), (2, 1, 3), (1, 2, 2, 2), (2, 2, 2, 2, 2), (0, 3))


def click(rng: Rng) -> tuple[float, float]:
    return rng.uniform(0, WIDTH), rng.uniform(0, HEIGHT)


def clicks(rng: Rng, count: int) -> list[Any]:
    return [click(rng) for _ in range(count)]


def box(rng: Rng) -> list[float]:
    xs, ys = zip(click(rng), click(rng))
    return [min(xs), min(ys), max(xs) + 1, max(ys) + 1]


def good(rng: Rng) -> Prompts:
    return rng.choice(
        [
            Prompts.point(*click(rng)),
            Prompts.of_boxes([box(rng)]),
            Prompts.of_points(clicks(rng, 3), [1, 0, -1]),
            Prompts.of_masks(np.zeros((1, SIDE, SIDE))),
        ]
    )


def junk_as_points(rng: Rng) -> Prompts:
    made = rng.choice((Prompts.of_points, Prompts.of_boxes, Prompts.of_masks))
    return made(rng.choice(JUNK))


def junk_in_a_click(rng: Rng) -> Prompts:
    values: list[Any] = list(click(rng))
    values[rng.randrange(2)] = rng.choice((None, "x", "", [], [1], {}, object(), b"", 3j))
    return Prompts.point(*values)


def junk_as_labels(rng: Rng) -> Prompts:
    labels = rng.choice([value for value in JUNK if value is not None])
    return Prompts.of_points(clicks(rng, 2), labels)


def junk_as_masks(rng: Rng) -> Prompts:
    masks = rng.choice([value for value in JUNK if value is not None])
    return good(rng).with_masks(masks)


def junk_as_texts(rng: Rng) -> Prompts:
    texts = rng.choice([value for value in JUNK if value is not None])
    return replace(good(rng), texts=texts)


def junk_as_fields(rng: Rng) -> Prompts:
    fields = [np.zeros((1, 1, 2)), np.ones((1, 1)), None]
    fields[rng.randrange(2)] = rng.choice(JUNK)
    return Prompts(*fields)  # type: ignore[arg-type]


def not_finite(rng: Rng) -> Prompts:
    values: list[Any] = [*click(rng), *click(rng)]
    values[rng.randrange(4)] = rng.choice(NOT_FINITE)
    if rng.random() < 0.5:
        return Prompts.of_points([values[:2], values[2:]])
    return Prompts.box(*values)


def wrong_shapes(rng: Rng) -> Prompts:
    array = np.zeros(rng.choice(SHAPES), rng.choice(("f4", "f8", "i4", "u1", "?", "f2")))
    made = rng.choice((Prompts.of_points, Prompts.of_boxes, Prompts.of_masks))
    return made(array)


def wrong_labels(rng: Rng) -> Prompts:
    wrong = rng.choice((-2, 4, 255, 0.5, 1e9, 2**63, -(10**30), *NOT_FINITE, None, "1x", 2, 3))
    labels: list[Any] = [1, 0, 1]
    labels[rng.randrange(3)] = wrong
    return Prompts.of_points(clicks(rng, 3), labels)


def mismatched_counts(rng: Rng) -> Prompts:
    count, other = rng.sample(range(1, 6), 2)
    several = Prompts.of_points(np.array(clicks(rng, count))[:, None])
    kind = rng.randrange(5)
    if kind == 0:
        return Prompts.of_points(clicks(rng, count), [1] * other)
    if kind == 1:
        return several.with_masks(np.zeros((other, SIDE, SIDE)))
    if kind == 2:
        return several.with_boxes([box(rng)] * (other + (1 if other == 1 else 0) + 9))
    if kind == 3:
        return replace(several, labels=np.ones((other, 1), np.int64))
    return replace(several, texts=("thing",) * other)


def reversed_boxes(rng: Rng) -> Prompts:
    x0, y0, x1, y1 = box(rng)
    bad = rng.choice(([x1, y0, x0, y1], [x0, y1, x1, y0], [x1, y1, x0, y0]))
    return Prompts.of_boxes([box(rng), bad])


def several_boxes_in_one(rng: Rng) -> Prompts:
    boxes = Prompts.of_boxes([box(rng)])
    bad = rng.choice(([2], [3], [3, 3], [2, 2], [2, 3], [3, 2, 1]))
    return boxes.with_points(clicks(rng, len(bad)), bad)


def empty(rng: Rng) -> Prompts:
    kinds: Sequence[Callable[[], Prompts]] = (
        lambda: Prompts.of_points(np.zeros((rng.randrange(3), 0, 2))),
        lambda: Prompts.of_points(clicks(rng, 2), [-1, -1]),
        lambda: Prompts.of_points(np.zeros((2, 1, 2)), [[1], [-1]]),
        lambda: Prompts.of_boxes(np.zeros((0, 4))),
        lambda: Prompts.of_masks(np.zeros((0, SIDE, SIDE))),
        lambda: Prompts.of_masks(np.zeros((1, rng.choice((0, 4)), 0))),
        lambda: Prompts.join([]),
        lambda: good(rng)[:0],
    )
    return rng.choice(kinds)()


def clicks_outside(rng: Rng) -> Prompts:
    far = rng.choice((1e-3, 1, 100, 1e9, 3e38))
    bad = rng.choice(([-far, 5], [5, -far], [WIDTH + far, 5], [5, HEIGHT + far]))
    return Prompts.of_points([click(rng), bad, click(rng)], [1, rng.choice((0, 1)), 1])


def boxes_outside(rng: Rng) -> Prompts:
    far = rng.choice((1, 100, 1e9, 1e38))
    x, y = WIDTH + far, HEIGHT + far
    bad = rng.choice(([x, 0, 2 * x, 9], [0, y, 9, 2 * y], [-2 * x, 0, -far, 9], [0, -y, 9, -far]))
    return Prompts.of_boxes([bad])


def boxes_that_leave(rng: Rng) -> Prompts:
    far: float = rng.choice((1.01, 5.0, 100.0, 1e5))
    x0, y0, x1, y1 = box(rng)
    bad: list[float] = rng.choice(
        ([-far, y0, x1, y1], [x0, -far, x1, y1], [x0, y0, WIDTH + far, y1],
         [x0, y0, x1, HEIGHT + far], [-far, -far, WIDTH + far, HEIGHT + far])
    )  # fmt: skip
    return Prompts.of_boxes([[1.0, 1, 9, 9], bad])


def boxes_without_area(rng: Rng) -> Prompts:
    x0, y0, x1, y1 = box(rng)
    bad = rng.choice(([x0, y0, x0, y1], [x0, y0, x1, y0], [x0, y0, x0, y0], [0, 0, 0, 0]))
    return Prompts.of_boxes([[1.0, 1, 9, 9], bad])


def masks_of_another_size(rng: Rng) -> Prompts:
    sides = rng.choice(((SIDE, SIDE + 1), (1, 1), (256, 256), (HEIGHT, WIDTH), (SIDE, 1)))
    return good(rng).with_masks(np.zeros((1, *sides)))


def masks_that_cannot_be_joined(rng: Rng) -> Prompts:
    sides = rng.sample(range(1, 20), 2)
    pair = [Prompts.of_masks(np.zeros((1, side, side))) for side in sides]
    return Prompts.join([pair[0], rng.choice((pair[1], Prompts.point(*click(rng))))])


def masks_that_are_not_finite(rng: Rng) -> Prompts:
    masks = np.zeros((1, SIDE, SIDE))
    masks[0, rng.randrange(SIDE), rng.randrange(SIDE)] = rng.choice(NOT_FINITE[:-1])
    return good(rng).with_masks(masks)


def words_for_a_model_without(rng: Rng) -> Prompts:
    return replace(good(rng), texts=(rng.choice(("a dog", "  x ", "ß")),))


ALWAYS_WRONG = (
    junk_as_points, junk_in_a_click, junk_as_labels, junk_as_masks, junk_as_texts, junk_as_fields,
    not_finite, wrong_shapes, wrong_labels, mismatched_counts, reversed_boxes,
    several_boxes_in_one, empty, clicks_outside, boxes_outside, boxes_that_leave,
    boxes_without_area, masks_of_another_size,
    masks_that_cannot_be_joined, masks_that_are_not_finite, words_for_a_model_without,
)  # fmt: skip


def check_answer(masks: Masks, prompts: int) -> None:
    assert masks.logits.shape[0] == prompts
    assert masks.logits.shape[1] in (1, 3)
    assert masks.logits.shape[2:] == (SIDE, SIDE)
    assert np.isfinite(masks.logits).all()
    assert np.isfinite(masks.predicted_iou).all()
    assert masks.to_bool().shape == (*masks.logits.shape[:2], HEIGHT, WIDTH)


def test_there_are_a_thousand_malformed_prompts() -> None:
    assert len(ALWAYS_WRONG) * ROUNDS >= 1000


@pytest.mark.parametrize("kind", ALWAYS_WRONG, ids=lambda kind: kind.__name__)
def test_malformed_prompts_are_refused(
    tiniest_predictor: Predictor, kind: Callable[[Rng], Prompts]
) -> None:
    embedding = tiniest_predictor.encode(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    accepted, messages = [], set()
    for seed in range(ROUNDS):
        try:
            prompts = kind(random.Random(seed))
            check_answer(tiniest_predictor.predict(embedding, prompts), len(prompts))
        except PromptError as error:
            messages.add(str(error))
        else:
            accepted.append((seed, prompts))
    assert accepted == []
    assert all(len(message) > 15 for message in messages)


@pytest.mark.parametrize("seed", range(ROUNDS))
def test_what_they_are_made_from_is_answered(tiniest_predictor: Predictor, seed: int) -> None:
    embedding = tiniest_predictor.encode(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    prompts = good(random.Random(seed))
    check_answer(tiniest_predictor.predict(embedding, prompts), len(prompts))


def large(rng: Rng, big: float) -> Prompts:
    kinds: Sequence[Callable[[], Prompts]] = (
        lambda: Prompts.of_points([click(rng), [big, -big]], [1, -1]),
        lambda: Prompts.point(*click(rng)).with_masks(np.full((1, SIDE, SIDE), big)),
        lambda: Prompts.point(*click(rng)).with_masks(np.full((1, SIDE, SIDE), -big)),
    )
    return rng.choice(kinds)()


def many_or_thin(rng: Rng) -> Prompts:
    kinds: Sequence[Callable[[], Prompts]] = (
        lambda: Prompts.of_points(clicks(rng, 300)),
        lambda: Prompts.of_points(np.array(clicks(rng, 50))[:, None]),
        lambda: Prompts.of_points([[0, 0], [WIDTH, HEIGHT]]),
        lambda: Prompts.box(5, 5, 5.001, 5.001),
        lambda: Prompts.box(-1, -1, WIDTH + 1, HEIGHT + 1),
    )
    return rng.choice(kinds)()


@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize("kind", [partial(large, big=LARGEST_NUMBER), many_or_thin])
def test_extreme_prompts_are_answered_with_finite_numbers(
    tiniest_predictor: Predictor, kind: Callable[[Rng], Prompts], seed: int
) -> None:
    embedding = tiniest_predictor.encode(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    prompts = kind(random.Random(seed))
    check_answer(tiniest_predictor.predict(embedding, prompts), len(prompts))


@pytest.mark.parametrize("seed", range(50))
@pytest.mark.parametrize("big", [1.001 * LARGEST_NUMBER, 1e20, 3e38])
def test_numbers_that_a_model_would_overflow_on_are_refused(seed: int, big: float) -> None:
    with pytest.raises(PromptError, match="beyond"):
        large(random.Random(seed), big)
    with pytest.raises(PromptError, match="beyond"):
        Prompts.box(0, 0, big, big)


@pytest.mark.parametrize("prompts", [None, 5, "x", {}, [None], [5], ["x"], [[]], [], object()])
@pytest.mark.parametrize("several", [False, True])
def test_what_are_no_prompts_is_refused(
    tiniest_predictor: Predictor, prompts: Any, several: bool
) -> None:
    embedding = tiniest_predictor.encode(np.zeros((HEIGHT, WIDTH, 3), np.uint8))
    with pytest.raises(PromptError):
        tiniest_predictor.predict([embedding] if several else embedding, prompts)
