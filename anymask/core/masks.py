"""Masks: a model's answers to prompts, small until somebody asks for pixels.

Shape legend: P prompts, M masks of a prompt, h w low-resolution grid, H W pixels of the image.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from anymask.core import rle
from anymask.core.annotations import Annotation, Annotations
from anymask.core.atomic import check_not_input, writing
from anymask.core.drawing.answers import draw_answers
from anymask.core.drawing.picture_files import read_image_of, save_picture
from anymask.core.drawing.plain_masks import white_on_black
from anymask.core.geometry import Floats, ResizeMap
from anymask.core.image import ImageSource
from anymask.core.logits import MASK_THRESHOLD, stability_score, upsample
from anymask.core.mask_files.text_files import ARRAYS, TEXTS, ending_of, target_of
from anymask.core.mask_runs import MaskRuns, runs_and_stability
from anymask.core.prompts import BACKGROUND, LARGEST_NUMBER, OBJECT, Prompts
from anymask.core.regions.small_regions import clean as cleaned
from anymask.errors import Error, OutputError, PromptError, shown

SCORES_SHOWN = 6  # by repr; of more, the least and the greatest


@dataclass(frozen=True, eq=False)
class Masks:
    """P × M answers. Column 0 is the answer to give; predicted IoU falls from column to column.

    logits: (P, M, h, w) float32, low resolution, over the model's whole square input.
    predicted_iou: (P, M) float32, how well the model thinks each mask fits.
    resize_map: from the pixels of the image that the masks belong to, to the model's input.
    threshold: logits above it are the object.

    Run lengths, boxes, areas and stability cost as much as the masks are large; only
    ``full_logits`` and ``to_bool`` fill the whole image. The two ways round differently: where a
    full-size logit is within rounding of the threshold, so may a pixel be on either side.
    Raises ``Error`` for logits and IoUs that don't belong together.
    """

    logits: Floats
    predicted_iou: Floats
    resize_map: ResizeMap
    threshold: float = MASK_THRESHOLD

    def __post_init__(self) -> None:
        if not isinstance(self.resize_map, ResizeMap):
            raise Error(f"masks need the ResizeMap of their image, not {shown(self.resize_map)}")
        if not all(isinstance(x, np.ndarray) for x in (self.logits, self.predicted_iou)):
            raise Error("masks need logits and predicted_iou as arrays")
        if self.logits.ndim != 4 or self.predicted_iou.shape != self.logits.shape[:2]:
            raise Error(
                "masks need logits (P, M, h, w) and predicted_iou (P, M), "
                f"not {self.logits.shape} and {self.predicted_iou.shape}"
            )

    @property
    def image_hw(self) -> tuple[int, int]:
        """Size of the image that the masks belong to."""
        return self.resize_map.image_hw

    def __len__(self) -> int:
        return len(self.logits)

    def __repr__(self) -> str:
        (prompts, masks), (height, width) = self.predicted_iou.shape, self.image_hw
        scores = self.predicted_iou.reshape(-1)
        if len(scores) > SCORES_SHOWN:
            scores_said = f"{scores.min():.4f} to {scores.max():.4f}"
        else:
            scores_said = " ".join(f"{score:.4f}" for score in scores) or "of none"
        return (
            f"Masks({prompts} prompt{'s' * (prompts != 1)} × {masks} mask{'s' * (masks != 1)} of "
            f"{height}×{width} (H×W), predicted_iou {scores_said})"
        )

    def __getitem__(self, rows: int | slice | npt.NDArray[np.intp]) -> Masks:
        """The answers to some of the prompts, by a number, a slice or an array of numbers."""
        index = np.arange(len(self))[rows].reshape(-1)
        return replace(self, logits=self.logits[index], predicted_iou=self.predicted_iou[index])

    def best(self) -> Masks:
        """Only the first mask of each prompt: P × 1."""
        return replace(self, logits=self.logits[:, :1], predicted_iou=self.predicted_iou[:, :1])

    def full_logits(self) -> Iterator[Floats]:
        """The P · M logit maps at the size of the image, (H, W) each, one at a time."""
        for low_resolution in self._flat():
            yield upsample(low_resolution, self.resize_map)

    def to_bool(self) -> npt.NDArray[np.bool_]:
        """All masks at the size of the image: (P, M, H, W) bool."""
        shape = (*self.predicted_iou.shape, *self.image_hw)
        out = np.empty((shape[0] * shape[1], *self.image_hw), dtype=bool)
        for mask, logits in zip(out, self.full_logits()):
            np.greater(logits, self.threshold, out=mask)
        return out.reshape(shape)

    def to_rle(self) -> list[rle.RLE]:
        """All masks as COCO run-length encodings: P · M of them, prompt by prompt."""
        return [runs.to_rle() for runs, _ in self._runs_and_stability()]

    def boxes(self) -> Floats:
        """The tight XYXY box of each mask in pixels of the image: (P, M, 4); zeros if empty."""
        boxes = [runs.box_xyxy() for runs, _ in self._runs_and_stability()]
        return np.array(boxes, np.float32).reshape(*self.predicted_iou.shape, 4)

    def areas(self) -> npt.NDArray[np.int64]:
        """Pixels of each mask at the size of the image: (P, M)."""
        areas = [runs.area() for runs, _ in self._runs_and_stability()]
        return np.array(areas, np.int64).reshape(self.predicted_iou.shape)

    def stability(self, offset: float = 1.0) -> Floats:
        """IoU of each mask at the threshold plus and minus ``offset``: (P, M) (§B, stability)."""
        if not isinstance(offset, (int, float)) or not abs(offset) <= LARGEST_NUMBER:
            raise Error(f"an offset of logits is a number, not {shown(offset)}")
        scores = [stability for _, stability in self._runs_and_stability(offset)]
        return np.array(scores, np.float32).reshape(self.predicted_iou.shape)

    def annotations(self, prompts: Prompts | None = None, *, clean: bool = False) -> Annotations:
        """All P · M masks as SA-1B has them, prompt by prompt.

        prompts: whose clicks become ``point_coords``; without them there are none. clean: the
        masks without their specks and pinholes; scores stay those of the masks as they came.

        Raises ``PromptError`` for another number of prompts.
        """
        self._check_asked_by(prompts)
        per_prompt = self.predicted_iou.shape[1]
        annotations = (
            self._annotation(number, logits, prompts and prompts[number // per_prompt], clean)
            for number, logits in enumerate(self.full_logits())
        )
        return Annotations(annotations, self.image_hw)

    def draw(
        self, image: ImageSource, prompts: Prompts | None = None, *, clean: bool = True
    ) -> Image.Image:
        """The masks over their image, with the points and boxes of the prompts that asked for them.

        The masks of a single prompt stand side by side, each with its predicted IoU: three as
        whole, part and subpart, by falling area; the first masks of several prompts lie over one
        copy in different colours. clean: without their specks and pinholes. A dark image is made
        lighter.

        Raises ``ImageError``, also for an image of another size than the masks', and
        ``PromptError`` for another number of prompts.
        """
        self._check_asked_by(prompts)
        pixels = read_image_of(image, self.image_hw)
        masks = self if len(self) == 1 else self.best()
        return draw_answers(pixels, masks._pixels(clean), masks.predicted_iou, prompts)

    def save(
        self,
        path: str | os.PathLike[str],
        image: ImageSource | None = None,
        prompts: Prompts | None = None,
        *,
        file_name: str | None = None,
        clean: bool = False,
    ) -> None:
        """Write a file, in the format that its ending names.

        ``.json``, ``.coco.json``, ``.geojson`` and ``.svg`` as ``Annotations.save`` does; ``.npz``
        arrays ``masks`` (P, M, H, W) bool and ``predicted_iou`` (P, M) float32; ``.png`` and
        ``.jpg`` what ``draw`` shows, ``.png`` without image the first masks, white on black.

        image, file_name: as ``Annotations.save`` takes them. clean: write masks without their
        specks and pinholes; a picture over the image never shows them.

        Raises ``OutputError`` for another ending, for the image's own place and one that can't be
        written; ``ImageError``.
        """
        target = target_of(path)
        ending = ending_of(target)
        check_not_input(target, image)
        if ending in TEXTS:
            self.annotations(prompts, clean=clean).save(target, image, file_name=file_name)
        elif ending == ARRAYS:
            masks = self._pixels(clean)
            with writing(target) as part, part.open("wb") as file:
                np.savez_compressed(file, masks=masks, predicted_iou=self.predicted_iou)
        elif image is not None:
            save_picture(self.draw(image, prompts), target)
        elif ending == ".png":
            save_picture(white_on_black(self.best()._pixels(clean)[:, 0]), target)
        else:
            raise OutputError(f"{target} is a picture of masks over their image: give the image")

    def _check_asked_by(self, prompts: Prompts | None) -> None:
        if prompts is not None and not isinstance(prompts, Prompts):
            raise PromptError(f"prompts are a Prompts, not {shown(prompts)}")
        if prompts is not None and len(prompts) != len(self):
            raise PromptError(f"{len(prompts)} prompts did not ask for {len(self)} answers")

    def _pixels(self, clean: bool) -> npt.NDArray[np.bool_]:
        """``to_bool``, perhaps without specks and pinholes."""
        masks = self.to_bool()
        if clean:
            for mask in masks.reshape(-1, *self.image_hw):
                mask[:] = cleaned(mask)
        return masks

    def _annotation(
        self, number: int, logits: Floats, prompt: Prompts | None, clean: bool
    ) -> Annotation:
        height, width = self.image_hw
        mask = logits > self.threshold
        segmentation = rle.encode(cleaned(mask) if clean else mask)
        return Annotation(
            id=number,
            segmentation=segmentation,
            bbox=rle.bbox_xywh(segmentation),
            area=rle.area(segmentation),
            predicted_iou=float(self.predicted_iou.flat[number]),
            stability_score=stability_score(logits, self.threshold, 1.0),
            crop_box=[0.0, 0.0, float(width), float(height)],
            point_coords=[] if prompt is None else _clicks(prompt),
        )

    def _flat(self) -> Floats:
        """(P · M, h, w) logits, prompt by prompt."""
        return self.logits.reshape(-1, *self.logits.shape[2:])

    def _runs_and_stability(self, offset: float = 0.0) -> Iterator[tuple[MaskRuns, float]]:
        for low_resolution in self._flat():
            yield runs_and_stability(low_resolution, self.resize_map, offset, self.threshold)


def _clicks(prompt: Prompts) -> list[list[float]]:
    """The points of a single prompt, of object and background alike."""
    clicks = np.isin(prompt.labels[0], (OBJECT, BACKGROUND))
    return [[float(x), float(y)] for x, y in prompt.points[0][clicks]]
