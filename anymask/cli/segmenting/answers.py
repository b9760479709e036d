"""An answer of ``anymask segment`` as a file, a picture or a record.

Shape legend: P objects, M masks of each, H W pixels.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anymask.cli.segmenting.targets import Format, format_of
from anymask.core.atomic import writing
from anymask.core.drawing.picture_files import save_picture
from anymask.core.drawing.plain_masks import cut_out, white_on_black
from anymask.core.image import RGB
from anymask.core.mask_files.text_files import text_of
from anymask.core.regions.small_regions import clean as cleaned
from anymask.datasets.photographs import Photograph

if TYPE_CHECKING:
    from PIL import Image

    from anymask.core.annotations import Record
    from anymask.core.masks import Masks
    from anymask.core.prompts import Prompts


class Rendering(StrEnum):
    """What a ``.png`` shows: masks over the image, alone, numbered, or the object cut out."""

    overlay = "overlay"
    mask = "mask"
    labels = "labels"
    cutout = "cutout"


@dataclass(frozen=True)
class Answer:
    """P × M masks of one image and the P prompts that asked for them.

    all_masks: whether data hold all M of an object, or the best. clean: whether masks lose their
    specks and holes; None: in pictures over the image only.
    """

    photograph: Photograph
    pixels: RGB
    masks: Masks
    prompts: Prompts
    all_masks: bool = False
    clean: bool | None = None
    image_id: int = 0

    def record(self) -> Record:
        """The SA-1B record."""
        masks = self.masks if self.all_masks else self.masks.best()
        annotations = masks.annotations(self.prompts, clean=bool(self.clean))
        return annotations.record(self.photograph.file_name, self.image_id)

    def write(self, target: Path, rendering: Rendering) -> None:
        """Write a file in the format that its ending names. Raises ``OutputError``."""
        form = format_of(target)
        if form == Format.png:
            save_picture(self.picture(rendering), target)
        elif form in (Format.npz, Format.svg):
            masks = self.masks if self.all_masks else self.masks.best()
            is_file = "://" not in self.photograph.url and Path(self.photograph.url).is_file()
            masks.save(
                target,
                Path(self.photograph.url) if is_file else None,
                self.prompts,
                file_name=self.photograph.file_name,
                clean=bool(self.clean),
            )
        else:
            with writing(target) as part:
                part.write_text(text_of(self.record(), f".{form}"), encoding="utf-8")

    def picture(self, rendering: Rendering) -> Image.Image:
        """What a ``.png`` shows."""
        if rendering == Rendering.overlay:
            clean = self.clean is not False
            return self.masks.draw(self.pixels, self.prompts, clean=clean)
        best = self.masks.best()
        if rendering == Rendering.labels:
            return best.annotations(clean=bool(self.clean)).labels()
        answers = best.to_bool()[:, 0]
        if self.clean:
            answers = np.stack([cleaned(mask) for mask in answers])
        if rendering == Rendering.cutout:
            return cut_out(self.pixels, answers)
        return white_on_black(answers)
