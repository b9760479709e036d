"""few_rows.c and upscaling.c as anymask's ``Compiled``: tensors in, numbers where they belong.

Shape legend: P prompts, T tokens, L image positions, H heads, D head width, K = H·T, N rows told,
M masks, C and F channels of the upscaling.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from anymask_native.library import HALF, Call, Upscaling, instructions, point, run

if TYPE_CHECKING:  # only for its types: neither package needs the other
    from anymask.models.few_rows.positions import Pixels, Sums, Told

INTERFACE = 1  # of anymask's that this offers
MULTIPLE = 4  # of heads and of their width


def loops(heads: int, width: int) -> Loops | None:
    """For so many heads of ``width`` numbers; None if they don't fit or nothing runs here."""
    of = instructions()
    fits = heads % MULTIPLE == 0 and width % MULTIPLE == 0
    return Loops(of) if fits and of else None


@dataclass(frozen=True)
class Loops:
    """anymask's ``Compiled``: for float32 on a processor.

    of: "avx2", "avx512" or "avx512_bf16". Raises ``MemoryError`` if there is no room for a part of
    the positions, and ``ValueError`` for arrays that it cannot read.
    """

    of: str

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
        seen, of_steps = torch.empty(asked.shape), None
        arrays = {"values": values, "log_weight": log_weight, "out": seen}
        if told is None:
            self._ask("see", asked, keys, None, arrays)
        else:
            of_steps = torch.empty(told.pull.shape)
            self._ask("see", asked, keys, told.steps, arrays | _of(told) | {"out_told": of_steps})
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
        arrays = {"always": always, "bias": bias}
        if told is None:
            self._ask("tell", asked, queries, None, arrays, rows=steps)
            return
        if told.steps.stride() != steps.stride():
            raise ValueError("steps that are read and written are rows of one array")
        self._ask("tell", asked, queries, told.steps, arrays | _of(told), rows=steps)

    def measure(
        self, asked: Tensor, own: Tensor, among: Tensor, steps: Tensor, total: Tensor
    ) -> None:
        """Add to squares ``total`` (P, L) what the first K steps come to with the rest.

        asked: (P, H, T, D), of own (H, D, L); among: (P, K, N), of steps (P, N, L).
        """
        if not total.is_contiguous():
            raise ValueError("squares that are added to lie beside each other")
        self._ask("measure", asked, own, steps, {"pull": among, "out": total})

    def _ask(
        self,
        name: str,
        asked: Tensor,
        own: Tensor,
        steps: Tensor | None,
        arrays: dict[str, Tensor | None],
        rows: Tensor | None = None,
    ) -> None:
        """Call a function of few_rows.c.

        steps: that it reads; rows: that it writes; arrays: others, by their names there.
        """
        (prompts, heads, tokens, width), length = asked.shape, own.shape[-1]
        call = Call(prompts, tokens, heads, width, length=length)
        dense = {"asked": asked, "own": own} | arrays
        kept = {field: each.contiguous() for field, each in dense.items() if each is not None}
        for field, of_steps in (("steps", steps), ("out", rows)):
            if of_steps is not None:
                call.apart, call.stride = _strides(of_steps)
                kept[field] = of_steps
        call.told = 0 if steps is None else steps.shape[1]
        point(call, kept)
        run(self.of, name, call)

    def upscale(self, hyper: Tensor, image: Sums, pixels: Pixels, half: bool) -> Tensor:
        """Logits of masks by hyper (P, M, F): (P, M, L) times the pixels of a position.

        half: some products in bfloat16.
        """
        prompts, masks, features = hyper.shape
        length, told, channels = len(image.own), image.rows.shape[1], len(pixels.gain)
        first, second = image.own.shape[1] // channels, len(pixels.bias) // features
        out = torch.empty(prompts, masks, first * second * length)
        call = Upscaling(prompts, told, channels, features, masks, first, second)
        call.half, call.length = half and self.of == HALF, length
        call.apart, call.stride = _strides(image.steps)
        call.epsilon = pixels.epsilon
        dense = {
            "own": image.own,
            "rows": image.rows,
            "variance": image.variance,
            "gain": pixels.gain,
            "shift": pixels.shift,
            "weight": pixels.weight,
            "bias": pixels.bias,
            "hyper": hyper,
        }
        kept = {field: each.contiguous() for field, each in dense.items()}
        point(call, kept | {"steps": image.steps, "out": out})
        run(self.of, "upscale", call)
        return out


def _of(told: Told) -> dict[str, Tensor | None]:
    """What was told, by the names in few_rows.c."""
    return {"pull": told.pull, "deviation": told.deviation, "where": told.where}


def _strides(steps: Tensor) -> tuple[int, int]:
    """How far apart prompts, and rows, of steps (P, N, L) lie."""
    apart, stride, along = steps.stride()
    if along != 1 and steps.shape[-1] > 1:
        raise ValueError("positions of a row of steps lie beside each other")
    return apart, stride
