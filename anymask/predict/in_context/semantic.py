"""Semantic features: what is where in an image, as a model has learned to tell things apart.

DINOv2's say what things are; where its weights are not at hand, the embedding of a SAM stands in,
which knows more of edges and colours than of things.

Shape legend: h w patches, H W pixels, C channels.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np
import torch

from anymask.core.embedding import ImageEmbedding, model_id
from anymask.core.image import resize_to
from anymask.core.in_context.features import FeatureMap
from anymask.core.in_context.palette import Pixels
from anymask.core.protocol import Segmenter
from anymask.models.dinov2 import DinoV2
from anymask.predict.in_context.picture_numbers import PictureNumbers
from anymask.weights.dinov2 import load_dinov2
from anymask.weights.fetch import fetch
from anymask.weights.registry import find

ROW = "dinov2-small"
LONGEST_PX, PATCH_PX = 518, 14  # the size that the model's positions were learned at


class SemanticEncoder(Protocol):
    """Makes features of images. name: for people."""

    @property
    def name(self) -> str:
        """What to call it."""
        ...

    @property
    def identity(self) -> str:
        """All that features depend on beside the image; "" for those that are not to be kept."""
        ...

    def features(self, pixels: Pixels, embedding: ImageEmbedding) -> FeatureMap:
        """Of an (H, W, 3) RGB image and the SAM's embedding of it."""
        ...


class DinoEncoder:
    """DINOv2's features of an image in its own proportions, its longest side ``longest_px``."""

    name = "dinov2"

    def __init__(
        self,
        model: DinoV2,
        device: torch.device | None = None,
        longest_px: int = LONGEST_PX,
        weights_id: str = "",
    ) -> None:
        """weights_id: of the model's weights; "" where they are not known."""
        self.weights_id = weights_id
        self.device = device or torch.device("cpu")
        self.model = model.to(self.device)
        self.longest_px = longest_px
        self._numbers = PictureNumbers(self.device)

    @classmethod
    def load(
        cls,
        device: torch.device | None = None,
        *,
        offline: bool | None = None,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> DinoEncoder:
        """With the registry's weights, fetched if need be. Raises ``WeightsError``."""
        (file,) = find(ROW).files
        path: Path = fetch(file, offline=offline, on_progress=on_progress)
        return cls(load_dinov2(path), device, weights_id=model_id(ROW, file.sha256))

    @property
    def identity(self) -> str:
        """The weights, the blocks and the size; "" without known weights."""
        blocks = ",".join(map(str, self.model.config.features_of))
        return self.weights_id and f"{self.weights_id} blocks {blocks} at {self.longest_px}"

    def features(self, pixels: Pixels, embedding: ImageEmbedding | None = None) -> FeatureMap:
        """(h, w, C); the embedding is not looked at."""
        image_hw = pixels.shape[0], pixels.shape[1]
        patch_px = self.model.patch_px
        rows, columns = patch_grid(image_hw, self.longest_px, patch_px)
        resized = resize_to(pixels, (rows * patch_px, columns * patch_px))
        with torch.inference_mode():
            blocks = self.model(self._numbers.of([resized]))
        grids = [block[0].permute(1, 2, 0).float().cpu().numpy() for block in blocks]
        return FeatureMap.joined(grids, image_hw)


class SamEncoder:
    """The embedding of a SAM as features: all that there is without DINOv2."""

    identity = ""  # they are the embedding, which is kept already

    def __init__(self, sam: Segmenter) -> None:
        self.name = f"{sam.model_id.partition('@')[0]}'s embedding alone"

    def features(self, pixels: Pixels, embedding: ImageEmbedding) -> FeatureMap:
        """(h, w, C) of the part of the embedding that the image fills."""
        array = next(iter(embedding.arrays.values()))
        resize_map = embedding.resize_map
        cell_px = resize_map.input_px / array.shape[1]
        rows, columns = (max(1, round(side / cell_px)) for side in resize_map.content_hw)
        grid = np.ascontiguousarray(array[:, :rows, :columns].transpose(1, 2, 0))
        coarse = patch_grid(embedding.image_hw)
        return FeatureMap.of_features(grid, embedding.image_hw).at(coarse)


def patch_grid(
    image_hw: tuple[int, int], longest_px: int = LONGEST_PX, patch_px: int = PATCH_PX
) -> tuple[int, int]:
    """Rows and columns of patches nearest to an image's proportions."""
    scale = longest_px / max(image_hw) / patch_px
    rows, columns = (max(1, round(side * scale)) for side in image_hw)
    return rows, columns
