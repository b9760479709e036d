"""The compiled libraries: which of them runs here, and what its functions are given."""

from __future__ import annotations

import ctypes
import functools
from ctypes import Structure, c_float, c_int, c_long, c_void_p
from pathlib import Path

import torch
from torch import Tensor

HALF = "avx512_bf16"  # the instructions that multiply bfloat16


class Call(Structure):
    """``Call`` of few_rows.c."""

    _fields_ = (
        *((name, c_int) for name in ("prompts", "tokens", "heads", "width", "told")),
        *((name, c_long) for name in ("length", "apart", "stride")),
        *((name, c_void_p) for name in ("asked", "own", "where", "pull", "steps", "deviation")),
        *((name, c_void_p) for name in ("values", "log_weight", "always", "bias")),
        *((name, c_void_p) for name in ("out", "out_told")),
        ("groups", c_int),
    )


class Upscaling(Structure):
    """``Upscaling`` of upscaling.c."""

    _fields_ = (
        *((name, c_int) for name in ("prompts", "told", "channels", "features", "masks")),
        *((name, c_int) for name in ("first", "second", "half")),
        *((name, c_long) for name in ("length", "apart", "stride")),
        ("epsilon", c_float),
        *((name, c_void_p) for name in ("own", "steps", "rows", "variance", "gain", "shift")),
        *((name, c_void_p) for name in ("weight", "bias", "hyper", "out")),
    )


def instructions() -> str | None:
    """What was compiled that this processor runs best, or None.

    The environment's ``ATEN_CPU_CAPABILITY``, which PyTorch obeys, is obeyed.
    """
    found = torch.backends.cpu.get_cpu_capability().lower()
    asked = getattr(torch.cpu, "_is_avx512_bf16_supported", bool)
    if found == "avx512" and asked():
        found = HALF
    return found if _file(found) else None


def run(of: str, name: str, call: Structure) -> None:
    """Call a function. Raises ``MemoryError`` if there is no room for a part of the positions."""
    function = getattr(_library(of), name)  # kept by ctypes, other than what [name] gives
    if function(ctypes.byref(call), _parallel(), torch.get_num_threads()):
        raise MemoryError("no room for a part of an image's positions")


def point(call: Structure, arrays: dict[str, Tensor]) -> None:
    """Have fields of a call point to arrays, which the caller keeps. Raises ``ValueError``."""
    for field, array in arrays.items():
        if array.dtype != torch.float32 or array.device.type != "cpu":
            raise ValueError(f"float32 on a processor, not {array.dtype} on {array.device}")
        setattr(call, field, array.data_ptr())


def _file(of: str) -> Path | None:
    return next(Path(__file__).parent.glob(f"loops_{of}.*.so"), None)


@functools.cache
def _library(of: str) -> ctypes.CDLL:
    return ctypes.CDLL(str(_file(of)))


@functools.cache
def _parallel() -> c_void_p | None:
    """What starts PyTorch's own threads: others would have to share the cores with them.

    None, and so one thread, where PyTorch's OpenMP is not GNU's.
    """
    package = Path(torch.__file__).parent
    for folder in (package / "lib", package.with_name("torch.libs")):
        for path in folder.glob("libgomp*.so*"):
            return ctypes.cast(ctypes.CDLL(str(path)).GOMP_parallel, c_void_p)
    return None
