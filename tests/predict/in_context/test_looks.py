"""What is known of images stays on the disk: each model's own, and nothing damaged is believed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from anymask.core.embedding import ImageEmbedding
from anymask.core.in_context.features import FeatureMap
from anymask.models.dinov2 import DinoV2, DinoV2Config
from anymask.predict.disk_cache import DiskCache
from anymask.predict.in_context import looks as module
from anymask.predict.in_context.like import LikePredictor
from anymask.predict.in_context.looks import KeptLooks, masks_from_bytes, masks_to_bytes
from anymask.predict.in_context.semantic import DinoEncoder
from anymask.predict.predictor import Predictor
from tests.predict.in_context.test_like import EXAMPLE, RED, Colours, Pixels, scene


class Counted(Colours):
    """Colours under an identity; ``asked`` times."""

    def __init__(self, identity: str, weight: float = 1.0) -> None:
        self.identity, self.weight, self.asked = identity, weight, 0

    def features(self, pixels: Pixels, embedding: ImageEmbedding) -> FeatureMap:
        self.asked += 1
        found = super().features(pixels, embedding)
        grid = found.grid * np.array([1, 1, self.weight], np.float32)
        return FeatureMap.of_features(grid, found.image_hw)


@pytest.fixture
def cache(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / "cache", 1 << 30)


def files(cache: DiskCache) -> list[Path]:
    return [path for path in cache.folder.rglob("*") if path.is_file()]


def test_another_process_finds_what_is_known(
    tiny_predictor: Predictor, cache: DiskCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoder, pixels = Counted("colours@1"), scene((56, 16, RED))
    before = LikePredictor(tiny_predictor, encoder, KeptLooks(cache)).segment(pixels, [EXAMPLE])
    assert encoder.asked == 2
    assert len(files(cache)) == 5  # embeddings and features of both, masks of one

    def unwanted(*_: object) -> None:
        raise AssertionError("it is known already")

    monkeypatch.setattr(tiny_predictor, "encode", unwanted)
    monkeypatch.setattr(module, "everything", unwanted)
    later = LikePredictor(tiny_predictor, encoder, KeptLooks(cache))
    after = later.segment(pixels.copy(), [EXAMPLE])
    assert encoder.asked == 2
    assert (after.labelled.labels == before.labelled.labels).all()
    assert after.score == before.score


def test_features_of_another_model_are_never_read(
    tiny_predictor: Predictor, cache: DiskCache
) -> None:
    pixels, looks = scene((56, 16, RED)), KeptLooks(cache)
    embedding = tiny_predictor.encode(pixels)
    one, other = Counted("colours@1"), Counted("colours@2", 0.5)
    grids = [looks.features(encoder, pixels, embedding).grid for encoder in (one, other, one)]
    assert one.asked == other.asked == 1
    assert (grids[0] == grids[2]).all()
    assert np.abs(grids[0] - grids[1]).max() > 0.03
    changed = pixels.copy()
    changed[0, 0] = 0
    looks.features(one, changed, embedding)
    assert one.asked == 2


def test_features_are_float16_from_the_first_time_on(
    tiny_predictor: Predictor, cache: DiskCache
) -> None:
    pixels, encoder = scene((56, 16, RED)), Counted("colours@1")
    embedding = tiny_predictor.encode(pixels)
    first = KeptLooks(cache).features(encoder, pixels, embedding)
    again = KeptLooks(cache).features(encoder, pixels, embedding)
    assert (first.grid == again.grid).all()
    assert np.abs(first.grid - Colours().features(pixels, embedding).grid).max() < 1e-3
    assert files(cache)[0].stat().st_size < 2 * first.grid.size + 500


def test_what_is_damaged_or_another_models_is_made_again(
    tiny_predictor: Predictor, cache: DiskCache
) -> None:
    pixels, encoder = scene((56, 16, RED)), Counted("colours@1")
    embedding = tiny_predictor.encode(pixels)
    looks = KeptLooks(cache)
    looks.features(encoder, pixels, embedding)
    masks = looks.masks(tiny_predictor, pixels, embedding)
    foreign = embedding.to_bytes()
    for times, content in enumerate((b"", b"[1, 2, 3]\n", foreign, foreign[:-9]), start=2):
        for path in files(cache):
            path.write_bytes(content)
        looks.features(encoder, pixels, embedding)
        assert encoder.asked == times
        assert (looks.masks(tiny_predictor, pixels, embedding) == masks).all()


def test_nothing_is_kept_where_nothing_can_be(tiny_predictor: Predictor, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    looks, encoder = KeptLooks(DiskCache(tmp_path / "file", 1 << 30)), Counted("colours@1")
    pixels = scene((56, 16, RED))
    for times in (1, 2):
        looks.features(encoder, pixels, looks.embedding(tiny_predictor, pixels))
        assert encoder.asked == times


@pytest.mark.parametrize("shape", [(0, 4, 5), (3, 7, 9)])
def test_masks_there_and_back(shape: tuple[int, int, int]) -> None:
    masks = np.random.default_rng(0).random(shape) < 0.5
    back = masks_from_bytes(masks_to_bytes(masks))
    assert back is not None
    assert back.shape == shape
    assert (back == masks).all()
    assert masks_from_bytes(masks_to_bytes(masks)[:-1]) is None


def test_an_encoders_identity_is_all_that_its_features_depend_on() -> None:
    def encoder(blocks: tuple[int, ...], longest_px: int, weights_id: str) -> DinoEncoder:
        config = DinoV2Config(width=64, depth=3, features_of=blocks, heads=1, grid=2)
        return DinoEncoder(DinoV2(config), torch.device("cpu"), longest_px, weights_id)

    several = [((0, 1), 28, "a@1"), ((1, 2), 28, "a@1"), ((0, 1), 42, "a@1"), ((0, 1), 28, "a@2")]
    assert len({encoder(*one).identity for one in several}) == 4
    assert encoder((0, 1), 28, "").identity == ""
