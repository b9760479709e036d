from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from anymask.core import rle
from anymask.core.annotations import Annotations
from anymask.core.geometry import Floats
from anymask.core.in_context.features import FeatureMap
from anymask.core.words.comparison import Comparison
from anymask.core.words.crops import Pixels
from anymask.core.words.objects import ShownObject
from anymask.errors import PromptError
from anymask.predict.automatic import AutomaticConfig
from anymask.predict.words import ranking
from anymask.predict.words.ranking import WordsPredictor

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


class ByColour:
    """Embeds an object as its crop's colour, a word as the colour that it names."""

    def embed_images(self, objects: Sequence[ShownObject]) -> Floats:
        middles = [one.pixels[96:128, 96:128].reshape(-1, 3).mean(axis=0) for one in objects]
        return np.array(middles, np.float32) / np.float32(255)

    def embed_words(self, words: Sequence[str]) -> Floats:
        return np.array([COLOURS[word] for word in words], np.float32) / np.float32(255)


BY_COLOUR = Comparison(
    lambda images, words: images @ words.T, lambda words: np.full(len(words), 0.5)
)


@pytest.fixture
def pixels() -> Pixels:
    picture = np.zeros((60, 120, 3), np.uint8)
    picture[:, 10:50], picture[:, 70:110] = COLOURS["red"], COLOURS["green"]
    return picture


@pytest.fixture
def predictor(monkeypatch: pytest.MonkeyPatch, pixels: Pixels) -> WordsPredictor:
    asked = []

    def everything(sam: object, image: Pixels, config: object) -> Annotations:
        asked.append(image)
        assert len(asked) == 1  # the second time it is known
        masks = [(image == COLOURS[name]).all(axis=2) for name in ("green", "red")]
        entries = [
            cast(Any, {"segmentation": rle.encode(mask), "bbox": rle.bbox_xywh(rle.encode(mask))})
            for mask in masks
        ]
        return Annotations(entries, image.shape[:2])

    monkeypatch.setattr(ranking, "segment_everything", everything)
    monkeypatch.setattr(ranking, "suggested", lambda sam: AutomaticConfig())
    grid = np.ones((3, 6, 2), np.float32)
    semantic = SimpleNamespace(features=lambda image: FeatureMap.of_features(grid, (60, 120)))
    return WordsPredictor(cast(Any, None), cast(Any, semantic), ByColour(), BY_COLOUR)


def test_the_mask_that_a_word_means_is_first(predictor: WordsPredictor, pixels: Pixels) -> None:
    for name in ("red", "green"):
        answer = predictor.rank(pixels, name)
        (mask,) = answer.to_bool()
        np.testing.assert_array_equal(mask, (pixels == COLOURS[name]).all(axis=2))
        assert answer.reason == ""


def test_what_is_not_there_is_no_mask_but_a_reason(
    predictor: WordsPredictor, pixels: Pixels
) -> None:
    answer = predictor.rank(pixels, "blue")
    assert answer.to_bool().shape == (0, 60, 120)
    assert "nothing is like it" in answer.reason


@pytest.mark.parametrize("phrase", ["", "  ", "?!", "🐕"])
def test_a_phrase_without_a_letter_is_refused(predictor: WordsPredictor, phrase: str) -> None:
    with pytest.raises(PromptError, match="need a letter"):
        predictor.rank(np.zeros((4, 4, 3), np.uint8), phrase)
