"""Identity: the sha256 of weights without reading them as a model, which would take torch."""

from __future__ import annotations

import os
from pathlib import Path

from anymask.weights import registry
from anymask.weights.fetch import joined_sha256, sha256_of
from anymask.weights.graph_pair import official_files, pair_hash
from anymask.weights.registry import OFFICIAL_PAIR

WEIGHTS_FILE = "model.safetensors"  # of a folder, ours or Hugging Face's


def weights_sha256(weights: str | Path) -> str | None:
    """The sha256 that ``load_checkpoint`` would find; None for what it would refuse.

    weights: as ``load_checkpoint`` takes them. Those of a registry row need not be on this machine.
    """
    path = Path(weights)
    if os.path.isdir(path):
        pair, tensors = official_files(path), path / WEIGHTS_FILE
        if pair is not None:
            return pair_hash(*pair)
        return sha256_of(tensors) if tensors.is_file() else None
    if os.path.isfile(path):
        return sha256_of(path)
    row = next((row for row in registry.ROWS if row.name == str(weights)), None)
    if row is None:
        return None
    if row.layout != OFFICIAL_PAIR:
        return row.files[0].sha256
    sha256 = joined_sha256(*(file.sha256 for file in row.files))
    if row.adapter_file is None:
        return sha256
    return joined_sha256(sha256, sha256_of(row.adapter_file))
