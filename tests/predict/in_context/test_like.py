"""The predictor without training, with a tiny random SAM and features that can be told by hand."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.embedding import ImageEmbedding
from anymask.core.in_context.example import Example
from anymask.core.in_context.features import FeatureMap
from anymask.core.metrics import mask_iou
from anymask.errors import PromptError
from anymask.predict.in_context.following import Follower
from anymask.predict.in_context.like import LikePredictor
from anymask.predict.in_context.looks import Looks
from anymask.predict.predictor import Predictor

RED, GREEN, BLUE = (220, 20, 20), (20, 200, 20), (20, 20, 220)
Pixels = np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
Mask = np.ndarray[tuple[int, ...], np.dtype[np.bool_]]


class Colours:
    """The mean colour of each 8 × 8 pixels, as a feature."""

    name = "colours"
    identity = ""

    def features(self, pixels: Pixels, embedding: ImageEmbedding) -> FeatureMap:
        hw = pixels.shape[0], pixels.shape[1]
        means = pixels.reshape(hw[0] // 8, 8, hw[1] // 8, 8, 3).mean((1, 3)).astype(np.float32)
        return FeatureMap.of_features(means, hw)


@pytest.fixture
def predictor(tiny_predictor: Predictor) -> LikePredictor:
    return LikePredictor(tiny_predictor, Colours())


def scene(*things: tuple[int, int, tuple[int, int, int]]) -> Pixels:
    """A green picture of 96 × 128 with squares of 32 pixels: row, column, colour."""
    pixels = np.full((96, 128, 3), GREEN, np.uint8)
    for row, column, colour in things:
        pixels[row : row + 32, column : column + 32] = colour
    return pixels


def square(row: int, column: int) -> Mask:
    mask = np.zeros((96, 128), bool)
    mask[row : row + 32, column : column + 32] = True
    return mask


EXAMPLE = Example.of_mask(scene((8, 8, RED), (56, 88, BLUE)), square(8, 8))


def test_the_same_thing_is_found_elsewhere(predictor: LikePredictor) -> None:
    answer = predictor.segment(scene((56, 16, RED), (8, 80, BLUE)), [EXAMPLE])
    truth = square(56, 16)
    assert (answer.mask() & truth).sum() / (answer.mask() | truth).sum() > 0.7
    assert answer.objects[0].label == 1
    assert 0 < answer.score <= 1
    assert answer.answered_by == "colours + tiny"


def test_nothing_is_an_answer(predictor: LikePredictor) -> None:
    answer = predictor.segment(scene((8, 80, BLUE)), [EXAMPLE])
    assert not answer.labelled.labels.any()
    assert answer.objects == ()
    assert answer.score == 0


def test_labels_are_told_apart(predictor: LikePredictor) -> None:
    labels = np.where(square(8, 8), 1, np.where(square(56, 88), 2, 0)).astype(np.int32)
    answer = predictor.segment(
        scene((56, 16, BLUE), (8, 80, RED)), [Example(EXAMPLE.pixels, labels)]
    )
    for label, truth in ((1, square(8, 80)), (2, square(56, 16))):
        mask = answer.mask(label)
        assert (mask & truth).sum() / (mask | truth).sum() > 0.7
    assert {one.label for one in answer.objects} == {1, 2}


class Told(Looks):
    """Masks that are given stand for everything in an image."""

    def __init__(self, *masks: Mask) -> None:
        self.everything = np.array(masks)

    def masks(self, sam: Predictor, pixels: Pixels, embedding: ImageEmbedding) -> Mask:
        return self.everything


def test_things_that_touch_are_objects_of_their_own(tiny_predictor: Predictor) -> None:
    """Flags are red and blue; without masks of them, the two are one."""

    def flags(*columns: int) -> tuple[Pixels, list[Mask], list[Mask]]:
        pixels = scene(*((32, column, RED) for column in columns))
        for column in columns:
            pixels[32:64, column + 16 : column + 32] = BLUE
        whole = [square(32, column) for column in columns]
        halves = [mask & (pixels[..., 0] > 100) for mask in whole]
        return pixels, whole, halves

    shown, (mask,), _ = flags(8)
    pixels, whole, halves = flags(32, 64)
    for told, count in ((Told(*whole, *halves), 2), (Told(whole[0] | whole[1], *halves), 1)):
        predictor = LikePredictor(tiny_predictor, Colours(), told)
        answer = predictor.segment(pixels, [Example.of_mask(shown, mask)])
        assert len(answer.objects) == count
        for one in answer.objects:
            truths = whole if count == 2 else [whole[0] | whole[1]]
            assert max(mask_iou(one.mask, truth) for truth in truths) > 0.7


def test_a_rejected_suggestion_is_not_answered_again(predictor: LikePredictor) -> None:
    pixels = scene((56, 16, RED), (8, 80, RED))
    both = predictor.segment(pixels, [EXAMPLE]).mask()
    assert both[72, 32]
    assert both[24, 96]
    rejected = Example.of_mask(pixels, square(56, 16))
    answer = predictor.segment(pixels, [EXAMPLE], rejected=[rejected]).mask()
    assert not answer[56:88, 16:48].any()


def test_what_is_in_a_picture_without_the_thing_counts_less(predictor: LikePredictor) -> None:
    purple = (150, 20, 150)
    pixels = scene((56, 16, RED), (8, 80, purple))
    seen = predictor.see(pixels)
    regions = predictor.regions(pixels, seen)
    likeness = []
    for without in ([], [scene((8, 80, purple))]):
        shown = predictor.shown(1, [EXAMPLE], [], without)
        likeness.append(predictor.match(seen, regions, shown).relative)
    assert likeness[1][24, 96] < likeness[0][24, 96] - 0.01
    assert likeness[1][72, 32] > 0.9


def test_an_embedding_that_is_there_is_used(predictor: LikePredictor) -> None:
    pixels = scene((56, 16, RED))
    embedding = predictor.sam.encode(pixels)
    predictor.segment(pixels, [EXAMPLE], embedding=embedding)
    assert predictor.see(pixels).embedding is embedding


def test_the_embedding_alone_answers_and_says_so(tiny_predictor: Predictor) -> None:
    alone = LikePredictor(tiny_predictor)
    assert alone.answered_by == "tiny's embedding alone"
    answer = alone.segment(scene((56, 16, RED)), [EXAMPLE])
    assert answer.labelled.labels.shape == (96, 128)


def test_what_is_refused(predictor: LikePredictor) -> None:
    with pytest.raises(PromptError, match="0 examples"):
        predictor.segment(EXAMPLE.pixels, [])
    with pytest.raises(PromptError, match="65 examples"):
        predictor.segment(EXAMPLE.pixels, [EXAMPLE] * 65)
    with pytest.raises(PromptError, match="no frames"):
        next(Follower(predictor).follow([], EXAMPLE.labels))
    with pytest.raises(PromptError, match="is 2×2 and its image 128×96"):
        next(Follower(predictor).follow([EXAMPLE.pixels], np.ones((2, 2), np.int32)))


def test_grey_and_tiny_pictures_are_answered(tiny_predictor: Predictor) -> None:
    alone = LikePredictor(tiny_predictor)
    grey = np.full((40, 60, 3), 127, np.uint8)
    dot = Example.of_mask(np.zeros((1, 1, 3), np.uint8), np.ones((1, 1), bool))
    assert alone.segment(grey, [dot]).labelled.labels.shape == (40, 60)


def test_a_thing_is_followed_through_frames(predictor: LikePredictor) -> None:
    frames = [scene((row, 16, RED), (8, 80, BLUE)) for row in (8, 24, 40, 56)]
    answers = list(Follower(predictor).follow(frames, square(8, 16).astype(np.int32)))
    assert len(answers) == 3
    for row, answer in zip((24, 40, 56), answers):
        truth = square(row, 16)
        assert (answer.mask() & truth).sum() / (answer.mask() | truth).sum() > 0.7
