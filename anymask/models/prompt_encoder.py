"""Prompt encoder: embeds points, box corners, rough masks and text (*Segment Anything*, §A, §D.5).

Shape legend: P prompts, N points, C channels, h w embedding grid, S side of the model's input,
d numbers of a text's embedding.

Parameter names are the official ones.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from anymask.models.layers import LayerNorm2d
from anymask.models.text import TextProjection

NEGATIVE_POINT, POSITIVE_POINT, BOX_TOP_LEFT, BOX_BOTTOM_RIGHT = 0, 1, 2, 3


@dataclass(frozen=True)
class PromptBatch:
    """P prompts over B images as the model takes them: tensors, padded to one length.

    point_coords: (P, N, 2) float32 XY in pixels of the model's S×S input.
    point_labels: (P, N) int64; 1 object, 0 background, 2 and 3 a box's corners, negative: nothing.
    image_index: (P,) int64, the image that each prompt is about.
    mask_inputs: (P, 1, 4h, 4w) logits or None when no prompt has a mask.
    has_mask: (P,) bool, which rows of ``mask_inputs`` count; None: all of them.
    text_embeddings: (P, d) of words or of pictures, or None when no prompt has one.
    has_text: (P,) bool, which rows of ``text_embeddings`` count; None: all of them.
    """

    point_coords: Tensor
    point_labels: Tensor
    image_index: Tensor
    mask_inputs: Tensor | None = None
    has_mask: Tensor | None = None
    text_embeddings: Tensor | None = None
    has_text: Tensor | None = None

    def lone_clicks(self) -> Tensor:
        """(P,) bool, which are one object point and no more, and so may mean several things."""
        labels = self.point_labels
        alone = ((labels == POSITIVE_POINT).sum(1) == 1) & ((labels >= 0).sum(1) == 1)
        for there, has in (
            (self.mask_inputs, self.has_mask),
            (self.text_embeddings, self.has_text),
        ):
            if there is not None:
                alone = alone & (False if has is None else ~has)
        return alone


@dataclass(frozen=True)
class PromptEmbedding:
    """What the mask decoder takes of P prompts.

    sparse: (P, N + 1, C) tokens of points and corners; one more where prompts have text.
    absent: (P, N + 1) bool, tokens that must not be attended to; one more likewise.
    dense: (P, C, h, w) embedded masks, or (1, C, 1, 1) where no prompt has one.
    lone: (P,) bool, as ``PromptBatch.lone_clicks``; None: nobody knows.
    """

    sparse: Tensor
    absent: Tensor
    dense: Tensor
    lone: Tensor | None = None

    def __getitem__(self, rows: slice | Tensor) -> PromptEmbedding:
        """The embeddings of some of the prompts: a slice, (P',) indices or a (P,) bool mask."""
        dense = self.dense if len(self.dense) == 1 else self.dense[rows]
        lone = None if self.lone is None else self.lone[rows]
        return PromptEmbedding(self.sparse[rows], self.absent[rows], dense, lone)


class PositionEmbeddingRandom(nn.Module):
    """Positions as sines and cosines of random frequencies (Tancik et al., arXiv 2006.10739)."""

    positional_encoding_gaussian_matrix: Tensor

    def __init__(self, frequencies: int) -> None:
        super().__init__()
        self.register_buffer("positional_encoding_gaussian_matrix", torch.randn(2, frequencies))

    def forward(self, coords: Tensor) -> Tensor:
        """Encode (..., 2) XY coordinates in the unit square to (..., 2 · frequencies).

        Always in float32: frequencies times 2π leave half precision no digits to spare.
        """
        matrix = self.positional_encoding_gaussian_matrix.float()
        phase = 2 * math.pi * ((2 * coords.float() - 1) @ matrix)
        return torch.cat([phase.sin(), phase.cos()], dim=-1)


class PromptEncoder(nn.Module):
    """Embeds points, boxes as corner pairs, masks and, with a ``text_width``, embeddings of text.

    Each prompt gets one more token slot than it has points. As in the official code it holds the
    learned "not a point" embedding where a prompt has points but no box. Slots that hold nothing
    are reported as absent instead of being filled with "not a point", so that padding a prompt to
    the length of a longer one leaves its answer as it was.
    """

    def __init__(
        self,
        channels: int,
        grid: int,
        input_px: int,
        mask_channels: int = 16,
        text_width: int = 0,
    ) -> None:
        super().__init__()
        self.grid = grid
        self.input_px = input_px
        self.pe_layer = PositionEmbeddingRandom(channels // 2)
        self.point_embeddings = nn.ModuleList(nn.Embedding(1, channels) for _ in range(4))
        self.not_a_point_embed = nn.Embedding(1, channels)
        self.mask_downscaling = nn.Sequential(
            nn.Conv2d(1, mask_channels // 4, kernel_size=2, stride=2),
            LayerNorm2d(mask_channels // 4),
            nn.GELU(),
            nn.Conv2d(mask_channels // 4, mask_channels, kernel_size=2, stride=2),
            LayerNorm2d(mask_channels),
            nn.GELU(),
            nn.Conv2d(mask_channels, channels, kernel_size=1),
        )
        self.no_mask_embed = nn.Embedding(1, channels)
        self.text_projection = TextProjection(text_width, channels) if text_width else None

    def dense_pe(self) -> Tensor:
        """Positions of the embedding's cells in the same encoding as the points: (h·w, C)."""
        matrix = self.pe_layer.positional_encoding_gaussian_matrix
        centres = (torch.arange(self.grid, device=matrix.device) + 0.5) / self.grid
        y, x = torch.meshgrid(centres, centres, indexing="ij")
        pe: Tensor = self.pe_layer(torch.stack([x, y], dim=-1))
        return pe.flatten(0, 1).to(self.no_mask_embed.weight.dtype)

    def forward(self, prompts: PromptBatch) -> PromptEmbedding:
        labels = prompts.point_labels
        has_point = ((labels == NEGATIVE_POINT) | (labels == POSITIVE_POINT)).any(1)
        has_box = ((labels == BOX_TOP_LEFT) | (labels == BOX_BOTTOM_RIGHT)).any(1)
        no_extra = ~(has_point & ~has_box)
        extra = self.not_a_point_embed.weight.expand(len(labels), 1, -1)
        sparse = torch.cat([self._points(prompts.point_coords, labels), extra], dim=1)
        absent = torch.cat([labels < 0, no_extra[:, None]], dim=1)
        if prompts.text_embeddings is not None:
            assert self.text_projection is not None, "this model has not learned to read text"
            sparse = torch.cat([sparse, self.text_projection(prompts.text_embeddings)], dim=1)
            none = torch.zeros_like(no_extra) if prompts.has_text is None else ~prompts.has_text
            absent = torch.cat([absent, none[:, None]], dim=1)
        return PromptEmbedding(
            sparse=sparse,
            absent=absent,
            dense=self.embed_masks(prompts.mask_inputs, prompts.has_mask),
            lone=prompts.lone_clicks(),
        )

    def _points(self, coords: Tensor, labels: Tensor) -> Tensor:
        """(P, N, C): where a point is (the centre of its pixel), plus what its label means."""
        weights = [e.weight for e in self.point_embeddings if isinstance(e, nn.Embedding)]
        of_label = torch.cat(weights)
        positions: Tensor = self.pe_layer((coords + 0.5) / self.input_px)
        return positions.to(of_label.dtype) + of_label[labels.clamp(min=0)]

    def embed_masks(self, mask_inputs: Tensor | None, has_mask: Tensor | None) -> Tensor:
        """Embed (P, 1, 4h, 4w) rough masks, to be added to the image embedding.

        Gives (P, C, h, w), or (1, C, 1, 1) where there are none. has_mask: as ``PromptBatch``'s.
        """
        no_mask = self.no_mask_embed.weight[:, :, None, None]
        if mask_inputs is None:
            return no_mask
        dense: Tensor = self.mask_downscaling(mask_inputs.to(no_mask.dtype))
        if has_mask is None:
            return dense
        return torch.where(has_mask[:, None, None, None], dense, no_mask)
