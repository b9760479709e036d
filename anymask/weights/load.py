"""Load: the checkpoint of what a person names, a registry row, a folder or a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from anymask.errors import LayoutError, UnknownWeightsError
from anymask.weights import registry
from anymask.weights.checkpoint import (
    CONFIG_FILE,
    WEIGHTS_FILE,
    Checkpoint,
    is_checkpoint,
    read_checkpoint,
)
from anymask.weights.convert import to_checkpoint
from anymask.weights.fetch import fetch_row, sha256_of
from anymask.weights.graph_pair import OFFICIAL_FILES, is_export, official_files, pair_hash
from anymask.weights.onnx_pair import read_onnx_pair
from anymask.weights.registry import OFFICIAL_PAIR, SAM2_PAIR, Row
from anymask.weights.state_file import read_state

Progress = Callable[[int, int], None]


def load_checkpoint(
    weights: str | Path, *, offline: bool | None = None, on_progress: Progress | None = None
) -> Checkpoint:
    """Find, fetch if need be, and read weights.

    weights: a registry row's name; a folder with an anymask checkpoint, a Hugging Face model or an
        ONNX pair; or a ``.pth``, ``.pt`` or ``.safetensors`` file in a known layout.
    offline: forbid the network; None asks ``$ANYMASK_OFFLINE``.

    Raises a ``WeightsError`` that says what is wrong with them.
    """
    path = Path(weights)
    if path.is_dir():
        return _from_folder(path)
    if path.is_file():
        return to_checkpoint(read_state(path), path.stem, sha256_of(path), path.name)
    if "/" in str(weights) or path.suffix in (".pth", ".pt", ".safetensors", ".onnx"):
        raise UnknownWeightsError(f"there is no file or folder {weights}")
    return _from_registry(registry.find(str(weights)), offline, on_progress)


def _from_registry(row: Row, offline: bool | None, on_progress: Progress | None) -> Checkpoint:
    if row.layout == SAM2_PAIR:
        raise LayoutError(f"{row.name} is a pair of ONNX graphs to run; no checkpoint is in it")
    paths = list(fetch_row(row, offline=offline, on_progress=on_progress).values())
    if row.layout == OFFICIAL_PAIR:
        return _from_onnx_pair(paths[0], paths[1], row.name)
    return to_checkpoint(read_state(paths[0]), row.name, row.files[0].sha256, row.name)


def _from_folder(folder: Path) -> Checkpoint:
    pair = official_files(folder)
    if pair is not None:
        return _from_onnx_pair(*pair, folder.name)
    if is_export(folder):
        raise LayoutError(
            f"{folder} is an export: graphs to run, not a checkpoint; name what it was made from"
        )
    if not (folder / CONFIG_FILE).is_file():
        raise LayoutError(
            f"{folder} holds no checkpoint: neither a {CONFIG_FILE} "
            f"nor {' and '.join(OFFICIAL_FILES)}"
        )
    if is_checkpoint(folder):
        return read_checkpoint(folder)
    weights = folder / WEIGHTS_FILE
    if not weights.is_file():
        raise LayoutError(f"{folder} has a {CONFIG_FILE} but no {WEIGHTS_FILE}")
    return to_checkpoint(read_state(weights), folder.name, sha256_of(weights), folder.name)


def _from_onnx_pair(encoder: Path, decoder: Path, name: str) -> Checkpoint:
    return to_checkpoint(read_onnx_pair(encoder, decoder), name, pair_hash(encoder, decoder), name)
