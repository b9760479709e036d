"""Example: an image and what is labelled in it, to segment others by (*SegGPT* §3.3).

Shape legend: H W pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anymask.core.image import read_image, resize_to
from anymask.core.in_context.palette import Labels, Pixels, resized_labels
from anymask.errors import PromptError

MASK = 1  # the label of an example of one mask


@dataclass(frozen=True, eq=False)
class Example:
    """pixels: (H, W, 3) RGB; grey ones become so. labels: (H, W), 0 where nothing is labelled.

    Raises ``PromptError`` where sizes differ, and where nothing is labelled at all; ``ImageError``
    for what is no image.
    """

    pixels: Pixels
    labels: Labels

    def __post_init__(self) -> None:
        object.__setattr__(self, "pixels", read_image(self.pixels))
        if self.labels.ndim != 2:
            raise PromptError(f"the mask of an example is (H, W), not {self.labels.shape}")
        if self.labels.shape != self.pixels.shape[:2]:
            height, width = self.pixels.shape[:2]
            rows, columns = self.labels.shape
            raise PromptError(
                f"the mask of an example is {columns}×{rows} and its image {width}×{height}"
            )
        if self.labels.min() < 0:
            raise PromptError("the labels of an example are counted from 0, which is background")
        if not self.labels.any():
            raise PromptError("the mask of an example is empty: it shows nothing to segment")

    @classmethod
    def of_mask(cls, pixels: Pixels, mask: npt.NDArray[np.bool_]) -> Example:
        """An example of one thing."""
        return cls(pixels, np.where(mask, MASK, 0).astype(np.int32))

    @property
    def count(self) -> int:
        """The highest label."""
        return int(self.labels.max())

    def resized(self, hw: tuple[int, int]) -> Example:
        """At another size, stretched where its shape is another, as the official code has it.

        Raises ``PromptError`` where nothing that is labelled is left of it.
        """
        labels = resized_labels(self.labels, hw)
        if not labels.any():
            raise PromptError(
                f"the mask of an example is so small that at {hw[1]}×{hw[0]} nothing of it is left"
            )
        return Example(resize_to(self.pixels, hw), labels)


def spatial_grid(examples: Sequence[Example], hw: tuple[int, int]) -> Example:
    """Many examples as one: in an n × n grid, each subsampled (§3.3, spatial ensemble).

    hw: size of the whole. Where there are fewer than n², the first come again. An example whose
    mask is too small to be seen there is left to the others. Raises ``PromptError`` where it is
    so of all.
    """
    side = math.ceil(math.sqrt(len(examples)))
    rows, columns = (np.linspace(0, length, side + 1).round().astype(int) for length in hw)
    pixels = np.zeros((*hw, 3), np.uint8)
    labels = np.zeros(hw, np.int32)
    for cell in range(side**2):
        example = examples[cell % len(examples)]
        row, column = divmod(cell, side)
        place = np.s_[rows[row] : rows[row + 1], columns[column] : columns[column + 1]]
        cell_hw = pixels[place].shape[0], pixels[place].shape[1]
        pixels[place] = resize_to(example.pixels, cell_hw)
        labels[place] = resized_labels(example.labels, cell_hw)
    return Example(pixels, labels)
