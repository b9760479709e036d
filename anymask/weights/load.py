"""Load: the checkpoint of what a person names, a registry row, a folder or a file."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from anymask.core.json_object import read_object
from anymask.errors import CorruptFileError, LayoutError, UnknownWeightsError, WeightsError, shown
from anymask.weights import registry
from anymask.weights.adapters.adapter import with_adapter
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
from anymask.weights.named_tensors import NamedTensors, named
from anymask.weights.onnx_pair import read_onnx_pair
from anymask.weights.registry import DETECTOR, FEATURES, OFFICIAL_PAIR, SAM2_PAIR, WORDS, Row
from anymask.weights.state_file import read_state

Progress = Callable[[int, int], None]

ENDINGS = (".pth", ".pt", ".ckpt", ".bin", ".tar", ".safetensors", ".onnx")
LONGEST_SHOWN = 300  # letters of a name in messages
CHOICE = "#"  # between a file and which of its models is meant
# What Hugging Face's folders call their weights, the likeliest first.
FOLDER_FILES = (WEIGHTS_FILE, "pytorch_model.bin")
INDEX_ENDING = ".index.json"  # of the list of files that large weights are spread over
log = logging.getLogger("anymask")


def load_checkpoint(
    weights: str | Path, *, offline: bool | None = None, on_progress: Progress | None = None
) -> Checkpoint:
    """Find, fetch if need be, and read weights.

    weights: a registry row's name; a folder with an anymask checkpoint, a Hugging Face model or an
        ONNX pair; or a PyTorch or safetensors file in a known layout, whatever its name ends in.
        ``FILE#ema`` is the model under the key ``ema`` of a file that holds several.
    offline: forbid the network; None asks ``$ANYMASK_OFFLINE``.

    Tensors in a file that are none of the model's are left out; a warning of the logger ``anymask``
    names them. Raises a ``WeightsError`` that says what is wrong with them.
    """
    if not isinstance(weights, (str, os.PathLike)):
        raise WeightsError(
            f"weights are named by a row, a folder or a file, not by {shown(weights)}"
        )
    path = Path(weights)
    # Not by ``Path``, which fails at names that no file system takes.
    if os.path.isdir(path):
        return _from_folder(path)
    if os.path.isfile(path):
        return _from_file(path)
    place, chosen, part = str(weights).rpartition(CHOICE)
    if chosen and os.path.isfile(place):
        return _from_file(Path(place), part)
    if "/" in str(weights) or Path(place or weights).suffix.lower() in ENDINGS:
        named_place = str(weights) if len(str(weights)) <= LONGEST_SHOWN else shown(str(weights))
        raise UnknownWeightsError(f"there is no file or folder {named_place}")
    return _from_registry(registry.find(str(weights)), offline, on_progress)


def _from_file(path: Path, part: str = "") -> Checkpoint:
    """The model in a file; of several, the one that ``part`` names."""
    read = read_state(path, part=part)
    _warn(path, read)
    name, sha256 = path.name.removesuffix(".tar").rpartition(".")[0] or path.name, sha256_of(path)
    if part:  # another model than the rest of the file
        name = f"{name}-{part}"
        sha256 = hashlib.sha256(f"{sha256}{CHOICE}{part}".encode()).hexdigest()
    return to_checkpoint(
        read.tensors, name, sha256, path.name, left_out=read.left_out, unread=read.unread
    )


def _warn(path: Path, read: NamedTensors) -> None:
    """Say what of a file was left out."""
    if read.left_out:
        log.warning(
            "%s: left out %d tensors that are none of the model's: %s",
            path,
            len(read.left_out),
            named(read.left_out),
        )


def _from_registry(row: Row, offline: bool | None, on_progress: Progress | None) -> Checkpoint:
    if row.layout in (DETECTOR, FEATURES, WORDS):
        raise LayoutError(f"{row.name} {row.about}; it is no model that answers prompts")
    if row.layout == SAM2_PAIR:
        raise LayoutError(f"{row.name} is a pair of ONNX graphs to run; no checkpoint is in it")
    paths = list(fetch_row(row, offline=offline, on_progress=on_progress).values())
    if row.layout == OFFICIAL_PAIR:
        pair = _from_onnx_pair(paths[0], paths[1], row.name)
        return pair if row.adapter_file is None else with_adapter(pair, row.adapter_file)
    state = read_state(paths[0]).tensors
    return to_checkpoint(state, row.name, row.files[0].sha256, row.name)


def _from_folder(folder: Path) -> Checkpoint:
    pair = official_files(folder)
    if pair is not None:
        return _from_onnx_pair(*pair, folder.name)
    if is_export(folder):
        raise LayoutError(
            f"{folder} is an export: graphs to run, not a checkpoint; name what it was made from"
        )
    if (folder / CONFIG_FILE).is_file() and is_checkpoint(folder):
        return read_checkpoint(folder)
    if (folder / "best" / CONFIG_FILE).is_file():
        raise LayoutError(f"{folder} is the folder of a run; its weights are {folder / 'best'}")
    for name in FOLDER_FILES:
        if (folder / name).is_file() and (folder / CONFIG_FILE).is_file():
            read = read_state(folder / name)
            return _of_folder(folder, read.tensors, sha256_of(folder / name))
        if (folder / f"{name}{INDEX_ENDING}").is_file():
            return _from_index(folder, folder / f"{name}{INDEX_ENDING}")
    raise LayoutError(f"{folder} holds no checkpoint: {_lacking(folder)}")


def _from_index(folder: Path, index: Path) -> Checkpoint:
    """A Hugging Face model whose weights are spread over several files."""
    files = read_object(index, CorruptFileError).get("weight_map")
    if not isinstance(files, dict):
        raise CorruptFileError(f"{index} lists no weight_map")
    paths = [folder / Path(str(name)).name for name in dict.fromkeys(files.values())]
    if missing := [path.name for path in paths if not path.is_file()]:
        raise CorruptFileError(f"{folder} lacks {named(missing)}, which {index.name} lists")
    tensors = {k: v for path in paths for k, v in read_state(path).tensors.items()}
    hashes = "".join(sha256_of(path) for path in paths)
    return _of_folder(folder, tensors, hashlib.sha256(hashes.encode()).hexdigest())


def _of_folder(folder: Path, tensors: dict[str, Tensor], sha256: str) -> Checkpoint:
    name = folder.resolve().name
    return to_checkpoint(tensors, name, sha256, name)


def _lacking(folder: Path) -> str:
    """What a folder lacks; and what to name instead, where it has files of weights."""
    files = sorted(path.name for path in folder.iterdir() if path.suffix.lower() in ENDINGS)
    if files:
        return f"name one of its files, {named(files)}"
    config, weights = ((folder / name).is_file() for name in (CONFIG_FILE, WEIGHTS_FILE))
    if config and not weights:
        return f"it has a {CONFIG_FILE} but no {WEIGHTS_FILE}"
    return f"neither a {CONFIG_FILE} nor {' and '.join(OFFICIAL_FILES)}"


def _from_onnx_pair(encoder: Path, decoder: Path, name: str) -> Checkpoint:
    return to_checkpoint(read_onnx_pair(encoder, decoder), name, pair_hash(encoder, decoder), name)
