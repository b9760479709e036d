from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest

from anymask.core.annotations import Annotations
from anymask.core.words.crops import Pixels
from anymask.datasets.prompting.object_prompt import ObjectPrompt
from anymask.errors import EmbeddingError, PromptError
from anymask.predict.objects import read_question
from anymask.predict.predictor import Predictor
from anymask.predict.words.candidates import Candidates
from anymask.predict.words.predictor import WordsPredictor
from tests.predict.words.by_colour import (
    BY_COLOUR,
    COLOURS,
    ByColour,
    ColourPredictor,
    FlatFeatures,
    squares,
)


@pytest.fixture
def pixels() -> Pixels:
    """Three red squares, the largest in the middle, and a green one at the right."""
    picture = np.zeros((60, 240, 3), np.uint8)
    for left, right, name in (
        (4, 34, "red"),
        (60, 110, "red"),
        (130, 160, "red"),
        (180, 230, "green"),
    ):
        picture[5 : 5 + right - left, left:right] = COLOURS[name]
    return picture


@pytest.fixture
def predictor() -> ColourPredictor:
    return ColourPredictor()


def lefts(predictor: ColourPredictor, pixels: Pixels, text: str) -> list[float]:
    return [one["bbox"][0] for one in predictor.find(pixels, text).masks]


def test_what_a_word_names_is_found_whole_and_labelled(
    predictor: ColourPredictor, pixels: Pixels
) -> None:
    answer = predictor.find(pixels, "a green")
    (mask,) = answer.to_bool()
    np.testing.assert_array_equal(mask, (pixels == COLOURS["green"]).all(axis=2))
    (one,) = answer.masks
    assert one["label"] == "green"
    assert one["predicted_iou"] == pytest.approx(1 / (1 + np.exp(-5)), abs=1e-6)
    np.testing.assert_allclose(answer.likeness, [1], atol=1e-6)
    assert answer.reasons == ()
    assert answer.answered_by == "colours + flat + squares"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("all reds", {4, 60, 130}),
        ("the red on the left", {4}),
        ("the biggest red", {60}),
        ("the second red from the right", {60}),
        ("the red next to the green", {130}),
        ("green and the red on the left", {180, 4}),
    ],
)
def test_a_phrase_says_which(
    predictor: ColourPredictor, pixels: Pixels, text: str, found: set[int]
) -> None:
    assert set(lefts(predictor, pixels, text)) == found


def test_several_texts_are_labelled_each_and_the_image_is_looked_at_once(
    predictor: ColourPredictor, pixels: Pixels
) -> None:
    answer = predictor.find(pixels, ["green", "one red", "blue"])
    assert [one["label"] for one in answer.masks] == ["green", "red"]
    assert [one["id"] for one in answer.masks] == [0, 1]
    (reason,) = answer.reasons
    assert (
        reason
        == "nothing is like 'blue': the likeliest of 4 masks has a chance of 0.007, below 0.500"
    )
    predictor.find(pixels, "blue")
    assert predictor.looked == 1


@pytest.mark.parametrize(
    ("text", "count", "reason"),
    [
        ("dog", 0, "nothing is like 'dog'"),
        ("word " * 10_000, 0, "nothing is like"),
        ("🐕", 0, "nothing is like 'dog'"),
        ("כלב", 0, "nothing is like 'כלב'"),
        ("five reds", 3, "5 reds were asked for, 3 found"),
        ("the fourth red from the left", 0, "'red' is there 3 times, but not where"),
        ("red next to the dog", 0, "nothing is like 'dog'"),
    ],
)
def test_what_is_not_there_has_a_reason(
    predictor: ColourPredictor, pixels: Pixels, text: str, count: int, reason: str
) -> None:
    answer = predictor.find(pixels, text)
    assert answer.to_bool().shape == (count, 60, 240)
    assert reason in answer.reasons[0]


def test_an_image_of_nothing_has_nothing(predictor: ColourPredictor) -> None:
    answer = predictor.find(np.zeros((40, 50, 3), np.uint8), "red")
    assert answer.to_bool().shape == (0, 40, 50)
    assert "nothing at all was found" in answer.reasons[0]


