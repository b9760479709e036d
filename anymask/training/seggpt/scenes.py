"""Scenes: samples made ready for SegGPT: a pair of images, painted alike by chance (§3.1).

Shape legend: H W pixels of the stacked picture, example above query, h w its token grid.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.in_context.coloring import random_colors
from anymask.core.in_context.frame import UNDECIDED, Frame, stitched
from anymask.core.in_context.masking import block_mask, half_mask
from anymask.core.in_context.palette import Labels, Pixels, paint, palette
from anymask.datasets.mixing.mixture import SINGLE_OBJECTS
from anymask.datasets.sample import Sample
from anymask.errors import ImageError
from anymask.models.seggpt import SegGPTConfig
from anymask.training.seggpt.contexts import Contexts, group_of
from anymask.training.seggpt.recipe import SegGPTRecipe

STITCHED_TIMES = 2  # the side of what is stitched, before it is cut, in sides of a frame


@dataclass(frozen=True, eq=False)
class Scene:
    """An example above a query, and what is painted of both.

    image, target: (H, W, 3). labels: (H, W), as painted. is_masked: (h, w), the patches of the
    target that are hidden. is_instance: whether colours tell objects apart. group: what it is of.
    """

    image: Pixels
    target: Pixels
    labels: Labels
    is_masked: npt.NDArray[np.bool_]
    is_instance: bool
    group: str


@dataclass(frozen=True, eq=False)
class Pairing:
    """How samples become scenes. contexts: of the images that they are among."""

    config: SegGPTConfig
    recipe: SegGPTRecipe
    contexts: Contexts

    def scene(self, sample: Sample, rng: np.random.Generator) -> Scene:
        """A scene to learn from, by chance.

        Raises ``ImageError`` for a broken image, and one of which nothing is left to be painted.
        """
        shared = self.contexts.shared(sample)
        is_apart = sample.kind in ("", *SINGLE_OBJECTS) and rng.random() < self.recipe.views
        if shared and not is_apart:
            example, query, group = self._of_class(sample, shared, rng)
        else:
            example = query = self._of_objects(sample, rng)
            group = ""
        sides = [self._seen(side, rng) for side in (example, query)]
        count = max(1, *(int(side.labels.max()) for side in sides))
        colors = random_colors(count, self.recipe.plain_colors, rng)
        scene = _stacked(sides[0], sides[1], colors, self._mask(rng), not group, group)
        return self._checked(scene, sample)

    def validation_scene(self, sample: Sample, rng: np.random.Generator) -> Scene:
        """A scene to validate with: one group, uncut, in the colours of inference.

        An image that shares nothing with another is its own example, mirrored. Raises as ``scene``.
        """
        shared = self.contexts.shared(sample)
        if shared:
            group = shared[int(rng.integers(len(shared)))]
            other = self.contexts.other(sample, group, rng)
            pair = [labelled(one, {group: 1}) for one in (other or sample, sample)]
        else:
            group, whole = "", self._of_objects(sample, rng)
            whole = Frame(whole.pixels, np.minimum(whole.labels, 1))
            pair = [whole.flipped(), whole]
        example, query = (frame.resized(self.config.image_hw) for frame in pair)
        mask = half_mask(self.config.vit.grid_hw)
        return self._checked(_stacked(example, query, palette(1), mask, not group, group), sample)

    def _of_class(
        self, sample: Sample, shared: list[str], rng: np.random.Generator
    ) -> tuple[Frame, Frame, str]:
        """Two images that show the same group, its name; and perhaps further groups of both."""
        group = shared[int(rng.integers(len(shared)))]
        other = self.contexts.other(sample, group, rng) or sample
        chosen = [group]
        if rng.random() < self.recipe.several:
            names = {group_of(other, number) for number in range(len(other.masks))}
            more = [name for name in shared if name in names and name != group]
            chosen += [more[i] for i in rng.permutation(len(more))[: self.recipe.most_labels - 1]]
        labels = {name: number + 1 for number, name in enumerate(chosen)}
        example, query = (self._mixed(one, labels, group, rng) for one in (other, sample))
        return example, query, group

    def _mixed(
        self, sample: Sample, labels: Mapping[str, int], group: str, rng: np.random.Generator
    ) -> Frame:
        """A sample's frame, or several stitched that share its labels (context mixing)."""
        first = labelled(sample, labels)
        if rng.random() >= self.recipe.mix:
            return first
        more = [self.contexts.other(sample, group, rng) for _ in range(self.recipe.mix_images - 1)]
        frames = [first, *(labelled(one, labels) for one in more if one is not None)]
        height, width = self.config.image_hw
        mixed = stitched(
            [frames[i] for i in rng.permutation(len(frames))],
            (STITCHED_TIMES * height, STITCHED_TIMES * width),
        )
        return mixed if (mixed.labels > 0).any() else first

    def _of_objects(self, sample: Sample, rng: np.random.Generator) -> Frame:
        """A sample whose objects have a label each, some of them."""
        objects = np.flatnonzero(sample.is_object)
        count = self.recipe.most_labels if rng.random() < self.recipe.several else 1
        chosen = rng.permutation(objects)[:count]
        labels = np.zeros(tuple(sample.masks[0]["size"]), np.int32)
        for label, number in enumerate(chosen, start=1):
            labels[rle.decode(sample.masks[number])] = label
        return Frame(sample.pixels(), labels)

    def _seen(self, frame: Frame, rng: np.random.Generator) -> Frame:
        """As the model sees it: cut, mirrored and jittered by chance."""
        recipe = self.recipe
        seen = frame.cut(self.config.image_hw, recipe.scales, rng)
        if rng.random() < recipe.flip:
            seen = seen.flipped()
        return seen.jittered(recipe.jitter, rng) if rng.random() < recipe.jittered else seen

    def _mask(self, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
        grid_hw = self.config.vit.grid_hw
        if rng.random() < self.recipe.half_mask:
            return half_mask(grid_hw)
        return block_mask(grid_hw, self.recipe.mask_share, rng)

    def _checked(self, scene: Scene, sample: Sample) -> Scene:
        """A scene that something can be learned from. Raises ``ImageError`` for another."""
        height = self.config.image_hw[0]
        patch_px = self.config.vit.patch_px
        hidden = scene.is_masked.repeat(patch_px, 0).repeat(patch_px, 1)
        if not (scene.labels[:height] > 0).any():
            raise ImageError(f"{sample.name} is in a pair whose example shows nothing")
        if not (hidden & (scene.labels != UNDECIDED)).any():
            raise ImageError(f"{sample.name} is in a pair of which nothing is to be painted")
        return scene


def labelled(sample: Sample, labels: Mapping[str, int], ungrouped: str = "") -> Frame:
    """A sample with the labels of some groups; what nobody decided about has ``UNDECIDED``.

    ungrouped: the group that masks without one are taken to be of. Raises ``ImageError``.
    """
    drawn = np.zeros(tuple(sample.masks[0]["size"]), np.int32)
    for number, mask in enumerate(sample.masks):
        label = labels.get(group_of(sample, number) or ungrouped, 0)
        if not sample.is_object[number]:
            drawn[rle.decode(mask) & (drawn == 0)] = UNDECIDED
        elif label:
            drawn[rle.decode(mask)] = label
    return Frame(sample.pixels(), drawn)


def _stacked(
    example: Frame,
    query: Frame,
    colors: npt.NDArray[np.float32],
    mask: npt.NDArray[np.bool_],
    is_instance: bool,
    group: str,
) -> Scene:
    labels = np.concatenate([example.labels, query.labels])
    target = paint(np.maximum(labels, 0), colors)
    image = np.concatenate([example.pixels, query.pixels])
    return Scene(image, target, labels, mask, is_instance, group)
