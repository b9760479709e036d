"""The hash of weights that are not read is that of weights that are."""

from __future__ import annotations

from pathlib import Path

import pytest

from anymask.core.embedding import model_id
from anymask.predict.predictor import Predictor
from anymask.weights import checkpoint, identity, registry
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.identity import weights_sha256
from anymask.weights.load import load_checkpoint
from anymask.weights.state_file import write_safetensors


def test_of_a_folder_and_a_file(tmp_path: Path, tiny_checkpoint: Checkpoint) -> None:
    tiny_checkpoint.save(tmp_path / "w")
    assert weights_sha256(tmp_path / "w") == load_checkpoint(tmp_path / "w").sha256
    write_safetensors(tiny_checkpoint.state, tmp_path / "w.safetensors")
    assert weights_sha256(tmp_path / "w.safetensors") == weights_sha256(tmp_path / "w")


@pytest.mark.weights
def test_of_the_default_weights(mobile_sam: Predictor) -> None:
    assert mobile_sam.model_id == model_id("mobile-sam", weights_sha256("mobile-sam") or "")


def test_of_a_row_of_one_file_is_the_file_s() -> None:
    assert weights_sha256("sam-vit-b") == registry.find("sam-vit-b").files[0].sha256


def test_of_what_holds_no_weights_is_none(tmp_path: Path) -> None:
    assert weights_sha256(tmp_path) is None
    assert weights_sha256("nothing") is None


def test_the_file_of_a_folder_is_called_alike() -> None:
    assert identity.WEIGHTS_FILE == checkpoint.WEIGHTS_FILE
