"""Adapter: what anymask's own rows have learned beside weights that others give away.

A file of tensors in the package, in float16, under the names that they have in the model. They take
the place of the other weights' or come on top; everything else stays as the others gave it.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import torch

from anymask.errors import CorruptFileError
from anymask.models.sam import SamConfig
from anymask.weights.adapters.half_tensors import RANKING
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.fetch import joined_sha256, sha256_of
from anymask.weights.state_file import read_safetensors, write_safetensors

WIDTH_OF_RANKING = f"{RANKING}which"  # (A, D): its second side is the hidden width


def with_adapter(checkpoint: Checkpoint, file: Path) -> Checkpoint:
    """The weights with what a file has learned for them; they are then a model of their own.

    Raises ``CorruptFileError`` for a damaged file.
    """
    learned = {name: tensor.float() for name, tensor in read_safetensors(file).items()}
    config = checkpoint.sam_config
    if any(name.startswith(RANKING) for name in learned):
        config = _looking_twice(config, learned, file)
    of_file = sha256_of(file)
    sha256 = joined_sha256(checkpoint.sha256, of_file)
    made_by = {**checkpoint.made_by, "adapter": file.name, "adapter_sha256": of_file}
    state = {**checkpoint.state, **learned}
    return replace(checkpoint, config=config, state=state, sha256=sha256, made_by=made_by)


def write_adapter(checkpoint: Checkpoint, of: Checkpoint, file: Path) -> int:
    """Write what a checkpoint has that other weights have not, or not alike; how many tensors."""
    known = of.state
    learned = {
        name: tensor.to(torch.float16).contiguous()
        for name, tensor in checkpoint.state.items()
        if name not in known or not torch.equal(tensor, known[name])
    }
    write_safetensors(learned, file)
    return len(learned)


def _looking_twice(config: SamConfig, learned: dict[str, torch.Tensor], file: Path) -> SamConfig:
    if WIDTH_OF_RANKING not in learned:
        raise CorruptFileError(f"{file} is damaged: it lacks {WIDTH_OF_RANKING}")
    return config.looking_twice(learned[WIDTH_OF_RANKING].shape[1])
