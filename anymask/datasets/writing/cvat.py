"""CVAT for images 1.1: ``annotations.xml`` of masks, and ``images/``."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from anymask.core import rle
from anymask.datasets.writing.annotated import AnnotatedImage, AnnotatedObject
from anymask.datasets.writing.labels import Labels, label_of
from anymask.datasets.writing.spool import Spool

FILE, IMAGES = "annotations.xml", "images"


class CvatWriter:
    """Masks in their boxes; ``z_order`` is the order of objects that lie from the back on."""

    images = IMAGES

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._path = folder / FILE
        self._lines = stack.enter_context(Spool(folder))
        self._images, self._labels = 0, Labels(first=1)

    def add(self, image: AnnotatedImage) -> None:
        """Write an image with its masks."""
        height, width = image.image_hw
        lines = [
            f'  <image id="{self._images}" name={quoteattr(image.name)} width="{width}" '
            f'height="{height}">'
        ]
        groups: dict[str, int] = {}
        for order, one in enumerate(image.objects):
            self._labels.number(one)
            group = groups.setdefault(one.group, len(groups) + 1) if one.group else None
            lines.append(_mask(one, order if image.from_back else 0, group))
        self._lines.write("\n".join([*lines, "  </image>\n"]))
        self._images += 1

    def close(self) -> None:
        """Write the names of the labels above all images."""
        labels = "".join(
            f"        <label><name>{escape(label)}</name><attributes></attributes></label>\n"
            for _, label in self._labels.items()
        )
        head = (
            '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
            f"  <meta>\n    <task>\n      <size>{self._images}</size>\n"
            f"      <mode>annotation</mode>\n      <labels>\n{labels}      </labels>\n"
            "    </task>\n  </meta>\n"
        )
        with self._path.open("wb") as file:
            file.write(head.encode())
            self._lines.copy_to(file)
            file.write(b"</annotations>\n")


def _mask(one: AnnotatedObject, order: int, group: int | None) -> str:
    mask, left, top = rle.decode_tight(one.mask)
    flat = mask.reshape(-1)
    edges = np.flatnonzero(np.diff(flat, prepend=False))  # row by row, what is outside first
    runs = np.diff(np.concatenate([[0], edges, [flat.size]]))
    grouped = "" if group is None else f' group_id="{group}"'
    return (
        f'    <mask label={quoteattr(label_of(one))} source="manual" occluded="0" '
        f'rle="{", ".join(map(str, runs.tolist()))}" left="{left}" top="{top}" '
        f'width="{mask.shape[1]}" height="{mask.shape[0]}" z_order="{order}"{grouped}></mask>'
    )
