"""The mask decoder as the official package shows it.

Shape legend: P prompts, T tokens, M masks, C channels, h w embedding grid.
"""

from __future__ import annotations

import torch
from torch import Tensor

from anymask.compat.modeling.part import Part
from anymask.errors import PromptError, shown
from anymask.models import mask_decoder as ours
from anymask.models.prompt_encoder import PromptEmbedding


class MaskDecoder(Part[ours.MaskDecoder]):
    """``MaskDecoder``: embeddings of an image and of P prompts about it to masks."""

    @property
    def num_mask_tokens(self) -> int:
        """Masks that are predicted for each prompt; three or one of them are answered with."""
        return self.module.config.mask_tokens

    @property
    def num_multimask_outputs(self) -> int:
        """Masks for a prompt that may mean several things."""
        return self.num_mask_tokens - 1

    def __call__(
        self,
        image_embeddings: Tensor,
        image_pe: Tensor,
        sparse_prompt_embeddings: Tensor,
        dense_prompt_embeddings: Tensor,
        multimask_output: bool,
    ) -> tuple[Tensor, Tensor]:
        """Logits (P, M, 4h, 4w) and predicted IoUs (P, M); the arguments are ``predict_masks``'s.

        M is 3, or 1 without ``multimask_output``.
        """
        logits, iou = self.predict_masks(
            image_embeddings, image_pe, sparse_prompt_embeddings, dense_prompt_embeddings
        )
        return logits[:, answered(multimask_output)], iou[:, answered(multimask_output)]

    def predict_masks(
        self,
        image_embeddings: Tensor,
        image_pe: Tensor,
        sparse_prompt_embeddings: Tensor,
        dense_prompt_embeddings: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """The same of every mask token, the one for clear prompts first.

        image_embeddings and image_pe (1, C, h, w); sparse_prompt_embeddings (P, T, C) and
        dense_prompt_embeddings (P, C, h, w), as the prompt encoder gives them.
        """
        if len(image_embeddings) != 1:
            raise PromptError(
                f"the mask decoder takes one image at a time, not {len(image_embeddings)}"
            )
        weight = self.module.iou_token.weight
        image, pe, sparse, dense = (
            given.to(weight.device, weight.dtype)
            for given in (
                image_embeddings, image_pe, sparse_prompt_embeddings, dense_prompt_embeddings
            )
        )  # fmt: skip
        absent = torch.zeros(sparse.shape[:2], dtype=torch.bool, device=weight.device)
        image_index = torch.zeros(len(sparse), dtype=torch.long, device=weight.device)
        with torch.no_grad():
            positions = self.module.positions(pe[0].flatten(1).T)
            prompts = PromptEmbedding(sparse, absent, dense)
            logits, iou = self.module(image, image_index, prompts, positions)
        return logits.float(), iou.float()


def answered(multimask_output: bool) -> slice:
    """Which mask tokens are answered with: those for several meanings, or the one for one."""
    if not isinstance(multimask_output, (bool, int)):
        raise PromptError(f"multimask_output is True or False, not {shown(multimask_output)}")
    return slice(1, None) if multimask_output else slice(0, 1)
