"""Datasets that are written and read back."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from anymask.core import rle
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from anymask.datasets.writing.annotated import AnnotatedImage, AnnotatedObject
from anymask.datasets.writing.folder import ImageFiles
from anymask.datasets.writing.formats import DatasetFormat, write

OTHER = "other.png"

Mask = npt.NDArray[np.bool_]


def image_file(hw: tuple[int, ...]) -> bytes:
    """A grey PNG of this size."""
    written = io.BytesIO()
    Image.new("RGB", (hw[1], hw[0]), (90, 90, 90)).save(written, format="PNG")
    return written.getvalue()


def annotated(
    masks: Iterable[Mask],
    labels: Iterable[str | None] | None = None,
    name: str = "a.png",
    from_back: bool = False,
) -> AnnotatedImage:
    """An image with these masks, at least one."""
    masks = list(masks)
    labels = [None] * len(masks) if labels is None else list(labels)
    objects = tuple(
        AnnotatedObject(rle.encode(mask), label) for mask, label in zip(masks, labels, strict=True)
    )
    hw = masks[0].shape[0], masks[0].shape[1]
    return AnnotatedImage(name, hw, objects, from_back, image_file(hw))


def read_back(images: Iterable[AnnotatedImage], form: DatasetFormat) -> list[Sample]:
    """What reading finds of images after they were written, in the order of their names.

    With another one, as there is no dataset without any object.
    """
    other = annotated([np.ones((3, 3), bool)], name=OTHER)
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "out"
        write([*images, other], out, form, ImageFiles.copied)
        parts = [part for part in open_dataset(out).parts if part.name.rpartition("/")[2] != OTHER]
        return [one for part in parts for one in part.samples() if isinstance(one, Sample)]
