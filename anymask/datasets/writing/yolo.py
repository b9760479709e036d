"""YOLO-seg: a text file of polygons for each image, and ``data.yaml`` with the names of classes.

A line is an object: its class and one ring, in shares of the image's sides. Holes and parts that
lie apart are joined to the ring by lines that enclose nothing.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path

from anymask.core import rle
from anymask.core.regions.bridges import single_ring
from anymask.core.regions.rings import regions_of
from anymask.datasets.writing.annotated import AnnotatedImage
from anymask.datasets.writing.folder import Names, place, with_ending
from anymask.datasets.writing.labels import Labels

IMAGES, LABELS, DATA = "images", "labels", "data.yaml"
DIGITS = 9  # far more than a pixel of the largest image needs


class YoloWriter:
    """``labels/NAME.txt`` for ``images/NAME.jpg``. An image without objects has an empty file."""

    images = IMAGES

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._names, self._labels = folder, Names(), Labels(first=0)

    def add(self, image: AnnotatedImage) -> None:
        """Write an image's file."""
        lines = [
            f"{self._labels.number(one)} {_ring(one.mask, image.image_hw)}\n"
            for one in image.objects
        ]
        target = self._names.take(with_ending(image.name, ".txt"), image.name)
        place(self._folder / LABELS, target).write_text("".join(lines))

    def close(self) -> None:
        """Write the names of the classes."""
        names = "".join(f"  {number}: {_quoted(name)}\n" for number, name in self._labels.items())
        head = f"path: .\ntrain: {IMAGES}\nval: {IMAGES}\n"
        named = f"names:\n{names}" if names else "names: {}\n"
        (self._folder / DATA).write_text(head + named, encoding="utf-8")


def _ring(mask: rle.RLE, hw: tuple[int, int]) -> str:
    shares = single_ring(regions_of(*rle.decode_tight(mask))) / hw[::-1]
    return " ".join(f"{share:.{DIGITS}g}" for share in shares.reshape(-1))


def _quoted(name: str) -> str:
    """A name in quotes, as YAML reads it: JSON's text, but for characters beyond 16 bits."""
    return json.dumps(name, ensure_ascii=False)