def test_other_masks_are_candidates_too(predictor: ColourPredictor, pixels: Pixels) -> None:
    among = predictor.candidates_of(pixels, squares(pixels)[:2])
    answer = predictor.find(pixels, "all reds", among=among)
    assert [one["bbox"][0] for one in answer.masks] == [4, 60]
    assert predictor.looked == 0


@pytest.mark.parametrize("text", ["", "  ", "?!", "\u200f"])
def test_a_text_without_a_name_is_refused(predictor: ColourPredictor, text: str) -> None:
    with pytest.raises(PromptError, match="need a letter"):
        predictor.find(np.zeros((4, 4, 3), np.uint8), text)


def test_too_many_things_are_refused(predictor: ColourPredictor) -> None:
    names = [f"thing {number}" for number in range(40)]
    with pytest.raises(PromptError, match="from 1 to 32"):
        predictor.find(np.zeros((4, 4, 3), np.uint8), names)
    with pytest.raises(PromptError, match="0 things"):
        predictor.find(np.zeros((4, 4, 3), np.uint8), [])


@pytest.mark.parametrize("text", ["two dogs", "the dog on the left", "dog and cat"])
def test_beside_a_click_one_name_is_taken(predictor: ColourPredictor, text: str) -> None:
    with pytest.raises(PromptError, match="one name and nothing else"):
        predictor.find_at(np.zeros((4, 4, 3), np.uint8), text, [])


def test_kept_candidates_answer_as_those_that_were_kept(
    predictor: ColourPredictor, pixels: Pixels
) -> None:
    content = predictor.candidates(pixels).to_bytes()
    answer = ColourPredictor().find(pixels, "reds", among=Candidates.of_bytes(content))
    assert answer.masks == predictor.find(pixels, "reds").masks
    nothing = predictor.candidates(np.zeros((40, 50, 3), np.uint8))
    assert Candidates.of_bytes(nothing.to_bytes()).masks.image_hw == (40, 50)
    with pytest.raises(EmbeddingError, match="no kept candidates"):
        Candidates.of_bytes(content[:100])


def test_a_model_is_asked_for_clicks_boxes_and_everything(
    tiny_predictor: Predictor, picture: Pixels
) -> None:
    words = WordsPredictor(tiny_predictor, cast(Any, FlatFeatures()), ByColour(), BY_COLOUR)
    click = read_question(ObjectPrompt(((40, 30, 1),)), (60, 90))
    answer = words.find_at(picture, "red", [click, click])
    assert len(answer.masks) in (0, 2)
    assert bool(answer.reasons) == (not answer.masks)
    assert all(one["label"] == "red" for one in answer.masks)
    boxes = np.array([[10, 10, 50, 40]], np.float32)
    given = words.candidates_given(picture, boxes, Annotations([], (60, 90)))
    assert len(given.masks) <= 1
    assert words.find(picture, "green").masks.image_hw == (60, 90)


def test_masks_of_a_click_are_weighed_by_what_was_predicted_at_first_sight(
    tiny_predictor: Predictor, picture: Pixels
) -> None:
    class Twice:
        """A model whose second look nobody should ask for here."""

        at_first_sight, model_id = tiny_predictor, tiny_predictor.model_id
        encode = staticmethod(tiny_predictor.encode)

        def predict(self, *_: object) -> None:
            raise AssertionError("looked twice")

    click = read_question(ObjectPrompt(((40, 30, 1),)), (60, 90))
    once, twice = (
        WordsPredictor(cast(Any, sam), cast(Any, FlatFeatures()), ByColour(), BY_COLOUR)
        for sam in (tiny_predictor, Twice())
    )
    answers = [words.find_at(picture, "red", [click]) for words in (once, twice)]
    assert answers[0].masks == answers[1].masks


def test_what_is_far_less_likely_than_the_likeliest_is_there_only_by_number(
    predictor: ColourPredictor, pixels: Pixels
) -> None:
    among = predictor.candidates(pixels)
    # Three reds and a green: odds of 5, 4.5 and 1 to the word, by ten times the likeness.
    embedded = np.array([[1, 0, 0], [0.95, 0, 0], [0.6, 0, 0], [0, 1, 0]], np.float32)
    among = replace(among, embedded=embedded)
    assert len(predictor.find(pixels, "red", among=among).masks) == 2
    assert len(predictor.find(pixels, "three reds", among=among).masks) == 3
