"""What is derived from an embedding is derived once, for as many images as there are users."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

import anymask
from anymask.compat import SamPredictor
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats, ResizeMap
from anymask.core.prompts import Prompts
from anymask.models.mask_decoder import PromptedImage
from anymask.predict import onnx_runtime
from anymask.predict.embedding_cache import ENTRIES, EmbeddingCache
from anymask.predict.onnx_runtime import OnnxSegmenter
from anymask.predict.predictor import Predictor
from tests.conftest import Exporter

RGB = npt.NDArray[np.uint8]


class Derivation:
    """Derives a number from nothing, and counts."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self) -> int:
        self.count += 1
        return self.count


def embedding() -> ImageEmbedding:
    return ImageEmbedding({}, ResizeMap((1, 1), 16), "m")


def test_each_of_several_in_turn_is_derived_once() -> None:
    cache, derive = EmbeddingCache[int](), Derivation()
    several = [embedding() for _ in range(3)]
    values = [[cache.get(one, derive) for one in several] for _ in range(5)]
    assert values == [[1, 2, 3]] * 5


def test_the_least_recently_used_falls() -> None:
    cache, derive = EmbeddingCache[int](entries=2), Derivation()
    a, b, c = (embedding() for _ in range(3))
    assert [cache.get(one, derive) for one in (a, b, a, c)] == [1, 2, 1, 3]
    assert len(cache) == 2
    assert [cache.get(one, derive) for one in (a, c)] == [1, 3]
    assert cache.get(b, derive) == 4


class Value:
    """Something that can be referred to weakly."""


def test_values_fall_with_their_cache_at_once() -> None:
    cache, one, fallen = EmbeddingCache[Value](), embedding(), threading.Event()
    weakref.finalize(cache.get(one, Value), fallen.set)
    gc.disable()  # nothing may have to wait for the collector: a value may fill a card's memory
    try:
        del cache
        assert fallen.is_set()
    finally:
        gc.enable()


def test_a_value_falls_with_its_embedding() -> None:
    cache = EmbeddingCache[Value]()
    fallen = threading.Event()
    one, other = embedding(), embedding()
    value = cache.get(one, Value)
    weakref.finalize(value, fallen.set)
    kept = cache.get(other, Value)
    del one, value
    gc.collect()
    assert len(cache) == 1
    assert fallen.is_set()
    assert cache.get(other, Value) is kept


def test_a_new_embedding_in_the_place_of_an_old_one_has_its_own_value() -> None:
    cache, derive = EmbeddingCache[int](), Derivation()
    for number in range(1, 200):
        assert cache.get(embedding(), derive) == number
    assert len(cache) == 0


def test_a_derivation_that_fails_is_tried_again() -> None:
    def fails() -> int:
        raise ValueError("no")

    cache, one = EmbeddingCache[int](), embedding()
    with pytest.raises(ValueError, match="no"):
        cache.get(one, fails)
    assert cache.get(one, Derivation()) == 1


def test_threads_that_ask_about_one_embedding_at_once_derive_once() -> None:
    cache, derive, one = EmbeddingCache[int](), Derivation(), embedding()
    together = threading.Barrier(8)

    def ask() -> int:
        together.wait()
        return cache.get(one, derive)

    with ThreadPoolExecutor(8) as pool:
        futures = [pool.submit(ask) for _ in range(8)]
    assert {future.result() for future in futures} == {1}


def test_threads_with_images_of_their_own_derive_beside_each_other() -> None:
    cache, both = EmbeddingCache[int](), threading.Barrier(2, timeout=20)
    several = [embedding(), embedding()]

    def ask(one: ImageEmbedding) -> int:
        return cache.get(one, lambda: both.wait() * 0)  # returns once the other derives, too

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(ask, several)) == [0, 0]


def test_threads_that_make_and_drop_embeddings_leave_nothing() -> None:
    cache = EmbeddingCache[int](entries=3)

    def work(seed: int) -> None:
        for _ in range(300):
            several = [embedding() for _ in range(4)]
            for number, one in enumerate([*several, *several[::-1]]):
                assert cache.get(one, lambda number=number: number) >= 0  # type: ignore[misc]

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    gc.collect()
    assert len(cache) == 0


@pytest.fixture
def shares(tiny_predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> list[Tensor]:
    """The features that the model prepared for many prompts, so far."""
    seen: list[Tensor] = []
    share: Callable[[Tensor], PromptedImage] = tiny_predictor.share

    def counted(features: Tensor) -> PromptedImage:
        seen.append(features)
        return share(features)

    monkeypatch.setattr(tiny_predictor, "share", counted)
    return seen


def test_users_with_images_of_their_own_do_not_thrash_a_model(
    tiny_predictor: Predictor, picture: RGB, shares: list[Tensor]
) -> None:
    embeddings = tiny_predictor.encode([picture, picture[::-1], picture[:, ::-1]])
    answers = [
        [tiny_predictor.predict(one, Prompts.point(x, 20)).logits for one in embeddings]
        for x in (10, 20, 10)
    ]
    assert len(shares) == 3 <= ENTRIES
    for first, again in zip(answers[0], answers[2]):
        np.testing.assert_array_equal(first, again)


def test_official_predictors_over_one_model_share_its_cache(
    tiny_predictor: Predictor, picture: RGB, shares: list[Tensor]
) -> None:
    users = [SamPredictor(tiny_predictor) for _ in range(2)]
    for user, image in zip(users, (picture, picture[::-1])):
        user.set_image(image)
    for _ in range(3):
        for user in users:
            user.predict(np.array([[10, 20]]), np.array([1]))
    assert len(shares) == 2
    users[0].set_torch_image(torch.zeros(1, 3, 86, 128), (60, 90))
    users[0].predict(np.array([[10, 20]]), np.array([1]))
    assert len(shares) == 3


def test_users_of_an_export_do_not_thrash_it_either(
    exported: Exporter, picture: RGB, monkeypatch: pytest.MonkeyPatch
) -> None:
    sam = anymask.load(exported("tiny", "float32"))
    assert isinstance(sam, OnnxSegmenter)
    assert sam.pair.prepare is not None
    prepared: list[object] = []
    run = onnx_runtime._run

    def counted(session: Any, outputs: list[str], feeds: Any) -> tuple[Floats, ...]:
        prepared.extend([session] if session is sam.preparer else [])
        return run(session, outputs, feeds)

    monkeypatch.setattr(onnx_runtime, "_run", counted)
    embeddings = sam.encode([picture, picture[::-1], picture[:, ::-1]])
    for x in (10, 20, 30):
        for one in embeddings:
            sam.predict(one, Prompts.point(x, 20))
    assert len(prepared) == 3
    rough = np.zeros((1, sam.mask_side, sam.mask_side))
    sam.predict(embeddings[0], Prompts.point(10, 20).with_masks(rough))
    assert len(prepared) == 3  # a mask changes what there is
