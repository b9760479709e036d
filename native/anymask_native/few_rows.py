"""``few_rows.c`` as anymask's ``OfPositions``: tensors in, numbers written where they belong.

Shape legend: P prompts, T tokens, L image positions, H heads, D head width, K = H·T, N rows told.
"""

from __future__ import annotations

import ctypes
import functools
from ctypes import Structure, byref, c_int, c_long, c_void_p
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

INTERFACE = 1  # of anymask's that this offers
MULTIPLE = 4  # of heads and of their width


class Told(Protocol):
    """What an image was told, as ``anymask.models.few_rows.positions.Told`` has it."""

    @property
    def pull(self) -> Tensor: ...

    @property
    def steps(self) -> Tensor: ...

    @property
    def deviation(self) -> Tensor: ...

    @property
    def where(self) -> Tensor: ...


class _Call(Structure):
    """``Call`` of few_rows.c."""

    _fields_ = (
        *((name, c_int) for name in ("prompts", "tokens", "heads", "width", "told")),
        *((name, c_long) for name in ("length", "apart", "stride")),
        *((name, c_void_p) for name in ("asked", "own", "where", "pull", "steps", "deviation")),
        *((name, c_void_p) for name in ("values", "log_weight", "always", "bias")),
        *((name, c_void_p) for name in ("out", "out_told")),
        *((name, c_int) for name in ("groups", "next", "failed")),
    )


def few_rows(heads: int, width: int) -> FewRows | None:
    """The loops for so many heads of ``width`` numbers; None if they don't fit or don't run here.

    The environment's ``ATEN_CPU_CAPABILITY``, which PyTorch obeys, is obeyed.
    """
    instructions = torch.backends.cpu.get_cpu_capability().lower()
    fits = heads % MULTIPLE == 0 and width % MULTIPLE == 0
    return FewRows(instructions) if fits and _file(instructions) else None


@dataclass(frozen=True)
class FewRows:
    """anymask's ``OfPositions``, compiled: for float32 on a processor.

    instructions: "avx2" or "avx512". Raises ``MemoryError`` if there is no room for a part of the
    positions, and ``ValueError`` for arrays that it cannot read.
    """

    instructions: str

    def see(
        self,
        asked: Tensor,
        keys: Tensor,
        values: Tensor,
        told: Told | None,
        log_weight: Tensor | None,
    ) -> tuple[Tensor, Tensor | None]:
        """Softmax of tokens (P, H, T, D) over positions; keys, values: (H, D, L).

        log_weight: (L,) or None, added to scores. Gives what is seen of values (P, H, T, D) and of
        steps (P, K, N).
        """
        seen = torch.empty(asked.shape)
        if told is None:
            self._run("see", asked, keys, values=values, log_weight=log_weight, out=seen)
            return seen, None
        of_steps = torch.empty(told.pull.shape)
        self._run(
            "see",
            asked,
            keys,
            told.steps,
            **_of(told),
            values=values,
            log_weight=log_weight,
            out=seen,
            out_told=of_steps,
        )
        return seen, of_steps

    def tell(
        self,
        asked: Tensor,
        queries: Tensor,
        told: Told | None,
        always: Tensor | None,
        bias: Tensor | None,
        steps: Tensor,
    ) -> None:
        """Softmax of positions over tokens (P, H, T, D), by the deviation, into steps (P, K, L).

        queries: (H, D, L); always: (P, H, T) or None and bias: (P, T) or None, added to scores.
        """
        read = None if told is None else told.steps
        if read is not None and read.stride() != steps.stride():
            raise ValueError("steps that are read and written are rows of one array")
        arrays = {} if told is None else _of(told)
        self._run("tell", asked, queries, read, **arrays, always=always, bias=bias, rows=steps)

    def measure(
        self, asked: Tensor, own: Tensor, among: Tensor, steps: Tensor, total: Tensor
    ) -> None:
        """Add to squares ``total`` (P, L) what the first K steps come to with the rest.

        asked: (P, H, T, D), of own (H, D, L); among: (P, K, N), of steps (P, N, L).
        """
        if not total.is_contiguous():
            raise ValueError("squares that are added to lie beside each other")
        self._run("measure", asked, own, steps, pull=among, out=total)

    def _run(
        self,
        name: str,
        asked: Tensor,
        own: Tensor,
        steps: Tensor | None = None,
        *,
        rows: Tensor | None = None,
        **arrays: Tensor | None,
    ) -> None:
        """Call a function of few_rows.c.

        steps: that it reads; rows: that it writes; arrays: others, by their names there.
        """
        (prompts, heads, tokens, width), length = asked.shape, own.shape[-1]
        call = _Call(prompts, tokens, heads, width, length=length)
        dense = {"asked": asked, "own": own, **arrays}
        kept = {field: each.contiguous() for field, each in dense.items() if each is not None}
        for field, array in kept.items():
            setattr(call, field, _address(array))
        for field, of_steps in (("steps", steps), ("out", rows)):
            if of_steps is not None:
                call.apart, call.stride, along = of_steps.stride()
                if along != 1:
                    raise ValueError("positions of a row of steps lie beside each other")
                setattr(call, field, _address(of_steps))
        call.told = 0 if steps is None else steps.shape[1]
        threads = torch.get_num_threads()
        if _library(self.instructions)[name](byref(call), _parallel(), threads):
            raise MemoryError("no room for a part of an image's positions")


def _of(told: Told) -> dict[str, Tensor]:
    """What was told, by the names in few_rows.c."""
    return {"pull": told.pull, "deviation": told.deviation, "where": told.where}


def _address(array: Tensor) -> int:
    if array.dtype != torch.float32 or array.device.type != "cpu":
        raise ValueError(f"float32 on a processor, not {array.dtype} on {array.device}")
    return array.data_ptr()


def _file(instructions: str) -> Path | None:
    """The library that was compiled for a set of instructions."""
    found = Path(__file__).parent.glob(f"few_rows_{instructions}*.so")
    return next(found, None)


@functools.cache
def _library(instructions: str) -> ctypes.CDLL:
    return ctypes.CDLL(str(_file(instructions)))


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
