"""An answer of ``anymask segment --like`` or ``--text`` as a file, a picture or a record."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from anymask.cli.segmenting.answers import Rendering
from anymask.cli.segmenting.targets import Format, format_of
from anymask.core import rle
from anymask.core.annotations import Annotations
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


@dataclass(frozen=True)
class FoundAnswer:
    """What is like the examples, or so named, in one image. clean: as ``Answer`` has it."""

    photograph: Photograph
    pixels: RGB
    annotations: Annotations
    clean: bool | None = None
    image_id: int = 0

    def record(self) -> Record:
        """The SA-1B record."""
        return self._masks().record(self.photograph.file_name, self.image_id)

    def write(self, target: Path, rendering: Rendering) -> None:
        """Write a file in the format that its ending names. Raises ``OutputError``."""
        form = format_of(target)
        if form == Format.png:
            save_picture(self.picture(rendering), target)
        elif form in (Format.npz, Format.svg):
            is_file = "://" not in self.photograph.url and Path(self.photograph.url).is_file()
            place = Path(self.photograph.url) if is_file else None
            self._masks().save(target, place, file_name=self.photograph.file_name)
        else:
            with writing(target) as part:
                part.write_text(text_of(self.record(), f".{form}"), encoding="utf-8")

    def picture(self, rendering: Rendering) -> Image.Image:
        """What a ``.png`` shows."""
        if rendering == Rendering.overlay:
            return self.annotations.draw(self.pixels, clean=self.clean is not False)
        masks = self._masks()
        if rendering == Rendering.labels:
            return masks.labels()
        found = [rle.decode(one["segmentation"]).astype(bool) for one in masks]
        answers = np.stack(found) if found else np.zeros((1, *masks.image_hw), bool)
        if rendering == Rendering.cutout:
            return cut_out(self.pixels, answers)
        return white_on_black(answers)

    def told(self, nothing: str, answered_by: str) -> str:
        """What was found, and how sure it is, in a line for people. nothing: if it is none."""
        name, scores = self.photograph.name, [one["predicted_iou"] for one in self.annotations]
        if not scores:
            return f"{name}: {nothing} ({answered_by})"
        sure = f"{scores[0]:.2f}" if len(scores) == 1 else f"{scores[0]:.2f} at most"
        return f"{name}: {len(scores)} found, sure by {sure} ({answered_by})"

    def _masks(self) -> Annotations:
        """The masks as data have them: without specks and holes where that is asked for."""
        if not self.clean:
            return self.annotations
        masks = self.annotations.copy()
        for number, one in enumerate(masks):
            mask = rle.encode(cleaned(rle.decode(one["segmentation"]).astype(bool)))
            masks[number] = {
                **one,
                "segmentation": mask,
                "bbox": rle.bbox_xywh(mask),
                "area": rle.area(mask),
            }
        return masks
