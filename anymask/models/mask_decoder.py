"""The mask decoder: prompt and image embeddings to masks and their predicted quality (§A).

Shape legend: B images, P prompts, T tokens, M mask tokens, C channels, h w embedding grid,
L = h·w image positions.

Parameter names are the official ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.compiler import is_compiling

from anymask.models.few_rows.positions import Compiled, Pixels
from anymask.models.few_rows.two_way import MOST_TOKENS, PreparedImage, ToldImage, prepare, two_way
from anymask.models.half_products import HalfLinear, HalfUpscaling
from anymask.models.layers import (
    CAN_FUSE_LINEAR,
    MLP,
    LayerNorm2d,
    as_linear,
    linear_gelu,
    linear_then_gelu,
    transposed_2x2,
)
from anymask.models.mask_ranking import MaskRanking
from anymask.models.prompt_encoder import PromptEmbedding
from anymask.models.two_way import ImagePositions, SharedImage, TwoWayTransformer

PromptedImage = SharedImage | PreparedImage  # as prompts without masks share it
ALL_TOKENS = slice(None)
BESIDE = -100.0  # the logit of what nobody looks at
SAMPLE = 12  # of a position's sixteen logits: row 2 and column 2 of its 4 × 4, next to the middle


@dataclass(frozen=True)
class MaskDecoderConfig:
    """Size of the mask decoder. The paper's automatic-annotation model has ``depth`` 3 (§B).

    ranking: hidden width of a second look at the masks (``mask_ranking``); None: there is none.
    """

    depth: int = 2
    width: int = 256
    heads: int = 8
    mlp_hidden: int = 2048
    mask_tokens: int = 4
    iou_head_hidden: int = 256
    iou_head_depth: int = 3
    ranking: int | None = None


class MaskDecoder(nn.Module):
    """Predicts one mask per mask token and the IoU each will have with the object.

    Token 0 is the mask for prompts that leave no doubt, tokens 1 to 3 are the whole, part and
    subpart of an ambiguous one.

    ``band_positions`` is the one switch between upscaling all image positions at once (0) and so
    many of all prompts together, which is much faster on a CPU and gives the same numbers.
    ``fused`` is another, set by ``fuse_activations``. ``compiled``: computes few rows and
    their upscaling in the place of PyTorch.
    """

    def __init__(self, config: MaskDecoderConfig) -> None:
        super().__init__()
        self.config = config
        self.band_positions = 0
        self.fused = False
        self.few_rows = False
        self.compiled: Compiled | None = None
        self.rounded: HalfUpscaling | None = None
        c = config.width
        self.transformer = TwoWayTransformer(config.depth, c, config.heads, config.mlp_hidden)
        self.iou_token = nn.Embedding(1, c)
        self.mask_tokens = nn.Embedding(config.mask_tokens, c)
        self.output_upscaling = nn.Sequential(
            nn.ConvTranspose2d(c, c // 4, kernel_size=2, stride=2),
            LayerNorm2d(c // 4),
            nn.GELU(),
            nn.ConvTranspose2d(c // 4, c // 8, kernel_size=2, stride=2),
            nn.GELU(),
        )
        self.output_hypernetworks_mlps = nn.ModuleList(
            MLP(c, c, c // 8, depth=3) for _ in range(config.mask_tokens)
        )
        self.iou_prediction_head = MLP(
            c, config.iou_head_hidden, config.mask_tokens, config.iou_head_depth
        )
        self.ranking = (
            None if config.ranking is None else MaskRanking(c, config.mask_tokens, config.ranking)
        )

    def positions(self, image_pe: Tensor) -> ImagePositions:
        """Project the positions (L, C) of the image side, once for any number of ``forward``."""
        return self.transformer.positions(image_pe)

    def set_dropout(self, rate: float) -> None:
        """Dropout of the transformer in training (``TwoWayTransformer.set_dropout``)."""
        self.transformer.set_dropout(rate)

    def forward(
        self,
        features: Tensor,
        image_index: Tensor,
        prompts: PromptEmbedding,
        positions: ImagePositions,
        which: slice = ALL_TOKENS,
    ) -> tuple[Tensor, Tensor]:
        """Decode P prompts over B images.

        features: (B, C, h, w) image embeddings; image_index: (P,) the image of each prompt;
        which: of the mask tokens.
        Gives mask logits (P, M, 4h, 4w) and predicted IoUs (P, M).
        """
        tokens, image = self.look(features, image_index, prompts, positions)
        logits = logit_map(self.position_logits(tokens, image, which=which))
        numbers, seen = range(self.config.mask_tokens)[which], None
        if self.ranking is not None and numbers[-1:] and numbers[0] <= 1 < numbers[-1]:
            seen = self.ranking.see(features).index_select(0, image_index)
        iou = self.second_look(tokens, logits[:, max(0, 1 - numbers.start) :], seen, prompts.lone)
        return logits, iou[:, which]

    def look(
        self,
        features: Tensor,
        image_index: Tensor,
        prompts: PromptEmbedding,
        positions: ImagePositions,
    ) -> tuple[Tensor, Tensor | ToldImage]:
        """``attend`` for P prompts over B images; arguments as ``forward``'s."""
        if len(prompts.dense) == 1:  # add once per image, not once per prompt
            image = _flat(features + prompts.dense).index_select(0, image_index)
        else:
            image = _flat(features.index_select(0, image_index) + prompts.dense)
        return self.attend(image, prompts, positions)

    def share(self, features: Tensor, no_mask: Tensor, positions: ImagePositions) -> PromptedImage:
        """Prepare one image (1, C, h, w) for many calls of ``attend`` with prompts without masks.

        no_mask: (1, C, 1, 1), what such prompts add to it.
        """
        image = features + no_mask
        seen = None if self.ranking is None else self.ranking.see(features)
        if self.few_rows:
            first = self.upscaling_layers()[0]
            return replace(prepare(self.transformer, first, image, positions), seen=seen)
        return self.transformer.share(_flat(image), positions)._replace(seen=seen)

    def attend(
        self,
        image: Tensor | PromptedImage,
        prompts: PromptEmbedding,
        positions: ImagePositions,
        hasty: bool = False,
    ) -> tuple[Tensor, Tensor | ToldImage]:
        """Run the transformer over image positions (P, L, C), or an image that all share.

        hasty: for a first look: where products are rounded, those of the tokens' MLPs are, too.
        Gives the IoU token and the mask tokens (P, 1 + M, C), and image positions (P, L, C) or,
        where ``share`` prepared sums of few rows, a ``ToldImage``.
        """
        tokens, absent = self.tokens(prompts)
        count = 1 + self.config.mask_tokens
        if isinstance(image, PreparedImage):
            if tokens.shape[1] <= MOST_TOKENS:
                given = (self.transformer, tokens, image, positions, absent, count)
                return two_way(*given, hasty, self.compiled)
            image = image.plain()
        out: tuple[Tensor, Tensor] = self.transformer(tokens, image, positions, absent, count)
        return out

    def tokens(self, prompts: PromptEmbedding) -> tuple[Tensor, Tensor]:
        """The IoU token, the mask tokens and those of prompts: (P, T, C), and which are absent."""
        outputs = torch.cat([self.iou_token.weight, self.mask_tokens.weight])
        outputs = outputs.expand(len(prompts.sparse), -1, -1)
        absent = F.pad(prompts.absent, (outputs.shape[1], 0), value=False)
        return torch.cat([outputs, prompts.sparse], dim=1), absent

    def predicted_iou(self, tokens: Tensor) -> Tensor:
        """The IoU of each mask with the object, as the model expects it: (P, M)."""
        out: Tensor = self.iou_prediction_head(tokens[:, 0])
        return out

    def second_look(
        self, tokens: Tensor, logits: Tensor, seen: Tensor | None, lone: Tensor | None
    ) -> Tensor:
        """``predicted_iou`` (P, M), after ``ranking`` saw masks (P, A, 4h, 4w) of lone clicks."""
        iou = self.predicted_iou(tokens)
        if self.ranking is None or seen is None or lone is None:  # nobody looks twice
            return iou
        return torch.where(lone[:, None], self.ranking(tokens, iou, logits, seen), iou)

    def masks(
        self,
        tokens: Tensor,
        image: Tensor | ToldImage,
        chosen: Tensor | None = None,
        content: tuple[int, int] | None = None,
    ) -> Tensor:
        """Mask logits (P, M, 4h, 4w) from decoded tokens and what ``attend`` made of the image.

        chosen: (P, M) bool, which masks are wanted; they come as (N, 4h, 4w). content: the rows and
        columns of positions that somebody looks at; others may be ``BESIDE``.
        """
        if content is None or not isinstance(image, ToldImage):
            return logit_map(self.position_logits(tokens, image, chosen))
        h, w = content
        beside = [4 * (side - cut) for side, cut in zip(image.own.shape, content)]
        logits = logit_map(self.position_logits(tokens, image.within(h, w), chosen), content)
        return F.pad(logits, (0, beside[1], 0, beside[0]), value=BESIDE)

    def position_logits(
        self,
        tokens: Tensor,
        image: Tensor | ToldImage,
        chosen: Tensor | None = None,
        which: slice = ALL_TOKENS,
    ) -> Tensor:
        """``masks`` before they are put in order: (P, M, L·16) or (N, L·16), for any positions.

        A 2×2 transposed convolution of stride 2 is one matrix product per position, whatever the
        neighbours. So positions stay where they are until only M numbers are left of each, and
        the reordering into a map touches M channels instead of 64.
        """
        return self.logits_by(self.hyper(tokens, which), image, chosen)

    def logits_by(
        self, hyper: Tensor, image: Tensor | ToldImage, chosen: Tensor | None = None
    ) -> Tensor:
        """``position_logits`` by ``hyper`` (P, M, C/8)."""
        if isinstance(image, ToldImage):
            logits = self._told_logits(hyper, image)
            return logits if chosen is None else logits[chosen]
        length = (
            max(1, self.band_positions // len(image)) if self.band_positions else image.shape[1]
        )
        bands = [hyper @ self._upscale(band).mT for band in torch.split(image, length, dim=1)]
        logits = torch.cat(bands, dim=2)
        return logits if chosen is None else logits[chosen]

    def logits_at(
        self, hyper: Tensor, image: Tensor | ToldImage, prompt: int, index: Tensor
    ) -> Tensor:
        """All logits of some of a prompt's masks at some positions: (M, n, 16).

        hyper: (M, C/8), of those masks. index: (n,) numbers of positions.
        """
        if isinstance(image, ToldImage):
            there: Tensor | ToldImage = image.at(prompt, index)
        else:
            there = image[prompt : prompt + 1, index]
        return torch.unflatten(self.logits_by(hyper[None], there)[0], 1, (-1, 16))

    def samples(self, hyper: Tensor, image: Tensor | ToldImage) -> Tensor:
        """One logit of each position, number ``SAMPLE`` of its sixteen: (P, M, L).

        hyper: (P, M, C/8). A seventh of ``logits_by``'s work.
        """
        first, norm, _ = self.upscaling_layers()
        width = len(norm.weight)
        of_first, of_second = divmod(SAMPLE, 4)
        among = slice(of_first * width, (of_first + 1) * width)
        assert of_second == 0
        pixels = self._pixels().some(slice(hyper.shape[-1]))
        if self.compiled is not None and isinstance(image, ToldImage):
            return self.compiled.upscale(hyper, image.flat().some(among), pixels, half=False)
        out = hyper.new_empty(*hyper.shape[:2], _positions(image))
        for p, logits in enumerate(out):
            if isinstance(image, ToldImage):
                x = image.sums(p, among)
                rate = torch.linalg.vector_norm(x, dim=-1).square_().div_(width)
                rate.add_(image.variance[p].flatten(), alpha=norm.eps).rsqrt_()
                x = torch.addcmul(norm.bias, x.mul_(rate[:, None]), norm.weight)
            else:
                x = F.linear(image[p], *(part[among] for part in as_linear(first)))
                x = F.layer_norm(x, norm.weight.shape, norm.weight, norm.bias, norm.eps)
            x = F.linear(F.gelu(x), pixels.weight.T, pixels.bias)
            torch.mm(hyper[p], F.gelu(x).mT, out=logits)
        return out

    def _told_logits(self, hyper: Tensor, image: ToldImage) -> Tensor:
        """``position_logits`` by ``hyper`` (P, M, C/8), without dividing by deviations first."""
        norm, half = self.upscaling_layers()[1], self.rounded is not None
        if self.compiled is not None:
            return self.compiled.upscale(hyper, image.flat(), self._pixels(), half)
        width = len(norm.weight)
        out = hyper.new_empty(*hyper.shape[:2], 16 * image.own[..., 0].numel())
        length = self.band_positions or out.shape[2]
        for p, logits in enumerate(out):
            bands = image.bands(p, length, half)
            for (x, variance), part in zip(bands, torch.split(logits, 16 * length, dim=1)):
                x = torch.unflatten(x, -1, (4, -1))  # l 4 C/4
                squares = torch.linalg.vector_norm(x, dim=-1).square_().div_(width)
                rate = squares.add_(variance[:, None], alpha=norm.eps).rsqrt_()
                x = F.gelu(torch.addcmul(norm.bias, x.mul_(rate[..., None]), norm.weight))
                torch.mm(hyper[p], self._last_upscaled(x).flatten(0, 2).mT, out=part)
        return out

    def _pixels(self) -> Pixels:
        """The upscaling after its first convolution."""
        _, norm, second = self.upscaling_layers()
        weight, bias = as_linear(second)
        return Pixels(norm.weight, norm.bias, norm.eps, weight.T, bias)

    def hyper(self, tokens: Tensor, which: slice = ALL_TOKENS) -> Tensor:
        """What each mask's features are multiplied by: (P, M, C/8)."""
        numbers = range(self.config.mask_tokens)[which]
        return torch.stack(
            [self.output_hypernetworks_mlps[i](tokens[:, 1 + i]) for i in numbers], dim=1
        )

    def _upscale(self, image: Tensor) -> Tensor:
        """Features of the 4×4 pixels of each position: (P, L, C) to (P, L·16, C/8)."""
        first, norm, _ = self.upscaling_layers()
        if self.rounded is None:
            x = transposed_2x2(image, first)  # P L 4 C/4
        else:
            x = torch.unflatten(self.rounded.first(image), -1, (4, -1)).float()
        x = F.gelu(F.layer_norm(x, norm.weight.shape, norm.weight, norm.bias, norm.eps))
        return self._last_upscaled(x).flatten(1, 3)

    def _last_upscaled(self, x: Tensor) -> Tensor:
        """The second convolution and its GELU: (..., 4, C/4) to (..., 4, 4, C/8)."""
        if self.rounded is not None:
            return torch.unflatten(self.rounded.second(x, "gelu"), -1, (4, -1)).float()
        last = linear_gelu if self.fused else linear_then_gelu
        return transposed_2x2(x, self.upscaling_layers()[2], last)

    def round_products(self, rounded: bool = True) -> None:
        """Multiply in bfloat16 what costs hardly anything in masks (``half_products``).

        rounded: whether to; False undoes it. For inference in float32; the weights must not change
        afterwards.
        """
        self.rounded = None
        for block in self.transformer.blocks():
            block.round_products(rounded)
        if rounded:
            first, _, second = self.upscaling_layers()
            self.rounded = HalfUpscaling(*(HalfLinear.of(*as_linear(x)) for x in (first, second)))

    def upscaling_layers(self) -> tuple[nn.ConvTranspose2d, LayerNorm2d, nn.ConvTranspose2d]:
        """What is learned of the upscaling."""
        first, norm, _, second, _ = self.output_upscaling
        assert isinstance(first, nn.ConvTranspose2d)
        assert isinstance(norm, LayerNorm2d)
        assert isinstance(second, nn.ConvTranspose2d)
        return first, norm, second

    def fuse_activations(self, fused: bool = True) -> None:
        """Compute the last convolution and its GELU in one step, where this torch can.

        fused: whether to; False undoes it.
        Only for inference in float32 on a CPU (``layers.linear_gelu``).
        """
        self.fused = fused and CAN_FUSE_LINEAR


def _positions(image: Tensor | ToldImage) -> int:
    """L, of which all logits are."""
    return image.shape[1] if isinstance(image, Tensor) else image.own[..., 0].numel()


def _flat(features: Tensor) -> Tensor:
    """(B, C, h, w) to (B, L, C)."""
    return features.flatten(2).mT.contiguous()


def logit_map(logits: Tensor, grid_hw: tuple[int, int] | None = None) -> Tensor:
    """``position_logits`` (..., h·w·2·2·2·2) of all positions to masks (..., 4h, 4w).

    grid_hw: None for a square.
    """
    *rest, count = logits.shape
    h, w = grid_hw or 2 * (math.isqrt(count // 16),)
    if logits.dtype == torch.float32 and not (logits.requires_grad or is_compiling()):
        # Two neighbours stay together: moved as one number they cost a tenth.
        pairs = logits.contiguous().view(torch.float64).view(-1, h, w, 2, 2, 2)
        moved = pairs.permute(0, 1, 3, 5, 2, 4).reshape(*rest, 4 * h, 2 * w)
        return moved.view(torch.float32)
    x = logits.reshape(-1, h, w, 2, 2, 2, 2)
    return x.permute(0, 1, 3, 5, 2, 4, 6).reshape(*rest, 4 * h, 4 * w)
