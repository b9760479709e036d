"""The graphs that answer clicks: an image is prepared once, a mask changes that, clicks go on.

Shape legend: P prompts, N points, T mask tokens, C channels, h w embedding grid, L = h·w.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.export import image_side
from anymask.export.image_side import ImageSide, Own
from anymask.models.layers import LayerNorm2d
from anymask.models.mask_decoder import logit_map, transposed_2x2
from anymask.models.prompt_encoder import PromptBatch
from anymask.models.sam import Sam


class PrepareGraph(nn.Module):
    """What all prompts about an image share, once an image: (1, C, h, w) to ``own_parts``."""

    def __init__(self, sam: Sam) -> None:
        super().__init__()
        self.sam = sam

    def forward(self, image_embeddings: Tensor) -> Own:
        decoder = self.sam.mask_decoder
        image = image_embeddings + self.sam.prompt_encoder.embed_masks(None, None)
        rows, upscaled, *layers = image_side.own_parts(decoder, image.flatten(2).mT[0])
        first = self.sam.positions().layers[0]
        layers[0] = layers[0] + first.token_to_image.flatten(0, 1)
        layers[2] = layers[2] + first.image_to_token.flatten(0, 1)
        return rows, upscaled, *layers


class MaskGraph(nn.Module):
    """A mask (1, 1, 4h, 4w), which is a part of the image: what prepared images become by it.

    Only a prompt with a mask pays for it, and less than for preparing the image with the mask.
    """

    def __init__(self, sam: Sam) -> None:
        super().__init__()
        self.sam = sam

    def forward(self, mask_input: Tensor, *own: Tensor) -> Own:
        encoder = self.sam.prompt_encoder
        *before, last = encoder.mask_downscaling
        assert isinstance(last, nn.Conv2d)
        assert last.bias is not None
        steps = nn.Sequential(*before)(mask_input)[0].flatten(1)  # 16 L
        steps = torch.cat([steps, torch.ones_like(steps[:1])])
        told = torch.cat(
            [last.weight[:, :, 0, 0].T, (last.bias - encoder.no_mask_embed.weight[0])[None]]
        )
        rows, upscaled, *layers = image_side.own_parts(self.sam.mask_decoder, told)
        changes = [steps.mT @ rows, steps.mT @ upscaled, *(part @ steps for part in layers)]
        return tuple(part + change for part, change in zip(own, changes))


class ClickGraph(nn.Module):
    """Prompts about one prepared image to predicted IoUs (P, T) and logits (P, T, 4h, 4w).

    point_coords (P, N, 2), point_labels (P, N) as ``LowResDecoderGraph`` has them, then
    ``own_parts``. All mask tokens are answered with.
    """

    def __init__(self, sam: Sam) -> None:
        super().__init__()
        self.sam = sam

    def forward(
        self, point_coords: Tensor, point_labels: Tensor, *own: Tensor
    ) -> tuple[Tensor, Tensor]:
        decoder = self.sam.mask_decoder
        labels = point_labels.to(torch.int64)
        batch = PromptBatch(point_coords, labels, torch.zeros_like(labels[:, 0]))
        prompt, absent = decoder.tokens(self.sam.prompt_encoder(batch))
        image, upscaled, *layers = own
        tokens, side = self._two_way(prompt, absent, image, layers)
        logits = decoder.hyper(tokens) @ self._upscaled(side, upscaled).mT
        return decoder.predicted_iou(tokens), logit_map(logits)

    def _two_way(
        self, prompt: Tensor, absent: Tensor, image: Tensor, layers: list[Tensor]
    ) -> tuple[Tensor, ImageSide]:
        """``TwoWayTransformer.forward``: output tokens (P, 1 + T, C) and the image's side."""
        transformer, positions = self.sam.mask_decoder.transformer, self.sam.positions()
        bias = transformer.bias(absent, prompt.dtype)
        tokens, side = prompt, None
        for i, block in enumerate(transformer.blocks()):
            to_image, to_token = block.cross_attn_token_to_image, block.cross_attn_image_to_token
            keys, values, queries = layers[3 * i : 3 * i + 3]
            where = positions.layers[i]
            tokens = block.inform_each_other(tokens, prompt, bias)
            if side is None:
                seen = image_side.seen_first(to_image, tokens + prompt, keys, values)
                tokens = block.digest(tokens, seen)
                told = image_side.told_first(to_token, tokens + prompt, tokens, queries, bias)
                side = ImageSide.first(image, *told, block.norm4)
                continue
            seen = image_side.seen(
                to_image, tokens + prompt, side, keys, values, where.token_to_image
            )
            tokens = block.digest(tokens, seen)
            told = image_side.told(
                to_token, tokens + prompt, tokens, side, queries, where.image_to_token, bias
            )
            side = side.next(*told, block.norm4, to_token.heads)
        assert side is not None
        count = 1 + self.sam.config.decoder.mask_tokens
        tokens, prompt = tokens[:, :count], prompt[:, :count]
        last = transformer.final_attn_token_to_image
        seen = image_side.seen_last(last, tokens + prompt, side, positions.final)
        return transformer.norm_final_attn(tokens + seen), side

    def _upscaled(self, side: ImageSide, own: Tensor) -> Tensor:
        """``MaskDecoder``'s features of the 4×4 pixels of each position: (P, L·16, C/8)."""
        decoder = self.sam.mask_decoder
        _, norm, _, second, _ = decoder.output_upscaling
        assert isinstance(norm, LayerNorm2d)
        assert isinstance(second, nn.ConvTranspose2d)
        x, factor = side.upscaled(own, decoder)
        x = torch.unflatten(x, -1, (4, -1))  # P L 4 C/4
        squares = (x * x).mean(dim=-1, keepdim=True) + norm.eps * factor[..., None]
        x = F.gelu(x * squares.sqrt().reciprocal() * norm.weight + norm.bias)
        return F.gelu(transposed_2x2(x, second)).flatten(1, 3)
