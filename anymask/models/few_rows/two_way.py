"""The two-way transformer for prompts about one image, whose side stays a sum of a few rows.

The numbers of ``two_way`` up to rounding, without a product of all image positions by a weight and
without a norm over them (docs/adr/0021, 0022). For inference without masks, and for prompts of few
tokens: what is saved shrinks as their number grows.

* A layer adds ``Aᵀ V`` to the image: K rows of attention (K, L), by what K tokens and heads tell it
  (K, C). Products by a weight are the image's own, computed once, and ``Aᵀ (V W)``.
* A norm's deviation follows from a sum of squares, ``|x|² + a·(2 V x + V Vᵀ a)`` at a position. It
  is never divided by: the next layer adds ``(A * deviation)ᵀ V`` to what was not divided.

Shape legend: P prompts, T tokens, L image positions, C channels, H heads, D head width, K = H·T.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from anymask.models.few_rows.image_parts import LAST, Own, as_norms_get, own_parts, upscaling
from anymask.models.few_rows.positions import ByTorch, OfPositions, Sums, Told
from anymask.models.few_rows.told_rows import Stage, stages
from anymask.models.half_products import HALF
from anymask.models.two_way import (
    ImagePositions,
    ImageToTokenAttention,
    SharedImage,
    TokenToImageAttention,
    TwoWayTransformer,
    some_positions,
)

BETWEEN = 16  # numbers between rows: a power of two apart, they would share lines of the caches
MOST_TOKENS = 12  # of a prompt for which few rows are fewer than channels


@dataclass(frozen=True)
class PreparedImage:
    """An image that prompts without masks share, as all layers need it.

    image: (1, L, C), as ``SharedImage`` has it. own: as ``own_parts``, split into heads (H, D, L),
    positions added to those of the first layer; squares: (norms, L). stages: of the norms.
    bias: of the upscaling, (4·C/4,). grid_hw: the positions' rows and columns; (1, L) for some.
    seen: for a second look at masks (``mask_ranking``), where the model has one.
    """

    image: Tensor
    own: Own
    squares: Tensor
    stages: tuple[Stage, ...]
    bias: Tensor
    grid_hw: tuple[int, int]
    seen: Tensor | None = None

    def plain(self) -> SharedImage:
        """The same for the plain order of products."""
        own = self.own
        values = own["values_1"].mT
        return SharedImage(self.image, own["keys_1"], values, own["queries_1"], self.seen)

    def some(self, index: Tensor) -> PreparedImage:
        """(L',) of its positions."""
        rows = {name: part for name, part in self.own.items() if name != "upscaled"}
        own = {name: some_positions(part, index) for name, part in rows.items()}
        own["upscaled"] = self.own["upscaled"].index_select(0, index)
        return replace(
            self,
            image=self.image[:, index],
            own=own,
            squares=self.squares.index_select(1, index),
            grid_hw=(1, len(index)),
        )


def prepare(
    transformer: TwoWayTransformer,
    first: nn.ConvTranspose2d,
    features: Tensor,
    positions: ImagePositions,
) -> PreparedImage:
    """What prompts share of an image (1, C, h, w); first: convolution of the upscaling."""
    image = features.flatten(2).mT.contiguous()
    own = own_parts(transformer, first, image[0])
    layer, heads = positions.layers[0], len(positions.final)
    for name, part in own.items():
        if name not in ("upscaled", "always"):
            own[name] = torch.unflatten(part, 0, (heads, -1))
    own["keys_1"] = own["keys_1"] + layer.token_to_image
    own["queries_1"] = own["queries_1"] + layer.image_to_token
    squares = torch.stack(
        [rows.square().sum(dim=1) for rows in as_norms_get(transformer, image[0])]
    )
    grid_hw = (features.shape[2], features.shape[3])
    of_norms = stages(transformer, first)
    return PreparedImage(image, own, squares, of_norms, upscaling(first)[1], grid_hw)


@dataclass(frozen=True)
class ToldImage:
    """The image of P prompts after the last layer, as the upscaling takes it.

    own: (h, w, 4·C/4), the image's; steps: (P, K', h, w) and rows: (P, K', 4·C/4), what is added;
    variance: (P, h, w), what the sum should be divided by the root of.
    """

    own: Tensor
    steps: Tensor
    rows: Tensor
    variance: Tensor

    def __len__(self) -> int:
        return len(self.steps)

    def __getitem__(self, prompts: Tensor | slice) -> ToldImage:
        return ToldImage(self.own, self.steps[prompts], self.rows[prompts], self.variance[prompts])

    def within(self, h: int, w: int) -> ToldImage:
        """The first rows and columns of positions."""
        own, steps, variance = self.own[:h, :w], self.steps[..., :h, :w], self.variance[:, :h, :w]
        return ToldImage(own, steps, self.rows, variance)

    def at(self, prompt: int, index: Tensor) -> ToldImage:
        """Some positions (n,), by their numbers, of one prompt, as a grid of 1 × n."""
        return ToldImage(
            self.own.flatten(0, 1).index_select(0, index)[None],
            self.steps[prompt].flatten(1).index_select(1, index)[None, :, None],
            self.rows[prompt][None],
            self.variance[prompt].flatten()[index][None, None],
        )

    def flat(self) -> Sums:
        """The same without rows and columns of positions."""
        own, steps = self.own.flatten(0, 1), self.steps.flatten(2)
        return Sums(own, steps, self.rows, self.variance.flatten(1))

    def sums(self, prompt: int, channels: slice) -> Tensor:
        """Some channels of all positions: (L, channels)."""
        own, steps = self.own.flatten(0, 1)[:, channels], self.steps[prompt].flatten(1)
        return torch.addmm(own, steps.mT, self.rows[prompt, :, channels])

    def bands(self, prompt: int, length: int, half: bool) -> Iterator[tuple[Tensor, Tensor]]:
        """Some positions at a time: sums (l, 4·C/4) and variances (l,). half: ``half_products``."""
        own, variance = self.own.flatten(0, 1), self.variance[prompt].flatten()
        steps, rows = self.steps[prompt].flatten(1).mT, self.rows[prompt]
        if half:
            steps, rows = steps.to(HALF), rows.to(HALF)
        parts = (torch.split(of_positions, length) for of_positions in (own, steps, variance))
        for band, here, of_band in zip(*parts):
            x = (here @ rows).float().add_(band) if half else torch.addmm(band, here, rows)
            yield x, of_band


class _Side:
    """The image of P prompts between layers: its own part and stepsᵀ @ rows, by ``deviation``.

    values: what each layer told, (P, H, T, D). rows: (P, N, X), all of it as what comes next reads
    it. totals: (P, L), the sum of each head's steps, layer by layer.
    """

    def __init__(
        self, prepared: PreparedImage, prompts: int, tokens: int, positions: OfPositions
    ) -> None:
        self.prepared, self.own, self.positions = prepared, prepared.own, positions
        heads, _, length = self.own["keys_1"].shape
        self.heads, self.count = heads, heads * tokens
        depth = len(prepared.stages)
        room = prepared.squares.new_empty(prompts, depth * self.count + 1, length + BETWEEN)
        self.steps = room[..., :length]
        self.rows = room.new_empty(prompts, 0, 0)
        self.values: list[Tensor] = []
        self.totals: list[Tensor] = []
        self.deviation = room.new_ones(prompts, length)

    @property
    def stage(self) -> Stage:
        """Of the last norm."""
        return self.prepared.stages[len(self.values) - 1]

    def told(self, asked: Tensor, part: int, where: Tensor) -> Told | None:
        """What asks of all rows get, if there are any.

        asked: (P, H, T, D), of ``read``'s part; where: (H, D, L), what it gets of the positions.
        """
        if not self.values:
            return None
        pull = (asked @ self.read(part)[0].mT).flatten(1, 2)
        return Told(pull, self.steps[:, : pull.shape[2]], self.deviation, where)

    def take(self, attention: ImageToTokenAttention, tokens: Tensor, norm: nn.LayerNorm) -> None:
        """Add what tokens (P, T, C) tell, by the steps that are there already, and norm."""
        self.values.append(attention.split_heads(attention.v_proj(tokens)))
        self.totals.append(self.deviation)
        self._measure(norm)
        self.rows = self.stage.read(self.values)

    def _measure(self, norm: nn.LayerNorm) -> None:
        """Take the deviation of what there is."""
        count, before = len(self.values), self.deviation
        total = self.prepared.squares[count - 1].repeat(len(self.steps), 1)
        for i in range(count):
            pair = count * (count - 1) // 2 + i
            total.addcmul_(self.totals[i], self.own["always"][pair], value=2)
        steps = self.steps[:, : count * self.count]
        for i, among in enumerate(self.stage.products(self.values)):
            among[..., self.count :] *= 2  # of two layers: once for each of both
            own = self.own[f"told_{i + 1}_{count}"]
            self.positions.measure(
                2 * self.values[i], own, among, steps[:, i * self.count :], total
            )
        variance = total / len(norm.weight)
        self.deviation = variance.add_(before.square().mul_(norm.eps)).sqrt_()

    def read(self, part: int) -> tuple[Tensor, Tensor]:
        """All rows as keys (0), values (1) or queries (2) of what comes next, and the norm's bias.

        (P, H, N, D) and (H, 1, D).
        """
        width = self.heads * self.values[0].shape[-1]
        among = slice(part * width, (part + 1) * width)
        rows = torch.unflatten(self.rows[..., among], -1, (self.heads, -1)).transpose(1, 2)
        return rows, torch.unflatten(self.stage.always[among], 0, (self.heads, 1, -1))


def two_way(
    transformer: TwoWayTransformer,
    prompt: Tensor,
    prepared: PreparedImage,
    positions: ImagePositions,
    absent: Tensor,
    outputs: int,
    hasty: bool = False,
    by: OfPositions | None = None,
) -> tuple[Tensor, ToldImage]:
    """``TwoWayTransformer.forward`` of prompts without masks: tokens and the image's side.

    hasty: in bfloat16 what only a first look may round. by: what computes at every position.
    """
    bias = transformer.bias(absent, prompt.dtype)
    absent_bias = bias[:, 0, 0] if bool(absent.any()) else None
    tokens, blocks = prompt, transformer.blocks()
    side = _Side(prepared, len(prompt), prompt.shape[1], by or ByTorch())
    weight = positions.log_weight
    for i, block in enumerate(blocks):
        to_image, to_token = block.cross_attn_token_to_image, block.cross_attn_image_to_token
        where = positions.layers[i]
        tokens = block.inform_each_other(tokens, prompt, bias)
        seen = _see(to_image, tokens + prompt, side, str(i + 1), where.token_to_image, weight)
        tokens = block.digest(tokens, seen, hasty)
        _tell(to_token, tokens + prompt, side, where.image_to_token, absent_bias)
        side.take(to_token, tokens, block.norm4)
    tokens, prompt = tokens[:, :outputs], prompt[:, :outputs]
    last = transformer.final_attn_token_to_image
    seen = _see(last, tokens + prompt, side, LAST, positions.final, weight)
    return transformer.norm_final_attn(tokens + seen), _upscaled(side)


def _see(
    attention: TokenToImageAttention,
    tokens: Tensor,
    side: _Side,
    layer: str,
    where: Tensor,
    log_weight: Tensor | None,
) -> Tensor:
    """What tokens (P, T, C) see of the image in a layer or the ``LAST``: (P, T, C)."""
    q = attention.split_heads(attention.q_proj(tokens)) * attention.scale
    told = side.told(q, 0, where)
    keys, values = side.own[f"keys_{layer}"], side.own[f"values_{layer}"]
    mixed, of_steps = side.positions.see(q, keys, values, told, log_weight)
    if of_steps is not None:
        shown, shift = side.read(1)
        mixed = mixed + torch.unflatten(of_steps, 1, q.shape[1:3]) @ shown + shift
    out: Tensor = attention.out_proj(mixed.transpose(1, 2).flatten(2) + attention.v_proj.bias)
    return out


def _tell(
    attention: ImageToTokenAttention,
    asked: Tensor,
    side: _Side,
    where: Tensor,
    bias: Tensor | None,
) -> None:
    """Which tokens each position attends to, as steps of the next layer.

    asked: (P, T, C), tokens with their positions; bias: (P, T), of absent tokens, or None.
    """
    k = attention.split_heads(attention.k_proj(asked)) * attention.scale
    told = side.told(k, 2, where)
    always = None if told is None else (k @ side.read(2)[1].mT)[..., 0]
    layer = len(side.values)
    steps = side.steps[:, layer * side.count : (layer + 1) * side.count]
    own = side.own[f"queries_{layer + 1}"]
    side.positions.tell(k, own, told, always, bias, steps)


def _upscaled(side: _Side) -> ToldImage:
    """The image after the last layer."""
    width = len(side.prepared.bias)
    rows = side.rows[..., -width:]
    shift = (side.stage.always[-width:] + side.prepared.bias).expand(len(rows), 1, -1)
    side.steps[:, -1] = side.deviation
    grid = side.prepared.grid_hw
    return ToldImage(
        torch.unflatten(side.own["upscaled"], 0, grid),
        torch.unflatten(side.steps, -1, grid),
        torch.cat([rows, shift], dim=1),
        torch.unflatten(side.deviation.square(), -1, grid),
    )
