"""What every promptable segmenter can do, and a stand-in that paints discs.

Evaluation, everything-mode and the server take any ``Segmenter``: SAM in PyTorch, an ONNX pair, or
an adapter around somebody else's model.

Shape legend: P prompts, M masks, h w low-resolution grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol, runtime_checkable

import numpy as np

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import ResizeMap
from anymask.core.image import ImageSource, read_image
from anymask.core.masks import Masks
from anymask.core.prompts import MASK_SIDE, PADDING, Prompts


class Segmenter(Protocol):
    """Encode an image once, then answer any number of prompts about it."""

    @property
    def model_id(self) -> str:
        """Name and hash of the weights, as its embeddings have them (``ImageEmbedding.model``)."""
        ...

    @property
    def everything(self) -> Mapping[str, float]:
        """Fields of ``AutomaticConfig`` that suit the model, if its training found some."""
        ...

    def encode(self, image: ImageSource) -> ImageEmbedding:
        """Embed an image. Raises ``ImageError``."""
        ...

    def predict(
        self, embedding: ImageEmbedding, prompts: Prompts, multimask_output: bool | None = None
    ) -> Masks:
        """Answer P prompts about it: P × M masks.

        multimask_output: three masks each, one each, or (None) whichever fits the prompts.
        """
        ...


@runtime_checkable
class LooksTwice(Protocol):
    """A segmenter whose predicted IoUs of lone clicks may come of a second look at their masks."""

    @property
    def at_first_sight(self) -> Segmenter:
        """The same with those from before it: of the kind that all other prompts have."""
        ...


def at_first_sight(sam: Segmenter) -> Segmenter:
    """``LooksTwice.at_first_sight`` of those that have it, the others as they are."""
    return sam.at_first_sight if isinstance(sam, LooksTwice) else sam


@dataclass(frozen=True)
class DiscSegmenter:
    """A segmenter without a model: discs around the middle of what each prompt points at.

    The first disc of three has ``radius_px`` pixels of the model's input, the others twice and half
    of it. Sure of itself in that order.
    """

    radius_px: float = 64.0
    input_px: int = 1024
    model_id: str = "discs"
    everything: Mapping[str, float] = field(default_factory=dict, hash=False)

    def encode(self, image: ImageSource) -> ImageEmbedding:
        """Remember the size of the image."""
        height, width = read_image(image).shape[:2]
        nothing = np.zeros((1, 1, 1), np.float32)
        resize_map = ResizeMap((height, width), self.input_px)
        return ImageEmbedding({"image_embed": nothing}, resize_map, self.model_id)

    def predict(
        self, embedding: ImageEmbedding, prompts: Prompts, multimask_output: bool | None = None
    ) -> Masks:
        """Paint discs: logits are the distance to the disc's edge, in low-resolution pixels."""
        several = prompts.ambiguous().any() if multimask_output is None else multimask_output
        radii = self.radius_px * np.array([1.0, 2.0, 0.5] if several else [1.0])
        present = (prompts.labels != PADDING)[..., None]
        inside = embedding.resize_map.to_input(prompts.points) * present
        centres = inside.sum(axis=1) / np.maximum(present.sum(axis=1), 1)  # P 2
        cell = self.input_px / MASK_SIDE
        middle = (np.arange(MASK_SIDE) + 0.5) * cell
        dx, dy = middle - centres[:, :1], middle - centres[:, 1:]  # P w, P h
        distance = np.hypot(dx[:, None, :], dy[:, :, None])  # P h w
        logits = (radii[:, None, None] - distance[:, None]) / cell
        scores = np.tile([0.9, 0.8, 0.7][: len(radii)], (len(prompts), 1))
        return Masks(logits.astype(np.float32), scores.astype(np.float32), embedding.resize_map)
