"""The image's side of the decoder as sums of a few rows, for graphs that answer clicks.

The numbers of ``models.two_way`` up to rounding, from its weights. What costs there is thousands of
image positions with hundreds of channels. Here they are never put together, and hardly ever
multiplied by a weight (docs/adr/0021):

* A layer adds ``Aᵀ V`` to the image: K rows of attention (K, L), by what K tokens and heads tell it
  (K, C). So a product by a weight is ``(X + Aᵀ V) W = X W + Aᵀ (V W)``: ``X W`` is computed once an
  image, and ``V W`` has few rows. Tokens go first: a score is ``Q (X W)ᵀ + (Q (V W)ᵀ) A``.
* A norm is ``(x - mean) / deviation * gain + shift``. Means are taken off ``X`` and ``V``, gains go
  into the next weight, deviations, one a position, into what has few rows. A norm forgets the scale
  of what it gets: the next layer adds ``(A * deviation)ᵀ V`` to what was not divided.
* A deviation is of a sum of squares: ``|x|² + a·(2 V x + V Vᵀ a)`` at a position. ``|x|²`` is the
  image's own, and ``V x`` nearly: what a head tells is a few numbers by a weight.
* The embedding of a mask is 16 channels by a weight: a sum of a few rows, too.

Shape legend: P prompts, T tokens, L image positions, C channels, H heads, D head width, K = H·T.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from anymask.models.few_rows.image_parts import Own, centred, upscaling
from anymask.models.two_way import (
    ImageToTokenAttention,
    Projections,
    TokenToImageAttention,
)


@dataclass(frozen=True)
class Told:
    """What the tokens tell an image in one layer: it adds stepsᵀ @ rows.

    steps: (P, K, L); rows: (P, K, C), centred; values: (P, H, T, D), of which rows are made;
    total: (P or 1, 1, L), the sum of each head's steps.
    """

    steps: Tensor
    rows: Tensor
    values: Tensor
    total: Tensor


@dataclass(frozen=True)
class ImageSide:
    """The image between two layers: its own part, and stepsᵀ @ rows, both divided by deviation.

    steps: (P, K + 1, L) and rows: (P, K + 1, C) of all layers so far and the norm's shift.
    deviation: (P, 1, L). told: of each layer, as the norm gets it.
    """

    steps: Tensor
    rows: Tensor
    deviation: Tensor
    norm: nn.LayerNorm
    told: tuple[Told, ...]

    @property
    def rate(self) -> Tensor:
        return self.deviation.reciprocal()

    @classmethod
    def first(cls, own: Own, told: Told, norm: nn.LayerNorm) -> ImageSide:
        """After the first layer."""
        return cls._normed(own, (replace(told, rows=centred(told.rows)),), norm, norm.eps)

    def next(self, own: Own, told: Told, norm: nn.LayerNorm, heads: int) -> ImageSide:
        """After one more. The steps of each head sum to one: a shift in all of them is a shift."""
        gain, shift = self.norm.weight, self.norm.bias
        before = [replace(earlier, rows=centred(earlier.rows * gain)) for earlier in self.told]
        rows = centred(told.rows + shift / heads)
        told = Told(told.steps * self.deviation, rows, told.values, self.deviation)
        epsilon = norm.eps * self.deviation * self.deviation
        return self._normed(own, (*before, told), norm, epsilon)

    @classmethod
    def _normed(
        cls, own: Own, told: tuple[Told, ...], norm: nn.LayerNorm, epsilon: Tensor | float
    ) -> ImageSide:
        variance = sum_of_squares(own, told) / len(norm.weight)
        deviation = (variance + epsilon).sqrt()
        steps = torch.cat([*(layer.steps for layer in told), deviation], dim=1)
        shift = norm.bias.expand(len(steps), 1, -1)
        rows = torch.cat([*(layer.rows * norm.weight for layer in told), shift], dim=1)
        return cls(steps, rows, deviation, norm, told)

    def scores(self, asked: Tensor, own: Tensor, projection: nn.Linear) -> Tensor:
        """What asks (P, H, T, D) of each position, times deviation: (P, H, T, L).

        own: the image's share in the projection, (H·D, L).
        """
        rows = self._projected(projection, asked.shape[1])
        told = (asked @ rows.mT).flatten(1, 2) @ self.steps
        return asked @ _heads(own, asked.shape[1]) + torch.unflatten(told, 1, asked.shape[1:3])

    def mixed(self, weights: Tensor, own: Tensor, projection: nn.Linear) -> Tensor:
        """What positions show, but for a bias, by weights (P, H, T, L): (P, H, T, D)."""
        weights = weights * self.rate[:, None]
        rows = self._projected(projection, weights.shape[1])
        told = torch.unflatten(weights.flatten(1, 2) @ self.steps.mT, 1, weights.shape[1:3])
        return weights @ _heads(own, weights.shape[1]).mT + told @ rows

    def _projected(self, projection: nn.Linear, heads: int) -> Tensor:
        """The rows by a weight: (P, H, K + 1, D)."""
        rows = self.rows @ projection.weight.T
        return torch.unflatten(rows, -1, (heads, -1)).transpose(1, 2)

    def upscaled(self, own: Tensor, first: nn.ConvTranspose2d) -> tuple[Tensor, Tensor]:
        """Input of the upscaling's norm (P, L, 4·C/4), but for a factor of each position.

        own: the image's, (L, 4·C/4). With it what the norm's epsilon is multiplied by, (P, L, 1).
        """
        weight, bias = upscaling(first)
        rows = self.rows @ weight
        rows = torch.cat([rows[:, :-1], rows[:, -1:] + bias], dim=1)  # the shift's
        return own + self.steps.mT @ rows, (self.deviation * self.deviation).mT


def sum_of_squares(own: Own, told: tuple[Told, ...]) -> Tensor:
    """Of the image and all that it was told, over the channels, as the next norm gets them.

    (P, 1, L).
    """
    norm = len(told)
    total = own["squares"][norm - 1]
    for i, layer in enumerate(told):
        pair = norm * (norm - 1) // 2 + i
        heads = layer.values.shape[1]
        image = (2 * layer.values @ _heads(own[f"told_{i + 1}_{norm}"], heads)).flatten(1, 2)
        products = image + (layer.rows @ layer.rows.mT) @ layer.steps
        for later in told[i + 1 :]:
            products = products + (2 * layer.rows @ later.rows.mT) @ later.steps
        total = total + 2 * own["always"][pair] * layer.total
        ones = torch.ones_like(layer.rows[:1, :, :1]).mT  # onnxruntime has no fast sum over rows
        total = total + ones @ (layer.steps * products)
    return total


def seen_first(attention: TokenToImageAttention, tokens: Tensor, own: Own) -> Tensor:
    """What tokens (P, T, C) see of an image that no layer has changed yet: keys with positions."""
    q = attention.split_heads(attention.q_proj(tokens)) * attention.scale
    weights = (q @ _heads(own["keys_1"], attention.heads)).softmax(dim=-1)
    return _shown(attention, weights @ _heads(own["values_1"], attention.heads).mT)


def seen(
    attention: TokenToImageAttention,
    tokens: Tensor,
    side: ImageSide,
    own: Own,
    layer: str,
    positions: Tensor,
) -> Tensor:
    """What tokens (P, T, C) see of an image in a layer or the ``LAST``. positions: (H, D, L)."""
    q = attention.split_heads(attention.q_proj(tokens)) * attention.scale
    scores = side.scores(q, own[f"keys_{layer}"], attention.k_proj) * side.rate[:, None]
    weights = (scores + q @ positions).softmax(dim=-1)
    return _shown(attention, side.mixed(weights, own[f"values_{layer}"], attention.v_proj))


def _shown(attention: TokenToImageAttention, mixed: Tensor) -> Tensor:
    """Heads (P, H, T, D) to what they show the tokens, (P, T, C)."""
    out: Tensor = attention.out_proj(mixed.transpose(1, 2).flatten(2) + attention.v_proj.bias)
    return out


def told_first(
    attention: ImageToTokenAttention, asked: Tensor, tokens: Tensor, own: Own, bias: Tensor
) -> Told:
    """What tokens tell an image that no layer has changed yet: queries with positions.

    asked: (P, T, C), the tokens with their positions; bias: (P, 1, 1, T), very negative at absent
    tokens.
    """
    k = attention.split_heads(attention.k_proj(asked)) * attention.scale
    queries = _heads(own["queries_1"], attention.heads)
    return _told(attention, tokens, _shares(k @ queries, bias))


def told(
    attention: ImageToTokenAttention,
    asked: Tensor,
    tokens: Tensor,
    side: ImageSide,
    own: Own,
    layer: str,
    positions: Tensor,
    bias: Tensor,
) -> Told:
    """What tokens tell an image in a later layer; as ``told_first``. positions: (H, D, L)."""
    k = attention.split_heads(attention.k_proj(asked)) * attention.scale
    scores = side.scores(k, own[f"queries_{layer}"], attention.q_proj) * side.rate[:, None]
    return _told(attention, tokens, _shares(scores + k @ positions, bias))


def _heads(x: Tensor, heads: int) -> Tensor:
    """(…, H·D, L) to (…, H, D, L)."""
    return torch.unflatten(x, -2, (heads, -1))


def _shares(scores: Tensor, bias: Tensor) -> Tensor:
    """Softmax over the tokens of (P, H, T, L) scores: (P, K, L).

    In steps, because onnxruntime would turn the array round for a softmax along this axis.
    """
    scores = scores + bias.mT
    powers = (scores - scores.amax(dim=2, keepdim=True)).exp()
    return (powers * powers.sum(dim=2, keepdim=True).reciprocal()).flatten(1, 2)


def _told(attention: Projections, tokens: Tensor, shares: Tensor) -> Told:
    """What each token (P, T, C) adds to positions that attend to it, by head, with the bias."""
    out_weights = torch.unflatten(attention.out_proj.weight, 1, (attention.heads, -1))
    values = attention.split_heads(attention.v_proj(tokens))
    added = values @ out_weights.permute(1, 2, 0)  # P H T C
    rows = (added + attention.out_proj.bias / attention.heads).flatten(1, 2)
    return Told(shares, rows, values, torch.ones_like(shares[:, :1]))
