"""State files: named tensors in ``.safetensors`` and PyTorch files, read without running code."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from anymask.core.atomic import writing
from anymask.errors import CorruptFileError, UnsafeFileError

PICKLES = (".pth", ".pt", ".bin", ".ckpt")
WRAPPERS = ("model", "state_dict", "model_state_dict")  # what trainers nest the weights in


def read_state(path: Path) -> dict[str, Tensor]:
    """The tensors of a ``.safetensors`` or a PyTorch file, by name.

    Raises ``UnsafeFileError`` for a pickle that asks for more than tensors (it is not run), and
    ``CorruptFileError`` for a file that is cut off or no checkpoint.
    """
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if path.suffix in PICKLES:
        return _read_pickle(path)
    endings = ", ".join((*PICKLES, ".safetensors"))
    raise CorruptFileError(f"{path} does not end in one of {endings}")


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


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except SafetensorError as error:
        raise CorruptFileError(f"{path} is no complete safetensors file: {error}") from None


def _read_pickle(path: Path) -> dict[str, Tensor]:
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "Weights only load failed" in str(error) and _asks_for_code(str(error)):
            raise UnsafeFileError(
                f"{path} holds more than tensors and was not loaded: {_first_line(error)}"
            ) from None
        raise CorruptFileError(f"{path} is no PyTorch checkpoint: {_first_line(error)}") from None
    except (RuntimeError, EOFError, ValueError, KeyError, zipfile.BadZipFile, OSError) as error:
        raise CorruptFileError(
            f"{path} is cut off or no PyTorch checkpoint ({type(error).__name__})"
        ) from None
    for wrapper in WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not content:
        raise CorruptFileError(f"{path} holds no named tensors")
    if not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in content.items()
    ):
        raise CorruptFileError(f"{path} holds other things than named tensors")
    return content


def _asks_for_code(message: str) -> bool:
    """Whether torch refused because of what a pickle names, not because it is broken."""
    return any(word in message for word in ("GLOBAL", "global", "Unsupported class", "REDUCE"))


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:300]
