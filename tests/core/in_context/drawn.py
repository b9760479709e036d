"""Drawn pictures of shapes, for the golden pictures of grids and mixtures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from anymask.core.in_context.frame import Frame
from anymask.core.in_context.palette import paint, palette

GOLDEN = Path(__file__).parent / "golden"
DISC, SQUARE = 1, 2
FAR = 2  # of a pixel's value: versions of Pillow and OpenCV resize a little differently


def drawn(number: int, hw: tuple[int, int] = (60, 80)) -> Frame:
    """A disc and a square on a ground of a colour of its own, elsewhere in each."""
    rng = np.random.default_rng(number)
    pixels = np.full((*hw, 3), rng.integers(60, 200, 3), np.uint8)
    labels = np.zeros(hw, np.int32)
    x, y = (int(rng.integers(18, side - 18)) for side in (hw[1] // 2, hw[0]))
    for label, (left, color) in {DISC: (x, (230, 60, 40)), SQUARE: (x + 40, (40, 80, 220))}.items():
        shape = np.zeros(hw, np.uint8)
        if label == DISC:
            cv2.circle(shape, (left, y), 14, 1, -1)
        else:
            cv2.rectangle(shape, (left - 11, y - 11), (left + 11, y + 11), 1, -1)
        pixels[shape > 0], labels[shape > 0] = color, label
    return Frame(pixels, labels)


def beside(pixels: npt.NDArray[np.uint8], labels: npt.NDArray[np.int32]) -> Image.Image:
    """Pixels, and what is painted for the labels."""
    painted = paint(np.maximum(labels, 0), palette(2))
    return Image.fromarray(np.concatenate([pixels, painted], axis=1))


def compare(name: str, picture: Image.Image) -> None:
    """Hold a picture against the golden one of that name."""
    golden = np.asarray(Image.open(GOLDEN / f"{name}.png").convert("RGB")).astype(int)
    now = np.asarray(picture).astype(int)
    assert golden.shape == now.shape
    assert (np.abs(golden - now).max(axis=-1) > FAR).mean() < 0.002
