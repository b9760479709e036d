"""A segmenter that says what it is told, and images to ask it about.

Shape legend: P prompts, M masks, H W pixels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image

from anymask.core import rle
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import ResizeMap
from anymask.core.image import ImageSource, read_image
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.datasets.sample import Sample

Mask = npt.NDArray[np.bool_]
XY = tuple[float, float]
SIDE = 64


def sample(
    masks: Sequence[Mask], groups: Sequence[str | None] = (), name: str = "image.png"
) -> Sample:
    """A black image with these (H, W) masks."""
    picture = BytesIO()
    Image.fromarray(np.zeros((*masks[0].shape, 3), np.uint8)).save(picture, "PNG")
    return Sample(
        name,
        picture.getvalue(),
        tuple(map(rle.encode, masks)),
        tuple(groups) or (None,) * len(masks),
    )


def rectangle(top: int, bottom: int, left: int, right: int) -> Mask:
    """In an image of SIDE × SIDE."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[top:bottom, left:right] = True
    return mask


@dataclass(frozen=True, eq=False)
class Script:
    """What is said about one object.

    three: to a first click, best first; single: to it where one mask is wanted; later: to the
    clicks after it, the last one for ever.
    """

    three: Sequence[Mask]
    single: Mask
    later: Sequence[Mask]


@dataclass
class Scripted:
    """A segmenter of SIDE × SIDE images that tells objects apart by the first click on each.

    asked: all prompts so far, each with what was said about ``multimask_output``.
    """

    scripts: dict[XY, Script]
    asked: list[tuple[Prompts, bool | None]] = field(default_factory=list)
    model_id: str = "scripted"
    everything: Mapping[str, float] = field(default_factory=dict)

    def encode(self, image: ImageSource) -> ImageEmbedding:
        """Remember nothing but the size."""
        height, width = read_image(image).shape[:2]
        nothing = {"image_embed": np.zeros((1, 1, 1), np.float32)}
        return ImageEmbedding(nothing, ResizeMap((height, width), SIDE), self.model_id)

    def predict(
        self, embedding: ImageEmbedding, prompts: Prompts, multimask_output: bool | None = None
    ) -> Masks:
        """What the scripts say."""
        self.asked.append((prompts, multimask_output))
        said = np.stack([self._said(xy, multimask_output) for xy in prompts.points])
        scores = np.tile(np.linspace(0.9, 0.7, said.shape[1], dtype=np.float32), (len(said), 1))
        logits = np.where(said, np.float32(5), np.float32(-5))
        return Masks(logits, scores, embedding.resize_map)

    def _said(self, xy: npt.NDArray[np.float32], multimask_output: bool | None) -> Mask:
        script = self.scripts[float(xy[0, 0]), float(xy[0, 1])]
        if len(xy) > 1:
            return np.stack([script.later[min(len(xy) - 2, len(script.later) - 1)]])
        return np.stack([script.single] if multimask_output is False else script.three)
