"""Adapters: small files that make other people's weights a model of our own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from anymask.errors import CorruptFileError, OfflineError
from anymask.models.sam import Sam
from anymask.weights.adapters.adapter import with_adapter, write_adapter
from anymask.weights.adapters.half_tensors import RANKING
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.graph_pair import find_graph_pair
from anymask.weights.identity import weights_sha256
from anymask.weights.load import load_checkpoint
from anymask.weights.registry import ROWS
from anymask.weights.state_file import write_safetensors
from tests.conftest import TINY, random_model

LOOKING = replace(TINY, decoder=replace(TINY.decoder, ranking=16))


def both() -> tuple[Checkpoint, Checkpoint]:
    """Weights, and the same after they learned to look twice."""
    before = random_model(TINY)
    after = Sam(LOOKING)
    after.load_state_dict(before.state_dict(), strict=False)
    of = Checkpoint("given", TINY, before.state_dict(), "0" * 64, {"source": "others"})
    return of, Checkpoint("learned", LOOKING, after.state_dict(), "1" * 64)


def test_what_was_learned_comes_back_on_top_of_what_was_given(tmp_path: Path) -> None:
    of, learned = both()
    file = tmp_path / "small.safetensors"
    count = write_adapter(learned, of, file)
    assert count == sum(name.startswith(RANKING) for name in learned.state)
    adapted = with_adapter(of, file)
    assert adapted.config == LOOKING
    assert adapted.sha256 not in (of.sha256, learned.sha256)
    assert adapted.made_by["source"] == "others"
    for name, tensor in adapted.build_sam().state_dict().items():
        torch.testing.assert_close(tensor, learned.state[name], atol=1e-3, rtol=1e-3)


def test_weights_that_changed_replace_what_was_given(tmp_path: Path) -> None:
    of, _ = both()
    name = "mask_decoder.iou_token.weight"
    changed = replace(of, state={**of.state, name: of.state[name] + 1})
    assert write_adapter(changed, of, tmp_path / "one.safetensors") == 1
    adapted = with_adapter(of, tmp_path / "one.safetensors")
    assert adapted.config == TINY
    torch.testing.assert_close(adapted.state[name], of.state[name] + 1, atol=2e-3, rtol=1e-3)


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    of, _ = both()
    file = tmp_path / "small.safetensors"
    write_safetensors({f"{RANKING}correction.bias": torch.zeros(1)}, file)
    with pytest.raises(CorruptFileError, match="lacks"):
        with_adapter(of, file)
    file.write_bytes(b"no tensors")
    with pytest.raises(CorruptFileError):
        with_adapter(of, file)


@pytest.mark.parametrize("row", [row for row in ROWS if row.adapter], ids=lambda row: row.name)
def test_the_packages_own_are_small_whole_and_known_without_torch(row) -> None:  # type: ignore[no-untyped-def]
    assert row.adapter_file.stat().st_size < 16 << 20
    assert row.adapter_file.with_suffix(".md").is_file(), "a card says what it learned from"
    try:
        checkpoint = load_checkpoint(row.name, offline=True)
    except OfflineError:
        pytest.skip(f"the weights are not here: anymask weights pull {row.name}")
    assert checkpoint.sha256 == weights_sha256(row.name)
    pair = find_graph_pair(row.name, offline=True)
    assert pair is not None
    assert pair.model_id == checkpoint.model_id
    checkpoint.build_sam()
