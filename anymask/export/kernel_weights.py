"""Weights as the browser's kernels multiply by them, and the safetensors files that have them.

Shape legend: n columns, k rows of a weight.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save
from torch import Tensor

PANEL = 8  # columns that are multiplied together
SMALLEST_HALF = 1024  # numbers: smaller tensors stay float32, as in exported graphs

Named = Iterator[tuple[str, Tensor]]


def write_tensors(
    path: Path,
    tensors: Mapping[str, Tensor],
    about: Mapping[str, Any],
    dtype: str,
    is_whole: Callable[[str], bool] = lambda _: False,
) -> None:
    """Write tensors by their names, and what the metadata says of them, as JSON.

    dtype: other than ``float32``: large tensors are kept in float16, unless ``is_whole``.
    """
    numbers = {}
    for name, tensor in tensors.items():
        half = dtype != "float32" and tensor.numel() >= SMALLEST_HALF and not is_whole(name)
        numbers[name] = tensor.to(torch.float16 if half else torch.float32).contiguous()
    path.write_bytes(save(numbers, {name: json.dumps(said) for name, said in about.items()}))


def linear(name: str, weight: Tensor, bias: Tensor) -> Named:
    """A layer's weight (n, k), packed, and its bias (n,)."""
    yield f"{name}.weight", packed(weight)
    yield f"{name}.bias", bias


def packed(weight: Tensor) -> Tensor:
    """(n, k) in panels of 8 columns: (n / 8, k, 8)."""
    return torch.unflatten(weight, 0, (-1, PANEL)).mT.contiguous()
