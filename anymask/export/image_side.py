"""The image's side of the decoder as sums of a few rows, for graphs that answer clicks.

The numbers of ``models.two_way`` up to rounding, from its weights. What costs there is thousands of
image positions with hundreds of channels. Here they are never normalised, and hardly ever
multiplied by a weight (docs/adr/0021):

* A layer adds ``Aᵀ V`` to the image: K rows of attention (K, L), by what K tokens and heads tell it
  (K, C). So a product by a weight is ``(X + Aᵀ V) W = X W + Aᵀ (V W)``: ``X W`` is computed once an
  image, and ``V W`` has few rows.
* A norm is ``(x - mean) / deviation * gain + shift``. Means are taken off ``X`` and ``V``, gains go
  into the next weight, deviations, one a position, into what has few rows. A norm forgets the scale
  of what it gets: the next layer adds ``(A * deviation)ᵀ V`` to what was not divided.
* The embedding of a mask is 16 channels by a weight: a sum of a few rows, too.

Shape legend: P prompts, T tokens, L image positions, C channels, H heads, D head width, K = H·T.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from anymask.models.mask_decoder import MaskDecoder
from anymask.models.two_way import (
    ImageToTokenAttention,
    TokenToImageAttention,
    TwoWayAttentionBlock,
    dot,
)

Own = tuple[Tensor, ...]  # of an image: what ``own_parts`` gives


def own_names(depth: int) -> tuple[str, ...]:
    """What the parts of ``own_parts`` are called as inputs and outputs of graphs."""
    layers = [f"{part}_{i + 1}" for i in range(depth) for part in ("keys", "values", "queries")]
    return tuple(f"shared_{part}" for part in ("image", "upscaled", *layers))


def own_parts(decoder: MaskDecoder, image: Tensor) -> Own:
    """All that clicks need of image positions (L, C), or of a sum's rows (K, C), but for biases.

    Those rows, centred, and their share in the upscaling, (L, C) both; then for each layer their
    share in its keys, values and queries, (H·D, L) each.
    """
    given, layers = image, []
    for block in decoder.transformer.blocks():
        weights = _image_weights(block)
        layers += [weight @ given.mT for weight in weights]
        given = centred(given) * block.norm4.weight
    weight, _ = upscaling(decoder)
    return centred(image), given @ weight, *layers


def centred(x: Tensor) -> Tensor:
    """Less its mean over the channels, as a norm takes it."""
    return x - x.mean(dim=-1, keepdim=True)


def upscaling(decoder: MaskDecoder) -> tuple[Tensor, Tensor]:
    """Weight (C, 4·C/4) and bias of the first transposed convolution, centred for its norm."""
    first = decoder.output_upscaling[0]
    assert isinstance(first, nn.ConvTranspose2d)
    assert first.bias is not None
    weight = first.weight.permute(0, 2, 3, 1)  # C 2 2 C/4
    return centred(weight).flatten(1), centred(first.bias).repeat(4)


def _image_weights(block: TwoWayAttentionBlock) -> tuple[Tensor, Tensor, Tensor]:
    """Of keys and values that tokens see, and of the queries of positions: (H·D, C)."""
    to_image, to_token = block.cross_attn_token_to_image, block.cross_attn_image_to_token
    return to_image.k_proj.weight, to_image.v_proj.weight, to_token.q_proj.weight


@dataclass(frozen=True)
class ImageSide:
    """The image between two layers: ``rows / deviation * norm.weight + norm.bias``.

    rows: (P, L, C), centred over the channels; an image's own, and stepsᵀ @ told. deviation,
    rate: (P, 1, L), one the other's inverse. norm: that it went through last. steps: (P, K, L) and
    told: (P, K, C), of each layer so far.
    """

    rows: Tensor
    deviation: Tensor
    norm: nn.LayerNorm
    steps: tuple[Tensor, ...]
    told: tuple[Tensor, ...]

    @property
    def rate(self) -> Tensor:
        return self.deviation.reciprocal()

    @classmethod
    def first(cls, image: Tensor, steps: Tensor, told: Tensor, norm: nn.LayerNorm) -> ImageSide:
        """After the first layer. image: (L, C), centred."""
        told = centred(told)
        rows = image + steps.mT @ told
        return cls(rows, deviation(rows, norm.eps), norm, (steps,), (told,))

    def next(self, steps: Tensor, told: Tensor, norm: nn.LayerNorm, heads: int) -> ImageSide:
        """After one more. The steps of each head sum to one: a shift in all of them is a shift."""
        gain, shift = self.norm.weight, self.norm.bias
        steps, told = steps * self.deviation, centred(told + shift / heads)
        rows = centred(self.rows * gain) + steps.mT @ told
        before = tuple(centred(earlier * gain) for earlier in self.told)
        spread = deviation(rows, norm.eps * self.deviation.mT * self.deviation.mT)
        return ImageSide(rows, spread, norm, (*self.steps, steps), (*before, told))

    def product(self, own: Tensor, weight: Tensor) -> Tensor:
        """Rows, their gain, and a weight (H·D, C): (P, H·D, L). own: the image's, (H·D, L)."""
        told = torch.cat(self.told, dim=1) * self.norm.weight
        return own + (weight @ told.mT) @ torch.cat(self.steps, dim=1)

    def upscaled(self, own: Tensor, decoder: MaskDecoder) -> tuple[Tensor, Tensor]:
        """Input of the upscaling's norm (P, L, 4·C/4), but for a factor of each position.

        own: the image's, (L, 4·C/4). With it what the norm's epsilon is multiplied by, (P, L, 1).
        """
        weight, bias = upscaling(decoder)
        shift = (self.norm.bias @ weight) + bias
        told = (torch.cat(self.told, dim=1) * self.norm.weight) @ weight
        told = torch.cat([told, shift.expand(len(told), 1, -1)], dim=1)
        steps = torch.cat([*self.steps, self.deviation], dim=1)
        return own + steps.mT @ told, (self.deviation * self.deviation).mT


