"""Annotations: the masks of one image, as SA-1B has them, to be drawn and saved.

Shape legend: N masks, H W pixels.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from operator import index
from pathlib import Path
from typing import SupportsIndex, overload
from urllib.parse import quote

import numpy as np
from PIL import Image

from anymask.core import rle
from anymask.core.atomic import check_not_input, writing
from anymask.core.drawing.everything import PICTURE_PX, draw_everything
from anymask.core.drawing.picture_files import read_image_of, save_picture
from anymask.core.drawing.plain_masks import label_picture
from anymask.core.image import ImageSource
from anymask.core.mask_files.sa1b import Annotation as Annotation
from anymask.core.mask_files.sa1b import ImageRecord as ImageRecord
from anymask.core.mask_files.sa1b import Record as Record
from anymask.core.mask_files.text_files import ARRAYS, TEXTS, ending_of, target_of, text_of
from anymask.errors import Error, OutputError, shown


class Annotations(list[Annotation]):
    """A list of SA-1B dicts that knows the size of their image.

    annotations: as ``Annotation`` describes them. image_hw: of the image; None if the first mask
    tells. Raises ``Error`` for masks of different sizes, and for none without a size.
    """

    image_hw: tuple[int, int]

    def __init__(
        self, annotations: Iterable[Annotation] = (), image_hw: tuple[int, int] | None = None
    ) -> None:
        try:
            super().__init__(annotations)
            stated = [annotation["segmentation"]["size"] for annotation in self]
            stated += [] if image_hw is None else [[*image_hw]]
            sizes = {(index(height), index(width)) for height, width in stated}
        except (TypeError, ValueError, KeyError, IndexError):
            raise Error(
                "annotations are dictionaries whose segmentation has run lengths and their size, "
                "and image_hw is the height and width of their image"
            ) from None
        if len(sizes) != 1:
            raise Error(
                f"masks of different sizes are of no one image: {sorted(sizes)}"
                if sizes
                else "an empty list of annotations needs image_hw, the size of its image"
            )
        self.image_hw = sizes.pop()

    def __repr__(self) -> str:
        height, width = self.image_hw
        count = {0: "no masks", 1: "1 mask"}.get(len(self), f"{len(self)} masks")
        scores = [annotation["predicted_iou"] for annotation in self]
        fit = f", predicted_iou {min(scores):.2f} to {max(scores):.2f}" if scores else ""
        return f"Annotations({count} of {height}×{width} (H×W){fit})"

    @overload
    def __getitem__(self, index: SupportsIndex) -> Annotation: ...

    @overload
    def __getitem__(self, index: slice) -> Annotations: ...

    def __getitem__(self, index: SupportsIndex | slice) -> Annotation | Annotations:
        if isinstance(index, slice):
            return Annotations(super().__getitem__(index), self.image_hw)
        return super().__getitem__(index)

    def copy(self) -> Annotations:
        """The same annotations in a list of their own."""
        return self[:]

    def record(self, file_name: str, image_id: int = 0) -> Record:
        """What an SA-1B file of the image holds. file_name: the image's, without folders."""
        height, width = self.image_hw
        image = ImageRecord(image_id=image_id, file_name=file_name, width=width, height=height)
        return Record(image=image, annotations=list(self))

    def draw(
        self, image: ImageSource, *, clean: bool = True, longest_px: int = PICTURE_PX
    ) -> Image.Image:
        """The picture of everything: coloured masks over their image, small over large.

        clean: without their specks and pinholes. longest_px: a larger image is made smaller, to
        this longest side. A dark image is made lighter. Masks of one class have one colour.

        Raises ``ImageError``, also for an image of another size than the masks'.
        """
        segmentations = [annotation["segmentation"] for annotation in self]
        pixels = read_image_of(image, self.image_hw)
        return draw_everything(pixels, segmentations, clean, longest_px, self._colour_numbers())

    def labels(self) -> Image.Image:
        """Numbers of the masks as a 16-bit picture: 1 for the first, 0 for none; small over large.

        Raises ``OutputError`` for more than 65,535 masks.
        """
        segmentations = [annotation["segmentation"] for annotation in self]
        return label_picture(segmentations, self.image_hw).image()

    def save(
        self,
        path: str | os.PathLike[str],
        image: ImageSource | None = None,
        *,
        file_name: str | None = None,
    ) -> None:
        """Write a file, in the format that its ending names.

        ``.json`` an SA-1B record, ``.coco.json`` COCO, ``.geojson``, ``.svg``; ``.npz`` arrays
        ``masks`` (N, H, W) bool, ``predicted_iou`` and ``stability_score`` (N,) float32; ``.png``
        and ``.jpg`` the picture of everything, ``.png`` without image that of ``labels``.

        image: what pictures are drawn on, and what ``.svg`` links if it is a path. file_name: what
        the image is called in the file; None for the name of ``image``, if it is a path.

        Raises ``OutputError`` for another ending, for the image's own place and one that can't be
        written; ``ImageError``.
        """
        target = target_of(path)
        ending = ending_of(target)
        check_not_input(target, image)
        if ending in TEXTS:
            place = Path(image) if isinstance(image, (str, os.PathLike)) else None
            name = _name_of(file_name) if file_name is not None else place.name if place else ""
            text = text_of(self.record(name), ending, _link(place, target) if place else None)
            with writing(target) as part:
                part.write_bytes(text.encode(errors="replace"))  # names may be no UTF-8
        elif ending == ARRAYS:
            self._save_arrays(target)
        elif image is not None:
            save_picture(self.draw(image), target)
        elif ending == ".png":
            save_picture(self.labels(), target)
        else:
            raise OutputError(f"{target} is a picture of masks over their image: give the image")

    def _colour_numbers(self) -> list[int] | None:
        """The same for a label in every image; None where a mask has none, or a name."""
        labels = [annotation.get("label") for annotation in self]
        numbers = [label - 1 for label in labels if isinstance(label, int)]
        return numbers if len(numbers) == len(labels) else None

    def _save_arrays(self, target: Path) -> None:
        masks = np.zeros((len(self), *self.image_hw), bool)
        for mask, annotation in zip(masks, self):
            mask[:] = rle.decode(annotation["segmentation"])
        ious = [annotation["predicted_iou"] for annotation in self]
        stabilities = [annotation["stability_score"] for annotation in self]
        with writing(target) as part, part.open("wb") as file:
            np.savez_compressed(
                file,
                masks=masks,
                predicted_iou=np.array(ious, np.float32),
                stability_score=np.array(stabilities, np.float32),
            )


def _name_of(file_name: object) -> str:
    if not isinstance(file_name, (str, os.PathLike)):
        raise OutputError(f"file_name is what the image is called, not {shown(file_name)}")
    return os.fsdecode(file_name)


def _link(place: Path, target: Path) -> str:
    """Where a file finds another that lies there: relative, as a URL."""
    folder = os.path.abspath(target.parent)
    relative = Path(os.path.relpath(os.path.abspath(place), folder))
    return quote(os.fsencode(relative.as_posix()))
