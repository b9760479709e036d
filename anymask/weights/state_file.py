"""State files: named tensors in safetensors and PyTorch files, told apart by their content."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from anymask.core.atomic import writing
from anymask.errors import CorruptFileError
from anymask.weights.file_kind import FileKind, file_kind
from anymask.weights.named_tensors import SAM_ROOTS, NamedTensors, Roots, choose
from anymask.weights.safe_pickle import read_pickle


def read_state(path: Path, roots: Roots = SAM_ROOTS, part: str = "") -> NamedTensors:
    """The model's tensors in a safetensors or a PyTorch file, whatever its name ends in.

    roots: what the model's names begin with. part: which model, where a file holds several, by the
    keys that lead to it with dots between (``ema``, ``state_dict.teacher``).

    Raises ``UnsafeFileError`` for a pickle that asks for more than tensors (it is not run),
    ``CorruptFileError`` for a file that is cut off or no checkpoint, and ``LayoutError`` for one
    with several models of which none is named.
    """
    if file_kind(path) is FileKind.safetensors:
        return choose(read_safetensors(path), roots, str(path), part)
    content, unread = read_pickle(path)
    return replace(choose(content, roots, str(path), part), unread=unread)


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, by name. Raises ``CorruptFileError``."""
    try:
        return load_file(path)
    except SafetensorError as error:
        raise CorruptFileError(f"{path} is no complete safetensors file: {error}") from None


def write_safetensors(state: Mapping[str, Tensor], path: Path) -> None:
    """Write tensors so that a reader sees all of the file or none. Raises ``OutputError``."""
    tensors = {name: tensor.detach().cpu().contiguous() for name, tensor in state.items()}
    with writing(path) as part:
        try:
            save_file(tensors, part, metadata={"format": "pt"})
        except SafetensorError as error:  # what it makes of a full disk
            raise OSError(str(error)) from None


def write_pickle(state: Mapping[str, Any], path: Path) -> None:
    """Write the official ``.pth`` layout, or tensors among plain values, likewise."""
    with writing(path) as part:
        try:
            torch.save(dict(state), part)
        except RuntimeError as error:  # what torch makes of a full disk or a missing folder
            raise OSError(str(error)) from None


def sha256_of_tensors(state: Mapping[str, Tensor]) -> str:
    """A hash of names and numbers, for weights that come from no file."""
    digest = hashlib.sha256()
    for name in sorted(state):
        tensor = state[name].detach().cpu().contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