def deviation(rows: Tensor, epsilon: Tensor | float) -> Tensor:
    """Standard deviation of centred rows (P, L, C): (P, 1, L)."""
    return ((rows * rows).mean(dim=-1, keepdim=True) + epsilon).sqrt().mT


def seen_first(
    attention: TokenToImageAttention, tokens: Tensor, keys: Tensor, values: Tensor
) -> Tensor:
    """What tokens (P, T, C) see of an image that no layer has changed yet.

    keys: (H·D, L) with positions; values: (H·D, L).
    """
    q = attention.split_heads(attention.q_proj(tokens)) * attention.scale
    weights = dot(q, _heads(keys, attention.heads)).softmax(dim=-1)
    mixed = dot(weights, _heads(values, attention.heads).mT).transpose(1, 2).flatten(2)
    out: Tensor = attention.out_proj(mixed + attention.v_proj.bias)
    return out


def seen(
    attention: TokenToImageAttention,
    tokens: Tensor,
    side: ImageSide,
    keys: Tensor,
    values: Tensor,
    positions: Tensor,
) -> Tensor:
    """What tokens (P, T, C) see of an image. keys, values: its own; positions: (H, D, L)."""
    q = attention.split_heads(attention.q_proj(tokens)) * attention.scale
    rate, shift = side.rate[:, None], side.norm.bias
    keys = _heads(side.product(keys, attention.k_proj.weight), attention.heads)
    weights = ((q @ keys) * rate + dot(q, positions)).softmax(dim=-1)
    values = _heads(side.product(values, attention.v_proj.weight), attention.heads)
    mixed = ((weights * rate) @ values.mT).transpose(1, 2).flatten(2)
    out: Tensor = attention.out_proj(mixed + attention.v_proj(shift))
    return out


def seen_last(
    attention: TokenToImageAttention, tokens: Tensor, side: ImageSide, positions: Tensor
) -> Tensor:
    """``seen``, of rows: few tokens look for the last time, and nothing is at hand of the image."""
    q = attention.split_heads(attention.q_proj(tokens)) * attention.scale
    gain, shift = side.norm.weight, side.norm.bias
    q_image = dot(q, attention.head_weights(attention.k_proj)).flatten(1, 2) * gain  # P K C
    scores = (q_image @ side.rows.mT) * side.rate + dot(q, positions).flatten(1, 2)
    rows = (scores.softmax(dim=-1) * side.rate) @ side.rows * gain + shift  # P K C
    rows = torch.unflatten(rows, 1, (attention.heads, -1))
    mixed = dot(rows, attention.head_weights(attention.v_proj).mT).transpose(1, 2).flatten(2)
    out: Tensor = attention.out_proj(mixed + attention.v_proj.bias)
    return out


def told_first(
    attention: ImageToTokenAttention, asked: Tensor, tokens: Tensor, queries: Tensor, bias: Tensor
) -> tuple[Tensor, Tensor]:
    """What tokens tell an image that no layer has changed yet: (P, K, L) and (P, K, C).

    asked: (P, T, C), the tokens with their positions; queries: (H·D, L) with theirs; bias:
    (P, 1, 1, T), very negative at absent tokens.
    """
    k = attention.split_heads(attention.k_proj(asked)) * attention.scale
    return _shares(dot(k, _heads(queries, attention.heads)), bias), _told(attention, tokens)


def told(
    attention: ImageToTokenAttention,
    asked: Tensor,
    tokens: Tensor,
    side: ImageSide,
    queries: Tensor,
    positions: Tensor,
    bias: Tensor,
) -> tuple[Tensor, Tensor]:
    """What tokens tell an image; as ``told_first``. queries: its own; positions: (H, D, L)."""
    k = attention.split_heads(attention.k_proj(asked)) * attention.scale
    queries = _heads(side.product(queries, attention.q_proj.weight), attention.heads)
    shift = torch.unflatten(attention.q_proj.weight @ side.norm.bias, 0, (attention.heads, -1))
    scores = (k @ queries) * side.rate[:, None] + dot(k, positions + shift[..., None])
    return _shares(scores, bias), _told(attention, tokens)


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


def _told(attention: ImageToTokenAttention, tokens: Tensor) -> Tensor:
    """What each token adds to positions that attend to it, by head, with the bias: (P, K, C)."""
    out_weights = torch.unflatten(attention.out_proj.weight, 1, (attention.heads, -1))
    values = attention.split_heads(attention.v_proj(tokens))
    added = dot(values, out_weights.permute(1, 2, 0))  # P H T C
    return (added + attention.out_proj.bias / attention.heads).flatten(1, 2)
