"""Given candidates: what a file has of an image, made ready to be held against words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anymask.core.annotations import Annotations
from anymask.core.words.crops import Pixels
from anymask.datasets.prompting.candidate_file import GivenImage
from anymask.predict.words.answer import annotation
from anymask.predict.words.load import WordsFinder

if TYPE_CHECKING:
    from anymask.predict.words.candidates import Candidates


def candidates_of_file(finder: WordsFinder, pixels: Pixels, given: GivenImage) -> Candidates:
    """Of an (H, W, 3) image: masks of the file, and the SAM's for its boxes. Raises ``Error``."""
    image_hw = pixels.shape[0], pixels.shape[1]
    boxes = given.boxes_xyxy(image_hw)
    masks = [annotation(mask) for mask in given.masks(image_hw)]
    return finder.candidates_given(pixels, boxes, Annotations(masks, image_hw))
