"""The prompt encoder as the official package shows it.

Shape legend: P prompts, N points, T tokens, C channels, h w embedding grid, S side of the model's
input.
"""

from __future__ import annotations

import torch
from torch import Tensor

from anymask.compat.modeling.part import Part
from anymask.compat.prompt_arguments import join_prompts, to_batch
from anymask.errors import PromptError, shown
from anymask.models import prompt_encoder as ours


class PromptEncoder(Part[ours.PromptEncoder]):
    """``PromptEncoder``: points, boxes and masks in the model's frame to embeddings."""

    @property
    def embed_dim(self) -> int:
        """C."""
        return self.module.not_a_point_embed.embedding_dim

    @property
    def image_embedding_size(self) -> tuple[int, int]:
        """h, w."""
        return self.module.grid, self.module.grid

    @property
    def input_image_size(self) -> tuple[int, int]:
        """S, S."""
        return self.module.input_px, self.module.input_px

    @property
    def mask_input_size(self) -> tuple[int, int]:
        """Height and width of mask logits."""
        return 4 * self.module.grid, 4 * self.module.grid

    def get_dense_pe(self) -> Tensor:
        """Where the cells of the image's embedding are: (1, C, h, w)."""
        with torch.no_grad():
            pe = self.module.dense_pe().float()
        return pe.T.reshape(1, -1, *self.image_embedding_size)

    def __call__(
        self,
        points: tuple[Tensor, Tensor] | None = None,
        boxes: Tensor | None = None,
        masks: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Tokens (P, T, C) and embedded masks (P, C, h, w) of P prompts.

        points: coordinates (P, N, 2) and labels (P, N); boxes (P, 4); masks (P, 1, 4h, 4w).
        Here, as officially, a point labelled -1 is "not a point".
        """
        if points is not None and not (isinstance(points, (tuple, list)) and len(points) == 2):
            raise PromptError(f"points are coordinates and labels, not {shown(points)}")
        coords, labels = (None, None) if points is None else points
        prompts = join_prompts(coords, labels, boxes, masks, self.mask_input_size[0])
        weight = self.module.no_mask_embed.weight
        with torch.no_grad():
            embedded = self.module(to_batch(prompts, weight.device))
            sparse, not_a_point = embedded.sparse, self.module.not_a_point_embed.weight[0]
            sparse = torch.where(embedded.absent[..., None], not_a_point, sparse)
            if points is None or boxes is not None:
                sparse = sparse[:, :-1]  # the official code has this token with points alone
            dense = embedded.dense.expand(len(sparse), -1, *self.image_embedding_size)
        return sparse.float(), dense.float()
