"""Small pictures with boxes of known values, and datasets read whole."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from anymask.core import rle
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Dataset, Part, Sample

HW = (24, 32)
Pixels = npt.NDArray[np.generic]


def blank(*shape: int, dtype: npt.DTypeLike = np.uint8) -> npt.NDArray[np.generic]:
    """Pixels of 0, (24, 32) and more."""
    return np.zeros((*HW, *shape), dtype)


def boxes(*values: npt.ArrayLike, dtype: npt.DTypeLike = np.uint8) -> Pixels:
    """(24, 32) or more with a box of 4×5 pixels for each value, side by side."""
    pixels = blank(*np.shape(values[0]), dtype=dtype)
    for number, value in enumerate(values):
        pixels[2:6, 6 * number : 6 * number + 5] = value
    return pixels


def save(path: Path, pixels: Pixels | Image.Image | None = None) -> Path:
    """A picture; without pixels a photograph."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shown = blank(3) if pixels is None else pixels
    (shown if isinstance(shown, Image.Image) else Image.fromarray(shown)).save(path)
    return path


def as_file(pixels: Pixels | Image.Image, format_name: str = "PNG", **options: object) -> bytes:
    """The bytes of a picture."""
    shown = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    content = io.BytesIO()
    shown.save(content, format_name, **options)
    return content.getvalue()


def read_whole(dataset: Dataset | None) -> list[Sample | Unread]:
    """All samples, each of a copy of its part."""
    assert dataset is not None
    assert [part.name for part in dataset.parts] == sorted(part.name for part in dataset.parts)
    copies: tuple[Part, ...] = pickle.loads(pickle.dumps(dataset.parts))
    return [sample for part in copies for sample in part.read()]


def number_of(sample: Sample | Unread) -> dict[int, str | None]:
    """Which box each mask of a sample is, and its group; no mask is anything else."""
    assert isinstance(sample, Sample), sample
    assert sample.pixels().shape == (*HW, 3)
    found = {}
    for mask, group in zip(sample.masks, sample.groups):
        shown = rle.decode(mask)
        number = int(np.flatnonzero(shown.any(axis=0))[0]) // 6
        np.testing.assert_array_equal(shown, boxes(*[0] * number, 1) == 1)
        found[number] = group
    return found
