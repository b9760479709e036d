"""Scenes: samples made ready for the model, and several of them as one batch.

Shape legend: B images, P objects of all of them, C channels, S side of the model's input, h w
low-resolution grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.geometry import Floats
from anymask.core.image import RGB
from anymask.core.interaction import Habits, Script
from anymask.datasets.sample import Sample
from anymask.errors import ImageError
from anymask.models.sam import SamConfig
from anymask.training.sam.interactive import Objects
from anymask.training.sam.recipe import SamRecipe
from anymask.training.sam.taught import joined_taught
from anymask.training.sam.views import View, jittered_view, whole_view

UNJITTERED = (1.0, 1.0)


@dataclass(frozen=True, eq=False)
class Scene:
    """One image as the model takes it, with some of its objects.

    sample: where it comes from. pixels: (H, W, 3), no side above S; None where an embedding that
    somebody kept will do. objects: at least one. numbers: (P,) of the sample's masks that they are.
    is_flipped: left to right, padding and all; so the embedding must be.
    """

    sample: Sample
    pixels: RGB | None
    objects: Objects
    numbers: npt.NDArray[np.int64]
    is_flipped: bool = False


@dataclass(frozen=True)
class Framing:
    """How samples become scenes.

    input_px, mask_side: of the model. scales: of the jitter. masks_per_image: at most, at random.
    max_mask_fraction: masks over a larger share of the image are left out (§A); least_mask_px:
    those with fewer pixels.
    oversample_manual: how much likelier others are chosen than those of everything-mode.
    needs_pixels: whether images must be decoded. flip: how often one that need not is mirrored.
    """

    input_px: int
    mask_side: int
    habits: Habits
    scales: tuple[float, float] = UNJITTERED
    masks_per_image: int = 64
    max_mask_fraction: float = 0.9
    oversample_manual: float = 1.0
    needs_pixels: bool = True
    flip: float = 0.0
    least_mask_px: int = 0

    def scene(self, sample: Sample, rng: np.random.Generator) -> Scene:
        """A scene by chance. Raises ``ImageError`` for a broken image or one without objects."""
        pixels = sample.pixels() if self.needs_pixels else None
        numbers = self._chosen(sample, rng)
        masks = [rle.decode(sample.masks[i]) for i in numbers]
        view = self._view(masks[0].shape, rng)
        truth = [view.mask(mask, self.mask_side) for mask in masks]
        boxes = [view.box(mask) for mask in masks]
        visible = [i for i, mask in enumerate(truth) if mask.any()]
        if not visible:
            raise ImageError(f"{sample.name} has no mask that is large enough to be seen")
        objects = Objects(
            np.stack([truth[i] for i in visible]),
            np.stack([boxes[i] for i in visible]),
            np.zeros(len(visible), np.int64),
            Script.draw(rng, len(visible), self.habits),
        )
        if self.flip and rng.random() < self.flip:
            mirrored = flipped(objects, self.input_px)
            return Scene(sample, None, mirrored, numbers[visible], is_flipped=True)
        shown = None if pixels is None else view.pixels(pixels)
        return Scene(sample, shown, objects, numbers[visible])

    def _chosen(self, sample: Sample, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """The numbers of some of the masks, in their order."""
        areas = np.array([rle.area(mask) for mask in sample.masks])
        whole = [mask["size"][0] * mask["size"][1] for mask in sample.masks]
        large = areas > self.max_mask_fraction * np.array(whole)
        small = areas < max(1, self.least_mask_px)
        wanted = np.flatnonzero(~small & ~large & np.array(sample.is_object))
        if not len(wanted):
            wrong = "too small" if self.least_mask_px else "empty"
            raise ImageError(
                f"{sample.name} has no mask to learn from: all are {wrong} or too large"
            )
        weights = self._weights(sample)[wanted]
        if len(set(weights)) > 1:
            count, shares = min(len(wanted), self.masks_per_image), weights / weights.sum()
            chosen = rng.choice(wanted, count, replace=False, p=shares)
        else:
            chosen = rng.permutation(wanted)[: self.masks_per_image]
        return np.asarray(np.sort(chosen), np.int64)

    def _weights(self, sample: Sample) -> npt.NDArray[np.float64]:
        """How much each mask is wanted; stability is a score that everything-mode alone gives."""
        if not sample.details:
            return np.ones(len(sample.masks))
        is_found = [detail.stability_score is not None for detail in sample.details]
        return np.where(is_found, 1.0, self.oversample_manual)

    def _view(self, image_hw: tuple[int, ...], rng: np.random.Generator) -> View:
        hw = (image_hw[0], image_hw[1])
        if self.scales == UNJITTERED:
            return whole_view(hw, self.input_px)
        return jittered_view(hw, self.input_px, self.scales, rng)


def framing_of(config: SamConfig, recipe: SamRecipe) -> Framing:
    """How samples become scenes for a model by a recipe."""
    return Framing(
        config.encoder.image_px,
        4 * config.encoder.grid,
        recipe.habits,
        recipe.jitter,
        recipe.masks_per_image,
        recipe.max_mask_fraction,
        recipe.oversample_manual,
        needs_pixels=not recipe.freezes_embeddings,
        flip=recipe.flip,
        least_mask_px=recipe.least_mask_px,
    )


def flipped(objects: Objects, input_px: int) -> Objects:
    """The same, left to right."""
    x0, y0, x1, y1 = objects.boxes_xyxy.T
    mirrored = np.stack([input_px - x1, y0, input_px - x0, y1], axis=1)
    taught = None if objects.taught is None else objects.taught.flipped(input_px)
    truth = objects.truth[..., ::-1].copy()
    return replace(objects, truth=truth, boxes_xyxy=mirrored, taught=taught)


def joined(scenes: Sequence[Scene]) -> Objects:
    """The objects of B scenes, scene by scene, each knowing which it belongs to."""
    per_scene = [scene.objects for scene in scenes]
    boxes: Floats = np.concatenate([objects.boxes_xyxy for objects in per_scene])
    return Objects(
        np.concatenate([objects.truth for objects in per_scene]),
        boxes,
        np.repeat(np.arange(len(per_scene)), [len(objects) for objects in per_scene]),
        Script.join([objects.script for objects in per_scene]),
        _joined_text(per_scene),
        joined_taught([objects.taught for objects in per_scene]),
    )


def told(scene: Scene, views: Floats, share: float, rng: np.random.Generator) -> Scene:
    """The same with text as the first prompts of a share of the objects, one of their views each.

    views: (n, V, d) of the sample's masks.
    """
    count = len(scene.numbers)
    text = views[scene.numbers, rng.integers(0, views.shape[1], count)]
    text[rng.random(count) >= share] = 0
    return replace(scene, objects=replace(scene.objects, text=text))


def _joined_text(several: Sequence[Objects]) -> Floats | None:
    parts = [objects.text for objects in several if objects.text is not None]
    return np.concatenate(parts) if parts else None
