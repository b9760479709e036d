"""The graphs that answer clicks: an image is prepared once, a mask changes that, clicks go on.

Shape legend: P prompts, N points, T mask tokens, C channels, h w embedding grid, L = h·w.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.export import image_side
from anymask.export.graphs import prompt_batch
from anymask.export.image_side import ImageSide
from anymask.models.few_rows.image_parts import LAST, Own, as_norms_get, own_parts
from anymask.models.layers import transposed_2x2
from anymask.models.mask_decoder import MaskDecoderConfig, logit_map
from anymask.models.sam import Sam
from anymask.weights.graph_pair import FIRST_IOU

SEEN = "seen"  # what ``MaskRanking.see`` gives
UPSCALED = "upscaled"  # the image's share in the upscaling
ANSWERS = ("iou_predictions", "low_res_masks")


def click_names(config: MaskDecoderConfig) -> tuple[str, ...]:
    """What the click graph takes of an image, in this order: ``own_parts`` and ``squares``.

    ``seen``, for a second look at masks, comes last, where the model has one.
    """
    names = []
    for j in range(1, config.depth + 1):
        names += [f"keys_{j}", f"values_{j}", f"queries_{j}"]
        names += [f"told_{i}_{j}" for i in range(1, j + 1)]
    more = () if config.ranking is None else (SEEN,)
    return (*names, f"keys_{LAST}", f"values_{LAST}", UPSCALED, "always", "squares", *more)


def answer_names(config: MaskDecoderConfig) -> tuple[str, ...]:
    """What ``ClickGraph`` gives."""
    return ANSWERS if config.ranking is None else (*ANSWERS, FIRST_IOU)


def own_names(config: MaskDecoderConfig) -> tuple[str, ...]:
    """What is prepared of an image: ``click_names`` and ``masks``.

    ``masks``: products of positions with ``mask_rows``, as norms get both, (norms, 17, L).
    """
    return (*click_names(config), "masks")


class PrepareGraph(nn.Module):
    """What all prompts about an image share, once an image: (1, C, h, w) to ``own_names``."""

    def __init__(self, sam: Sam) -> None:
        super().__init__()
        self.sam = sam

    def forward(self, image_embeddings: Tensor) -> tuple[Tensor, ...]:
        decoder = self.sam.mask_decoder
        image = (
            (image_embeddings + self.sam.prompt_encoder.embed_masks(None, None)).flatten(2).mT[0]
        )
        own = own_parts(decoder.transformer, decoder.upscaling_layers()[0], image)
        first = self.sam.positions().layers[0]
        own["keys_1"] = own["keys_1"] + first.token_to_image.flatten(0, 1)
        own["queries_1"] = own["queries_1"] + first.image_to_token.flatten(0, 1)
        seen = list(as_norms_get(decoder.transformer, image))
        own["squares"] = torch.stack([(rows * rows).sum(dim=1) for rows in seen])
        masks = as_norms_get(decoder.transformer, mask_rows(self.sam))
        own["masks"] = torch.stack([told @ rows.mT for told, rows in zip(masks, seen)])
        if decoder.ranking is not None:
            own[SEEN] = decoder.ranking.see(image_embeddings)
        return tuple(own[name] for name in own_names(decoder.config))


class MaskGraph(nn.Module):
    """A mask (1, 1, 4h, 4w), which is a part of the image: what prepared images become by it.

    Only a prompt with a mask pays for it, and less than for preparing the image with the mask.
    """

    def __init__(self, sam: Sam) -> None:
        super().__init__()
        self.sam = sam

    def forward(self, mask_input: Tensor, *prepared: Tensor) -> tuple[Tensor, ...]:
        decoder = self.sam.mask_decoder
        own = dict(zip(own_names(decoder.config), prepared))
        *before, _ = self.sam.prompt_encoder.mask_downscaling
        steps = nn.Sequential(*before)(mask_input)[0].flatten(1)
        steps = torch.cat([steps, torch.ones_like(steps[:1])])  # 17 L
        rows, first = mask_rows(self.sam), decoder.upscaling_layers()[0]
        changes = {
            name: steps.mT @ change if name == UPSCALED else change @ steps
            for name, change in own_parts(decoder.transformer, first, rows).items()
        }
        products = [
            2 * with_image + (told @ told.mT) @ steps
            for told, with_image in zip(as_norms_get(decoder.transformer, rows), own["masks"])
        ]
        changes["squares"] = torch.stack([(steps * product).sum(dim=0) for product in products])
        return tuple(
            own[name] + changes[name] if name in changes else own[name]
            for name in click_names(decoder.config)
        )


def mask_rows(sam: Sam) -> Tensor:
    """What an embedded mask's 16 channels, and having one at all, add to positions: (17, C)."""
    encoder = sam.prompt_encoder
    last = encoder.mask_downscaling[-1]
    assert isinstance(last, nn.Conv2d)
    assert last.bias is not None
    having = (last.bias - encoder.no_mask_embed.weight[0])[None]
    return torch.cat([last.weight[:, :, 0, 0].T, having])


