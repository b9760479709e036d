"""Kept embeddings: found again, and refused when they are stale."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from anymask.errors import StaleCacheError
from anymask.predict.predictor import Predictor
from anymask.training.frozen.embeddings import Embeddings
from anymask.weights.checkpoint import Checkpoint
from tests.training.scripted import sample


def test_an_embedding_is_computed_once_and_the_same_ever_after(
    tiny_predictor: Predictor, tmp_path: Path
) -> None:
    kept = Embeddings(tiny_predictor, tmp_path)
    first, again = kept.of(sample(1)), kept.of(sample(1))
    later = Embeddings(tiny_predictor, tmp_path)
    assert torch.equal(first, again)
    assert torch.equal(first, later.of(sample(1)))
    assert (kept.computed, later.computed) == (1, 0)
    assert not torch.equal(first, kept.of(sample(2)))
    fresh = Embeddings(tiny_predictor).of(sample(1))
    torch.testing.assert_close(first, fresh, rtol=2e-3, atol=2e-3)  # kept as float16


def test_an_embedding_by_another_model_is_refused(
    tiny_predictor: Predictor, tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    Embeddings(tiny_predictor, tmp_path).of(sample(1))
    other = Predictor(replace(tiny_checkpoint, sha256="1" * 64))
    with pytest.raises(StaleCacheError, match=r"1\.png .* made by tiny@0000.*, not by tiny@1111"):
        Embeddings(other, tmp_path).of(sample(1))


def test_an_embedding_of_a_changed_image_is_refused(
    tiny_predictor: Predictor, tmp_path: Path
) -> None:
    kept = Embeddings(tiny_predictor, tmp_path)
    kept.of(sample(1))
    changed = replace(sample(2), name="1.png")
    with pytest.raises(StaleCacheError, match="made before the image changed; remove"):
        kept.of(changed)


def test_a_damaged_embedding_is_refused(tiny_predictor: Predictor, tmp_path: Path) -> None:
    kept = Embeddings(tiny_predictor, tmp_path)
    kept.of(sample(1))
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:-100])
    with pytest.raises(StaleCacheError, match=r"damaged.*remove it"):
        kept.of(sample(1))
