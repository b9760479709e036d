"""The two-way transformer of the mask decoder (§A, lightweight mask decoder).

A handful of tokens (outputs and prompt) meets thousands of image positions. Projecting the image
side to queries, keys and values would cost far more than the attention itself, so both
cross-attentions move these products to the token side, which is exact up to rounding:

    (W_q t)·(W_k i) = (W_kᵀ W_q t)·i        softmax(…) (W_v I) = W_v (softmax(…) I)

While training, what an attention or an MLP gives may lose numbers by chance before it is added to
what was there (``TwoWayTransformer.set_dropout``).

Positions of the image side are the same for every prompt: their projections are computed once by
``positions`` and handed to ``forward``. Prompts without masks that are about one image even share
the whole image side of the first layer: ``share`` computes that once.

Shape legend: P prompts, T tokens, L image positions (h·w), C channels, H heads, D head width.

Parameter names are the official ones.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.models.half_products import HalfLinear, HalfMLP
from anymask.models.layers import MLPBlock, dropout


class Projections(nn.Module):
    """Query, key, value and output projections of an attention of ``inner`` channels.

    ``dropout``: how often training zeroes a number of what the attention gives.
    """

    def __init__(self, width: int, inner: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.dropout = 0.0
        self.scale = (inner // heads) ** -0.5
        self.q_proj = nn.Linear(width, inner)
        self.k_proj = nn.Linear(width, inner)
        self.v_proj = nn.Linear(width, inner)
        self.out_proj = nn.Linear(inner, width)

    def split_heads(self, x: Tensor) -> Tensor:
        """(P, T, H·D) to (P, H, T, D)."""
        return torch.unflatten(x, -1, (self.heads, -1)).transpose(1, 2)

    def split_rows(self, x: Tensor) -> Tensor:
        """(L, H·D) to (H, D, L)."""
        return torch.unflatten(x.T.contiguous(), 0, (self.heads, -1))

    def head_weights(self, linear: nn.Linear) -> Tensor:
        """The weight of a projection to heads: (H, D, C)."""
        return torch.unflatten(linear.weight, 0, (self.heads, -1))

    def drop(self, given: Tensor) -> Tensor:
        """Dropout of what the attention gives (P, T or L, C), in training."""
        return dropout(given, self.dropout, self.training)


def dot(a: Tensor, b: Tensor) -> Tensor:
    """(P, H, T, K) times (H, K, N): (P, H, T, N), without a copy of ``b`` for each prompt."""
    p, h, t, _ = a.shape
    product = a.transpose(0, 1).reshape(h, p * t, -1) @ b
    return product.view(h, p, t, -1).transpose(0, 1)


class SelfAttention(Projections):
    """Attention among the tokens."""

    def forward(self, qk: Tensor, v: Tensor, bias: Tensor) -> Tensor:
        """qk, v: (P, T, C); bias: (P, 1, 1, T), very negative at absent tokens."""
        q, k = self.split_heads(self.q_proj(qk)), self.split_heads(self.k_proj(qk))
        mixed = F.scaled_dot_product_attention(
            q, k, self.split_heads(self.v_proj(v)), attn_mask=bias
        )
        return self.drop(self.out_proj(mixed.transpose(1, 2).flatten(2)))


class TokenToImageAttention(Projections):
    """Tokens ask, the image answers."""

    def positions(self, image_pe: Tensor) -> Tensor:
        """What the positions (L, C) and the bias contribute to the keys: (H, D, L)."""
        return self.split_rows(self.k_proj(image_pe))

    def forward(
        self, tokens: Tensor, image: Tensor, positions: Tensor, log_weight: Tensor | None = None
    ) -> Tensor:
        """tokens: (P, T, C); image: (P, L, C); log_weight: (L,) or None; gives (P, T, C)."""
        q = self.split_heads(self.q_proj(tokens)) * self.scale  # P H T D
        q_image = dot(q, self.head_weights(self.k_proj)).flatten(1, 2)  # P H·T C
        scores = torch.baddbmm(dot(q, positions).flatten(1, 2), q_image, image.mT)  # P H·T L
        if log_weight is not None:
            scores = scores + log_weight
        seen = scores.softmax(dim=-1) @ image  # P H·T C
        seen = torch.unflatten(seen, 1, (self.heads, -1))  # P H T C
        mixed = dot(seen, self.head_weights(self.v_proj).mT).transpose(1, 2).flatten(2)  # P T H·D
        return self.drop(self.out_proj(mixed + self.v_proj.bias))

    def share(self, image: Tensor, positions: Tensor) -> tuple[Tensor, Tensor]:
        """Keys (H, D, L) and values (H, L, D) of one image (L, C), for ``forward_shared``."""
        keys = self.head_weights(self.k_proj) @ image.T + positions
        return keys, image @ self.head_weights(self.v_proj).mT

    def forward_shared(
        self, tokens: Tensor, keys: Tensor, values: Tensor, log_weight: Tensor | None = None
    ) -> Tensor:
        """``forward`` where all prompts see the image that ``share`` was given."""
        q = self.split_heads(self.q_proj(tokens)) * self.scale  # P H T D
        scores = dot(q, keys)
        if log_weight is not None:
            scores = scores + log_weight
        mixed = dot(scores.softmax(dim=-1), values).transpose(1, 2).flatten(2)  # P T H·D
        return self.drop(self.out_proj(mixed + self.v_proj.bias))


class ImageToTokenAttention(Projections):
    """Every image position asks, the tokens answer; what they say is added to the image."""

    def positions(self, image_pe: Tensor) -> Tensor:
        """What the positions (L, C) and the bias contribute to the queries: (H, D, L)."""
        return self.split_rows(self.q_proj(image_pe))

    def forward(
        self, image: Tensor, keys: Tensor, values: Tensor, positions: Tensor, bias: Tensor
    ) -> Tensor:
        """image: (P, L, C); keys, values: (P, T, C); bias: (P, 1, 1, T); gives (P, L, C)."""
        k = self.split_heads(self.k_proj(keys)) * self.scale  # P H T D
        k_image = dot(k, self.head_weights(self.q_proj)).flatten(1, 2)  # P H·T C
        scores = torch.baddbmm(dot(k, positions).flatten(1, 2), k_image, image.mT)  # P H·T L
        return self._answer(image, torch.unflatten(scores, 1, (self.heads, -1)), values, bias)

    def share(self, image: Tensor, positions: Tensor) -> Tensor:
        """Queries (H, D, L) of one image (L, C), for ``forward_shared``."""
        return self.head_weights(self.q_proj) @ image.T + positions

    def forward_shared(
        self, image: Tensor, queries: Tensor, keys: Tensor, values: Tensor, bias: Tensor
    ) -> Tensor:
        """``forward`` where the image (1, L, C) that ``share`` was given asks all prompts."""
        k = self.split_heads(self.k_proj(keys)) * self.scale  # P H T D
        return self._answer(image, dot(k, queries), values, bias)

    def _answer(self, image: Tensor, scores: Tensor, values: Tensor, bias: Tensor) -> Tensor:
        """Add to the image (P or 1, L, C) what the tokens answer by (P, H, T, L) scores."""
        weights = (scores + bias.mT).softmax(dim=2).flatten(1, 2)  # P H·T L
        out_weights = torch.unflatten(self.out_proj.weight, 1, (self.heads, -1))
        out_weights = out_weights.permute(1, 2, 0)  # H D C
        v_image = dot(self.split_heads(self.v_proj(values)), out_weights)
        # A head's weights sum to one: a share of the bias in every value adds up to the bias.
        v_image = (v_image + self.out_proj.bias / self.heads).flatten(1, 2)  # P H·T C
        if self.training and self.dropout:
            return image + self.drop(weights.mT @ v_image)
        return torch.baddbmm(image, weights.mT, v_image)


class LayerPositions(NamedTuple):
    """The projected positions of one layer, each (H, D, L)."""

    token_to_image: Tensor
    image_to_token: Tensor


class ImagePositions(NamedTuple):
    """The projected positions of the whole transformer: the same for every prompt.

    log_weight: (L,), the logarithm of how many positions each stands for; None where all are there.
    """

    layers: tuple[LayerPositions, ...]
    final: Tensor
    log_weight: Tensor | None = None

    def some(self, index: Tensor, log_weight: Tensor) -> ImagePositions:
        """(L',) of the positions, each standing for others too."""
        layers = tuple(
            LayerPositions(*(some_positions(x, index) for x in layer)) for layer in self.layers
        )
        return ImagePositions(layers, some_positions(self.final, index), log_weight)


def some_positions(rows: Tensor, index: Tensor) -> Tensor:
    """(L',) of the positions of (..., L)."""
    some = rows.flatten(0, -2).index_select(1, index)  # torch is slow where there are more axes
    return some.view(*rows.shape[:-1], len(index))


class SharedImage(NamedTuple):
    """An image (1, L, C) that prompts without masks share, as the first layer needs it.

    seen: for a second look at masks (``mask_ranking``), where the model has one.
    """

    image: Tensor
    keys: Tensor
    values: Tensor
    queries: Tensor
    seen: Tensor | None = None

    def some(self, index: Tensor) -> SharedImage:
        """(L',) of its positions."""
        return SharedImage(
            self.image[:, index],
            self.keys[..., index],
            self.values[:, index],
            self.queries[..., index],
        )


class TwoWayAttentionBlock(nn.Module):
    """Self-attention, tokens to image, MLP, image to tokens; each with residual and norm.

    ``dropout``: how often training zeroes a number of what the MLP gives. ``rounded``: the MLP in
    bfloat16, for those who only look.
    """

    def __init__(self, width: int, heads: int, hidden: int, first: bool) -> None:
        super().__init__()
        self.first = first
        self.dropout = 0.0
        self.rounded: HalfMLP | None = None
        inner = width // 2
        self.self_attn = SelfAttention(width, width, heads)
        self.norm1 = nn.LayerNorm(width)
        self.cross_attn_token_to_image = TokenToImageAttention(width, inner, heads)
        self.norm2 = nn.LayerNorm(width)
        self.mlp = MLPBlock(width, hidden, nn.ReLU())
        self.norm3 = nn.LayerNorm(width)
        self.cross_attn_image_to_token = ImageToTokenAttention(width, inner, heads)
        self.norm4 = nn.LayerNorm(width)

    def positions(self, image_pe: Tensor) -> LayerPositions:
        """Project the image positions (L, C) for ``forward``."""
        return LayerPositions(
            self.cross_attn_token_to_image.positions(image_pe),
            self.cross_attn_image_to_token.positions(image_pe),
        )

    def share(self, image: Tensor, positions: LayerPositions) -> SharedImage:
        """Compute once what ``forward`` would of an image (1, L, C) for every prompt."""
        keys, values = self.cross_attn_token_to_image.share(image[0], positions.token_to_image)
        queries = self.cross_attn_image_to_token.share(image[0], positions.image_to_token)
        return SharedImage(image, keys, values, queries)

    def forward(
        self,
        tokens: Tensor,
        image: Tensor | SharedImage,
        prompt: Tensor,
        positions: LayerPositions,
        log_weight: Tensor | None,
        bias: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """tokens, prompt: (P, T, C), what they are now and were at first; image: (P, L, C)."""
        to_image, to_token = self.cross_attn_token_to_image, self.cross_attn_image_to_token
        tokens = self.inform_each_other(tokens, prompt, bias)
        if isinstance(image, SharedImage):
            seen = to_image.forward_shared(tokens + prompt, image.keys, image.values, log_weight)
            tokens = self.digest(tokens, seen)
            told = to_token.forward_shared(
                image.image, image.queries, tokens + prompt, tokens, bias
            )
        else:
            seen = to_image(tokens + prompt, image, positions.token_to_image, log_weight)
            tokens = self.digest(tokens, seen)
            told = to_token(image, tokens + prompt, tokens, positions.image_to_token, bias)
        return tokens, self.norm4(told)

    def inform_each_other(self, tokens: Tensor, prompt: Tensor, bias: Tensor) -> Tensor:
        """Self-attention of the tokens (P, T, C), residual and norm."""
        if self.first:  # tokens still equal the prompt, which is their position: no residual
            out: Tensor = self.norm1(self.self_attn(tokens, tokens, bias))
        else:
            out = self.norm1(tokens + self.self_attn(tokens + prompt, tokens, bias))
        return out

    def digest(self, tokens: Tensor, seen: Tensor, hasty: bool = False) -> Tensor:
        """Take up what the image answered (P, T, C): MLP, residuals and norms.

        hasty: by ``rounded``, if there is one.
        """
        tokens = self.norm2(tokens + seen)
        mlp = self.mlp if self.rounded is None or not hasty else self.rounded
        answer = dropout(mlp(tokens), self.dropout, self.training)
        out: Tensor = self.norm3(tokens + answer)
        return out

    def round_products(self, rounded: bool) -> None:
        """Have the MLP in bfloat16, too, or no longer; for inference."""
        layers = (self.mlp.lin1, self.mlp.lin2)
        halves = (HalfLinear.of(layer.weight, layer.bias) for layer in layers)
        self.rounded = HalfMLP(*halves) if rounded else None


class TwoWayTransformer(nn.Module):
    """``depth`` two-way blocks and a last look of the tokens at the image."""

    def __init__(self, depth: int, width: int, heads: int, hidden: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(
            TwoWayAttentionBlock(width, heads, hidden, first=i == 0) for i in range(depth)
        )
        self.final_attn_token_to_image = TokenToImageAttention(width, width // 2, heads)
        self.norm_final_attn = nn.LayerNorm(width)

    def positions(self, image_pe: Tensor) -> ImagePositions:
        """Project the image positions (L, C) for ``forward``: once for any number of prompts."""
        return ImagePositions(
            tuple(layer.positions(image_pe) for layer in self.blocks()),
            self.final_attn_token_to_image.positions(image_pe),
        )

    def share(self, image: Tensor, positions: ImagePositions) -> SharedImage:
        """Prepare an image (1, L, C) for any number of prompts that have no masks."""
        return self.blocks()[0].share(image, positions.layers[0])

    def forward(
        self,
        prompt: Tensor,
        image: Tensor | SharedImage,
        positions: ImagePositions,
        absent: Tensor,
        outputs: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Let tokens and image inform each other.

        prompt: (P, T, C); image: (P, L, C), or one that all prompts share; absent: (P, T) bool,
        tokens nobody may attend to; outputs: how many of the first tokens somebody reads (None: all
        of them); only these take the last look. Gives them, changed, and the image: (P, outputs, C)
        and (P, L, C).
        """
        bias = self.bias(absent, prompt.dtype)
        tokens = prompt
        for layer, layer_positions in zip(self.blocks(), positions.layers):
            tokens, image = layer(
                tokens, image, prompt, layer_positions, positions.log_weight, bias
            )
        assert isinstance(image, Tensor)
        tokens, prompt = tokens[:, :outputs], prompt[:, :outputs]
        seen = self.final_attn_token_to_image(
            tokens + prompt, image, positions.final, positions.log_weight
        )
        return self.norm_final_attn(tokens + seen), image

    @staticmethod
    def bias(absent: Tensor, dtype: torch.dtype) -> Tensor:
        """What scores of tokens get added, very negative for absent (P, T) ones: (P, 1, 1, T)."""
        lowest = torch.finfo(dtype).min
        return torch.zeros_like(absent, dtype=dtype).masked_fill(absent, lowest)[:, None, None, :]

    def set_dropout(self, rate: float) -> None:
        """Let training zero numbers of what every attention and every MLP gives, at ``rate``.

        The paper gives "each self/cross-attention and MLP … a dropout of 0.1 at training" (§A) and
        leaves open where. Here: of what a sublayer gives, before the residual is added and the norm
        taken, as in the first transformer (arXiv 1706.03762, §5.4); also where there is no residual
        (self-attention of the first block) and in the last look at the image; not of attention
        weights, nor inside the MLP. The official code has no dropout.

        Raises ``ValueError`` unless 0 <= rate < 1.
        """
        if not 0 <= rate < 1:
            raise ValueError(f"dropout must be at least 0 and below 1, not {rate}")
        for module in self.modules():
            if isinstance(module, (Projections, TwoWayAttentionBlock)):
                module.dropout = rate

    def blocks(self) -> list[TwoWayAttentionBlock]:
        """The layers, the first first."""
        return [layer for layer in self.layers if isinstance(layer, TwoWayAttentionBlock)]
