"""A second look at masks where there is no PyTorch: ``models.mask_ranking``, in NumPy.

Shape legend: P prompts, M mask tokens, A = M - 1 of them for ambiguous prompts, C channels, L image
positions, h w embedding grid, D hidden width.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from anymask.core.geometry import Floats

CELL, COVERED_SCALE, IOU_SCALE = 4, np.float32(12), np.float32(6)  # as it has them
_erf = np.frompyfunc(math.erf, 1, 1)


class SecondLook:
    """Corrects the predicted IoUs of the masks for ambiguous prompts.

    tensors: of a ``MaskRanking``, by their names in it, float32.
    """

    def __init__(self, tensors: Mapping[str, Floats]) -> None:
        self._tensors = tensors

    def __call__(self, tokens: Floats, iou: Floats, logits: Floats, features: Floats) -> Floats:
        """Predicted IoUs (P, M) after a second look; the first, for clear prompts, as it was.

        tokens: (P, 1 + M, C), the IoU token first; iou: (P, M), the decoder's; logits:
        (P, M, 4h, 4w); features: (C, h, w), the embedding of the image that all are about.
        """
        seen = COVERED_SCALE * features.reshape(len(features), -1).T
        covered = np.asarray(_covers(logits[:, 1:]) @ seen, np.float32)
        each = iou[:, 1:, None]
        first = np.broadcast_to(iou[:, None], (*each.shape[:2], iou.shape[1]))
        ious = IOU_SCALE * np.concatenate([first, each - each.transpose(0, 2, 1), each], axis=2)
        x = self._linear("of_token", tokens[:, 2:]) + self._linear("of_covered", covered)
        x = x + self._linear("of_iou", ious) + self._linear("of_click", tokens[:, :1])
        x = _gelu(x + self._tensors["which"])
        others = (x.sum(axis=1, keepdims=True) - x) / (x.shape[1] - 1)
        more = _gelu(self._linear("among", np.concatenate([x, others], axis=2)))
        corrected = iou[:, 1:] + self._linear("correction", more)[..., 0]
        return np.concatenate([iou[:, :1], corrected], axis=1)

    def _linear(self, name: str, x: Floats) -> Floats:
        bias = self._tensors.get(f"{name}.bias", np.float32(0))
        return np.asarray(x @ self._tensors[f"{name}.weight"].T + bias)


def _covers(logits: Floats) -> Floats:
    """The share of each position in all that masks (P, A, 4h, 4w) cover: (P, A, L)."""
    prompts, masks, height, width = logits.shape
    cells = (prompts, masks, height // CELL, CELL, width // CELL, CELL)
    covered = (0.5 + 0.5 * np.tanh(logits / 2)).reshape(cells).mean(axis=(3, 5))
    covered = covered.reshape(prompts, masks, -1)
    return np.asarray(covered / (covered.sum(axis=2, keepdims=True) + 1e-3))


def _gelu(x: Floats) -> Floats:
    return np.asarray(x * 0.5 * (1 + _erf(x / math.sqrt(2)).astype(np.float32)), np.float32)
