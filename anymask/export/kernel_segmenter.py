"""What a browser computes at a click, where it has kernels of ours for all of it: for the gate.

Shape legend: P prompts, T mask tokens, h w embedding grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats
from anymask.export.kernel_decoder import KernelDecoder, KernelImage
from anymask.predict.embedding_cache import EmbeddingCache
from anymask.predict.onnx_runtime import OnnxSegmenter
from anymask.predict.promptable import PromptArrays
from anymask.weights.graph_pair import GraphPair


class KernelSegmenter(OnnxSegmenter):
    """An export's encoder, and a ``KernelDecoder`` in the place of its other graphs."""

    def __init__(self, pair: GraphPair, tensors: Path) -> None:
        super().__init__(pair)
        self._kernels = KernelDecoder(tensors)
        self._images = EmbeddingCache[KernelImage]()

    @torch.inference_mode()
    def answer(
        self, embeddings: Sequence[ImageEmbedding], prompts: PromptArrays
    ) -> tuple[Floats, Floats]:
        """Logits (P, T, 4h, 4w) and predicted IoUs (P, T), one prompt after the other."""
        answers = [
            self._one(embeddings[prompts.image_index[row]], prompts, row)
            for row in range(len(prompts))
        ]
        logits, iou = (torch.stack(parts).numpy() for parts in zip(*answers))
        return logits, iou

    def _one(
        self, embedding: ImageEmbedding, prompts: PromptArrays, row: int
    ) -> tuple[Tensor, Tensor]:
        def prepare() -> KernelImage:
            (array,) = embedding.arrays.values()
            return self._kernels.prepare(torch.from_numpy(np.asarray(array, np.float32)))

        image = self._images.get(embedding, prepare)
        masks, has_mask = prompts.mask_inputs, prompts.has_mask
        if masks is not None and has_mask is not None and has_mask[row]:
            mask = torch.from_numpy(np.asarray(masks[row, 0], np.float32))
            image = self._kernels.with_mask(image, mask)
        coords = torch.from_numpy(np.asarray(prompts.point_coords[row], np.float32))
        labels = torch.from_numpy(prompts.point_labels[row])
        return self._kernels.answer(image, coords, labels, bool(prompts.lone_clicks()[row]))
