"""A SAM as graphs with tensors in and out: wrappers around ``models``, nothing of their own.

A decoder of a model with text takes two more inputs, the last ones: text_embeddings (P, d), and
has_text (P,), 1 where the text counts.

Shape legend: P prompts, N points, T mask tokens, C channels, h w embedding grid, H W pixels of the
image, S side of the model's input, d numbers of a text's embedding.
"""

from __future__ import annotations

from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.models.prompt_encoder import PromptBatch
from anymask.models.sam import Sam


class EncoderGraph(nn.Module):
    """An image, resized, normalised and padded, to its embedding: (1, 3, S, S) to (1, C, h, w)."""

    def __init__(self, sam: Sam) -> None:
        super().__init__()
        self.image_encoder = sam.image_encoder

    def forward(self, image: Tensor) -> Tensor:
        features: Tensor = self.image_encoder(image)
        return features


class LowResDecoderGraph(nn.Module):
    """Prompts about one image to predicted IoUs (P, T) and mask logits (P, T, 4h, 4w).

    Inputs are float32 under the names of the official export: image_embeddings (1, C, h, w),
    point_coords (P, N, 2) in pixels of the model's input, point_labels (P, N), mask_input
    (P, 1, 4h, 4w), has_mask_input (P,), 1 where the mask counts. A prompt needs no padding point;
    one that has it gets the same answer.

    single_mask: one mask a prompt (T = 1), the best of three for a lone click, for other prompts
    the one made for clear prompts; else all mask tokens.
    """

    def __init__(self, sam: Sam, single_mask: bool = False) -> None:
        super().__init__()
        self.sam = sam
        self.single_mask = single_mask

    def forward(
        self,
        image_embeddings: Tensor,
        point_coords: Tensor,
        point_labels: Tensor,
        mask_input: Tensor,
        has_mask_input: Tensor,
        *text: Tensor,
    ) -> tuple[Tensor, Tensor]:
        labels, has_mask = point_labels.to(torch.int64), has_mask_input > 0
        image = _with_masks(self.sam, image_embeddings, mask_input, has_mask).flatten(2).mT
        batch = prompt_batch(point_coords, labels, text)
        iou, masks = _decoded(self.sam, image, image_embeddings, batch, has_mask)
        return self._best(iou, masks, batch, has_mask) if self.single_mask else (iou, masks)

    @staticmethod
    def _best(
        iou: Tensor, masks: Tensor, prompts: PromptBatch, has_mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The mask token that ``core.prompts.Prompts.ambiguous`` asks for: (P, 1) and its mask."""
        alone = prompts.lone_clicks()
        if prompts.has_text is not None:
            alone = torch.where(prompts.has_text, (prompts.point_labels < 0).all(1), alone)
        token = torch.where(alone & ~has_mask, 1 + iou[:, 1:].argmax(dim=1), 0)[:, None]
        index = token[..., None, None].expand(-1, -1, *masks.shape[2:])
        return iou.gather(1, token), masks.gather(1, index)


class DecoderGraph(nn.Module):
    """``LowResDecoderGraph`` that upsamples, too: ``masks`` (P, T, H, W) come first.

    orig_im_size: (2,) the H and W. Upsampled as the official ``postprocess_masks`` does.
    """

    def __init__(self, sam: Sam, single_mask: bool = False) -> None:
        super().__init__()
        self.low_res = LowResDecoderGraph(sam, single_mask)
        self.input_px = sam.config.encoder.image_px

    def forward(
        self,
        image_embeddings: Tensor,
        point_coords: Tensor,
        point_labels: Tensor,
        mask_input: Tensor,
        has_mask_input: Tensor,
        orig_im_size: Tensor,
        *text: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        iou, low_res = self.low_res(
            image_embeddings, point_coords, point_labels, mask_input, has_mask_input, *text
        )
        return self._upsampled(low_res, orig_im_size), iou, low_res

    def _upsampled(self, low_res: Tensor, image_hw: Tensor) -> Tensor:
        side = self.input_px
        square = F.interpolate(low_res, (side, side), mode="bilinear", align_corners=False)
        content = (image_hw * (side / image_hw.max()) + 0.5).floor().clamp(min=1)
        content_h, content_w = _sizes(content, side)
        height, width = _sizes(image_hw)
        square = square[..., :content_h, :content_w]
        return F.interpolate(square, (height, width), mode="bilinear", align_corners=False)


def _with_masks(sam: Sam, image: Tensor, masks: Tensor, has_mask: Tensor) -> Tensor:
    """Add the embedded masks, or what stands for none, to an image: (P, C, h, w).

    Few prompts have masks: without the branch every click would pay for embedding zeros.
    """

    def embedded(image: Tensor, masks: Tensor, has_mask: Tensor) -> Tensor:
        return image + sam.prompt_encoder.embed_masks(masks, has_mask)

    def plain(image: Tensor, masks: Tensor, has_mask: Tensor) -> Tensor:
        without = image + sam.prompt_encoder.embed_masks(None, None)
        return without.expand(len(masks), -1, -1, -1).clone()

    out: Tensor = torch.cond(has_mask.any(), embedded, plain, (image, masks, has_mask))
    return out


def prompt_batch(point_coords: Tensor, labels: Tensor, text: tuple[Tensor, ...]) -> PromptBatch:
    """Prompts about one image. text: embeddings and which of them count, or nothing."""
    batch = PromptBatch(point_coords, labels, torch.zeros_like(labels[:, 0]))
    if not text:
        return batch
    embeddings, has_text = text
    return replace(batch, text_embeddings=embeddings, has_text=has_text > 0)


def _decoded(
    sam: Sam, image: Tensor, features: Tensor, batch: PromptBatch, has_mask: Tensor
) -> tuple[Tensor, Tensor]:
    """Predicted IoUs (P, T) and mask logits (P, T, 4h, 4w) of all mask tokens.

    image: (P, L, C) with what prompts add to it, of the embedding (1, C, h, w). has_mask: (P,)
    bool, prompts for which that is a mask.
    """
    decoder = sam.mask_decoder
    tokens, told = decoder.attend(image, sam.prompt_encoder(batch), sam.positions())
    masks = decoder.masks(tokens, told)
    seen = None if decoder.ranking is None else decoder.ranking.see(features)
    lone = batch.lone_clicks() & ~has_mask
    return decoder.second_look(tokens, masks[:, 1:], seen, lone), masks


def _sizes(hw: Tensor, most: int | None = None) -> tuple[int, int]:
    """Two sizes that a tensor holds, as the exporter needs to hear of them: positive, bounded."""
    h, w = hw.to(torch.int64).tolist()
    for size in (h, w):
        torch._check(size >= 1)
        if most is not None:
            torch._check(size <= most)
    return h, w