class ClickGraph(nn.Module):
    """Prompts about one prepared image to predicted IoUs (P, T) and logits (P, T, 4h, 4w).

    point_coords (P, N, 2), point_labels (P, N) as ``LowResDecoderGraph`` has them, then
    ``own_names`` but for what only masks need, then text, if the model reads it. All mask tokens
    are answered with. Of a model that looks twice, the IoUs from before that come last: of prompts
    with masks, which only those who prepared the image know of, they are the right ones.
    """

    def __init__(self, sam: Sam) -> None:
        super().__init__()
        self.sam = sam

    def forward(
        self, point_coords: Tensor, point_labels: Tensor, *prepared: Tensor
    ) -> tuple[Tensor, ...]:
        decoder, labels = self.sam.mask_decoder, point_labels.to(torch.int64)
        names = click_names(decoder.config)
        batch = prompt_batch(point_coords, labels, prepared[len(names) :])
        prompt, absent = decoder.tokens(self.sam.prompt_encoder(batch))
        own = dict(zip(names, prepared))
        tokens, side = self._two_way(prompt, absent, own)
        logits = logit_map(decoder.hyper(tokens) @ self._upscaled(side, own[UPSCALED]).mT)
        if SEEN not in own:
            return decoder.predicted_iou(tokens), logits
        iou = decoder.second_look(tokens, logits[:, 1:], own[SEEN], batch.lone_clicks())
        return iou, logits, decoder.predicted_iou(tokens)

    def _two_way(self, prompt: Tensor, absent: Tensor, own: Own) -> tuple[Tensor, ImageSide]:
        """``TwoWayTransformer.forward``: output tokens (P, 1 + T, C) and the image's side."""
        transformer, positions = self.sam.mask_decoder.transformer, self.sam.positions()
        bias = transformer.bias(absent, prompt.dtype)
        tokens, side = prompt, None
        for i, block in enumerate(transformer.blocks()):
            to_image, to_token = block.cross_attn_token_to_image, block.cross_attn_image_to_token
            where, layer = positions.layers[i], str(i + 1)
            tokens = block.inform_each_other(tokens, prompt, bias)
            if side is None:
                seen = image_side.seen_first(to_image, tokens + prompt, own)
                tokens = block.digest(tokens, seen)
                told = image_side.told_first(to_token, tokens + prompt, tokens, own, bias)
                side = ImageSide.first(own, told, block.norm4)
                continue
            seen = image_side.seen(
                to_image, tokens + prompt, side, own, layer, where.token_to_image
            )
            tokens = block.digest(tokens, seen)
            told = image_side.told(
                to_token, tokens + prompt, tokens, side, own, layer, where.image_to_token, bias
            )
            side = side.next(own, told, block.norm4, to_token.heads)
        assert side is not None
        count = 1 + self.sam.config.decoder.mask_tokens
        tokens, prompt = tokens[:, :count], prompt[:, :count]
        last = transformer.final_attn_token_to_image
        seen = image_side.seen(last, tokens + prompt, side, own, LAST, positions.final)
        return transformer.norm_final_attn(tokens + seen), side

    def _upscaled(self, side: ImageSide, own: Tensor) -> Tensor:
        """``MaskDecoder``'s features of the 4×4 pixels of each position: (P, L·16, C/8)."""
        decoder = self.sam.mask_decoder
        first, norm, second = decoder.upscaling_layers()
        x, factor = side.upscaled(own, first)
        x = torch.unflatten(x, -1, (4, -1))  # P L 4 C/4
        squares = (x * x).mean(dim=-1, keepdim=True) + norm.eps * factor[..., None]
        x = F.gelu(x * squares.sqrt().reciprocal() * norm.weight + norm.bias)
        return F.gelu(transposed_2x2(x, second)).flatten(1, 3)
