"""What tokens tell the image, as the products that read it get that: weights by weights, once.

A layer adds rows to the image's positions: values of its heads by its output's weight. Norms centre
and stretch them, then another weight takes them. Those weights are multiplied with each other
beforehand: a value has 16 numbers where a row has 256 (docs/adr/0021, 0022).

Shape legend: P prompts, T tokens, C channels, H heads, D head width, K = H·T rows of a layer,
X columns of the products with them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from anymask.models.few_rows.image_parts import centred, upscaling
from anymask.models.two_way import TwoWayTransformer


class Told(NamedTuple):
    """The rows that a layer tells, by a matrix: ``values @ weight + bias / H``.

    weight: (H, D, X); bias: (X,), of a head's share.
    """

    weight: Tensor
    bias: Tensor

    def rows(self, values: Tensor) -> Tensor:
        """Values (P, H, T, D) to (P, K, X)."""
        prompts, _, tokens, _ = values.shape
        by_head = values.transpose(0, 1).flatten(1, 2)  # one product for all prompts
        rows = torch.bmm(by_head, self.weight).add_(self.bias)
        return torch.unflatten(rows, 1, (prompts, tokens)).transpose(0, 1).flatten(1, 2)


class Stage(NamedTuple):
    """What there is after a norm: the rows of its layer and of all before.

    squares: of each layer, by the rows of itself and of those that follow, for the norm's sums.
    reads: of each layer, by what reads the image next: two weights of the next look of the tokens,
    keys and values, then queries of the next layer or, after the last, the upscaling.
    always: (X,) the norm's bias by the same.
    """

    squares: tuple[Told, ...]
    reads: tuple[Told, ...]
    always: Tensor

    def read(self, values: Sequence[Tensor]) -> Tensor:
        """The values of all layers, (P, H, T, D), as what comes next reads them: (P, K', X)."""
        return torch.cat([told.rows(each) for told, each in zip(self.reads, values)], dim=1)

    def products(self, values: Sequence[Tensor]) -> Iterator[Tensor]:
        """For each layer (P, K, K'), its rows by those of itself and of all that follow."""
        for i, told in enumerate(self.squares):
            rows = told.rows(values[i])
            later = values[i:]
            parts = rows.split(rows.shape[-1] // len(later), dim=-1)
            yield torch.cat([_by_values(part, each) for part, each in zip(parts, later)], dim=-1)


def _by_values(rows: Tensor, values: Tensor) -> Tensor:
    """Rows (P, K, H·D + 1) by values (P, H, T, D), the last column by their bias: (P, K, H·T)."""
    heads, width = values.shape[1], values.shape[3]
    by_head = torch.unflatten(rows[..., :-1], -1, (heads, width)).transpose(1, 2)  # P H K D
    return (by_head @ values.mT).transpose(1, 2).flatten(2).add_(rows[..., -1:])


def stages(transformer: TwoWayTransformer, first: nn.ConvTranspose2d) -> tuple[Stage, ...]:
    """Of all norms; first: convolution of the upscaling."""
    blocks = transformer.blocks()
    out: list[Stage] = []
    tellers: list[tuple[Tensor, Tensor]] = []  # weights (H·D, C) and a head's share of biases
    shift = torch.zeros_like(blocks[0].norm4.bias)
    for number, block in enumerate(blocks, 1):
        attention = block.cross_attn_image_to_token
        heads = attention.heads
        layer = attention.out_proj
        tellers.append((centred(layer.weight.T), centred((layer.bias + shift) / heads)))
        squares = tuple(
            _told(teller, torch.cat([_with_bias(*later) for later in tellers[i:]]).T, heads)
            for i, teller in enumerate(tellers)
        )
        gain, shift = block.norm4.weight, block.norm4.bias
        is_last = number == len(blocks)
        look = (
            transformer.final_attn_token_to_image
            if is_last
            else blocks[number].cross_attn_token_to_image
        )
        last = (
            upscaling(first)[0]
            if is_last
            else blocks[number].cross_attn_image_to_token.q_proj.weight.T
        )
        read = torch.cat([look.k_proj.weight.T, look.v_proj.weight.T, last], dim=1)
        tellers = [(weight * gain, bias * gain) for weight, bias in tellers]
        reads = tuple(_told(teller, read, heads) for teller in tellers)
        out.append(Stage(squares, reads, shift @ read))
        tellers = [(centred(weight), centred(bias)) for weight, bias in tellers]
    return tuple(out)


def _told(teller: tuple[Tensor, Tensor], matrix: Tensor, heads: int) -> Told:
    """A layer's weight (H·D, C) and share of the bias (C,) by a matrix (C, X)."""
    weight, bias = teller
    return Told(torch.unflatten(weight @ matrix, 0, (heads, -1)), bias @ matrix)


def _with_bias(weight: Tensor, bias: Tensor) -> Tensor:
    """(H·D + 1, C)."""
    return torch.cat([weight, bias[None]])
