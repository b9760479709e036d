from typing import Any, cast

import numpy as np
import pytest

from anymask.core.words.named_things import NamedThings
from anymask.core.words.objects import SIDE_PX, ShownObject
from anymask.models.efficientnet import CLASSES, EfficientNetLite0
from anymask.predict.words.names import (
    ADAPTER,
    BY_NAMES,
    CLASSIFIER,
    NAMED,
    OTHER,
    WORDNET,
    NamesEncoder,
    likeness,
    nearness_to_named,
)
from anymask.predict.words.sentences import ROW
from anymask.weights.fetch import cache_path
from anymask.weights.registry import find

needs_weights = pytest.mark.skipif(
    not all(
        cache_path(file).exists() for row in (CLASSIFIER, WORDNET, ROW) for file in find(row).files
    ),
    reason="not all weights are in the cache",
)


def test_the_shipped_adapter_is_small_and_fits_the_features() -> None:
    assert ADAPTER.stat().st_size <= 8_000_000
    assert ADAPTER.with_suffix(".md").exists()
    things = NamedThings.read(ADAPTER)
    assert things.matrix.shape[0] == EfficientNetLite0().head.in_features + 2 * 384 + 3
    assert "dog" in things.names


def test_what_the_classes_leave_open_the_named_things_decide() -> None:
    classes = np.full((2, CLASSES), 1 / CLASSES, np.float32)
    images = np.concatenate([classes, [[0.9, 0.1], [0.2, 0.8]]], axis=1)
    words = np.concatenate([np.ones((2, CLASSES)), np.eye(2)], axis=1)
    assert likeness(images, words).argmax(axis=0).tolist() == [0, 1]
    untrained = likeness(classes, np.ones((2, CLASSES), np.float32))
    np.testing.assert_allclose(untrained, 0, atol=1e-3)


@needs_weights
@pytest.mark.weights
@pytest.mark.slow
def test_words_of_any_kind_are_compared_with_objects() -> None:
    encoder = NamesEncoder.load(offline=True)
    rng = np.random.default_rng(0)
    objects = [
        ShownObject(
            rng.integers(0, 256, (SIDE_PX, SIDE_PX, 3), np.uint8),
            rng.normal(size=768).astype(np.float32),
            np.zeros(3, np.float32),
        )
        for _ in range(2)
    ]
    words = ["dog", "a dog", "dogs", "hound", "", "🐕", "כלב", "dgo", "word " * 10_000]
    images, embedded = encoder.embed_images(objects), encoder.embed_words(words)
    assert images.shape[1] == embedded.shape[1]
    scores = BY_NAMES.likeness(images, embedded)
    assert scores.shape == (2, len(words))
    assert np.isfinite(scores).all()
    np.testing.assert_array_equal(scores[:, 0], scores[:, 1])


def test_a_word_that_is_one_of_the_names_is_that_name_alone() -> None:
    class Nearness:
        names = ("dog", "cup")

        def nearness(self, words: list[str]) -> np.typing.NDArray[np.float32]:
            return np.full((len(words), 2), 0.7, np.float32)

    near = nearness_to_named(cast(Any, Nearness()), ["A cup", "hound", "dogs"])
    np.testing.assert_allclose(near, np.array([[0.0, 1.0], [0.7, 0.7], [1.0, 0.0]]), rtol=1e-6)


def test_whether_a_word_is_one_of_the_names_shows_in_its_embedding() -> None:
    words = np.ones((2, CLASSES + 2), np.float32)
    words[1, CLASSES:] = 0, 1
    assert BY_NAMES.weighing(words[0]) == OTHER
    assert BY_NAMES.weighing(words[1]) == NAMED
    assert BY_NAMES.weighing(words[1, :CLASSES]) == OTHER
