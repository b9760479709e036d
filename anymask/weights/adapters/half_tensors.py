"""An adapter's tensors where there is no PyTorch, and so no safetensors either."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from anymask.core.geometry import Floats
from anymask.errors import CorruptFileError

RANKING = "mask_decoder.ranking."  # before the names of a second look's tensors


def read_ranking(adapter: Path) -> dict[str, Floats]:
    """The tensors of an adapter's second look, by their names in it, float32.

    Raises ``CorruptFileError`` for a damaged file.
    """
    try:
        tensors = _tensors(adapter.read_bytes())
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise CorruptFileError(f"{adapter} is damaged: {error!r}") from None
    return {
        name.removeprefix(RANKING): tensor
        for name, tensor in tensors.items()
        if name.startswith(RANKING)
    }


def _tensors(content: bytes) -> dict[str, Floats]:
    """The float16 tensors of a safetensors file.

    Raises ``ValueError``, ``KeyError`` or ``TypeError`` for anything else.
    """
    body = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:body])
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        start, end = entry["data_offsets"]
        if entry["dtype"] != "F16":
            raise ValueError(f"{name} is of {entry['dtype']}")
        flat = np.frombuffer(content[body + start : body + end], "<f2")
        tensors[name] = flat.astype(np.float32).reshape(entry["shape"])
    return tensors
