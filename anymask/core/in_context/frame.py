"""Frame: an image and its labels as a training sees them: cut, flipped, stitched, and jittered.

Shape legend: H W pixels, h w those of what is made of them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from anymask.core.image import resize_to
from anymask.core.in_context.palette import Labels, Pixels, resized_labels

UNDECIDED = -1  # the label of pixels that count for nothing
SHAPES = (3 / 4, 4 / 3)  # width to height of a random cut
TRIES = 10  # to find a cut that leaves enough of what is labelled
LEFT = 0.3  # of it, at least
LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, eq=False)
class Frame:
    """pixels: (H, W, 3) RGB. labels: (H, W), 0 for the background, ``UNDECIDED``."""

    pixels: Pixels
    labels: Labels

    @property
    def hw(self) -> tuple[int, int]:
        """Height and width."""
        return self.pixels.shape[0], self.pixels.shape[1]

    def resized(self, hw: tuple[int, int]) -> Frame:
        """At another size."""
        return Frame(resize_to(self.pixels, hw), resized_labels(self.labels, hw))

    def flipped(self) -> Frame:
        """Left to right."""
        return Frame(self.pixels[:, ::-1], self.labels[:, ::-1])

    def cut(
        self, hw: tuple[int, int], scales: tuple[float, float], rng: np.random.Generator
    ) -> Frame:
        """A random part of it, stretched to (h, w): random resized crop, as Painter trains.

        scales: of its area, least and most. What is labelled is not cut away: of a part that leaves
        less than ``LEFT`` of it another is drawn, ``TRIES`` times, and then it is the whole.
        """
        wanted = LEFT * np.count_nonzero(self.labels > 0)
        for _ in range(TRIES):
            top, left, height, width = _window(self.hw, scales, rng)
            place = np.s_[top : top + height, left : left + width]
            if np.count_nonzero(self.labels[place] > 0) >= max(wanted, 1):
                return Frame(self.pixels[place], self.labels[place]).resized(hw)
        return self.resized(hw)

    def jittered(self, strength: float, rng: np.random.Generator) -> Frame:
        """Brightness, contrast and saturation times 1 ± ``strength``, hue turned by a quarter of it
        of the circle, at most; in an order that is the same each time. 0 changes nothing.
        """
        if not strength:
            return self
        brightness, contrast, saturation = rng.uniform(1 - strength, 1 + strength, 3)
        turn = rng.uniform(-strength, strength) / 4
        pixels = self.pixels.astype(np.float32) * np.float32(brightness)
        grey = pixels @ LUMA
        pixels = grey.mean() + np.float32(contrast) * (pixels - grey.mean())
        grey = (pixels @ LUMA)[..., None]
        pixels = np.clip(grey + np.float32(saturation) * (pixels - grey), 0, 255)
        hsv = cv2.cvtColor(pixels.astype(np.uint8), cv2.COLOR_RGB2HSV_FULL)
        hsv[..., 0] += np.uint8(round(256 * turn) % 256)
        return Frame(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB_FULL), self.labels)


def stitched(frames: Sequence[Frame], hw: tuple[int, int]) -> Frame:
    """Several frames as one of (h, w), in a grid as square as their number allows (§3.1, context
    mixing: their labels mean the same, so that they share one colour map).

    Where there are fewer than cells, the first come again.
    """
    columns = math.ceil(math.sqrt(len(frames)))
    rows = math.ceil(len(frames) / columns)
    tops, lefts = (
        np.linspace(0, length, count + 1).round().astype(int)
        for length, count in zip(hw, (rows, columns))
    )
    pixels, labels = np.zeros((*hw, 3), np.uint8), np.zeros(hw, np.int32)
    for cell in range(rows * columns):
        row, column = divmod(cell, columns)
        place = np.s_[tops[row] : tops[row + 1], lefts[column] : lefts[column + 1]]
        one = frames[cell % len(frames)].resized((labels[place].shape[0], labels[place].shape[1]))
        pixels[place], labels[place] = one.pixels, one.labels
    return Frame(pixels, labels)


def _window(
    hw: tuple[int, int], scales: tuple[float, float], rng: np.random.Generator
) -> tuple[int, int, int, int]:
    """Top, left, height and width of a random part."""
    area = hw[0] * hw[1] * rng.uniform(*scales)
    shape = math.exp(rng.uniform(*np.log(SHAPES)))
    height = min(hw[0], max(1, round(math.sqrt(area / shape))))
    width = min(hw[1], max(1, round(math.sqrt(area * shape))))
    top, left = (int(rng.integers(0, a - b + 1)) for a, b in zip(hw, (height, width)))
    return top, left, height, width
