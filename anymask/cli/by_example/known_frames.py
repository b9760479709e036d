"""Which frames of a film are labelled: by masks, by an example elsewhere, or by clicks."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image

from anymask.core.in_context.example import Example
from anymask.core.in_context.palette import Labels
from anymask.core.mask_files.sa1b import Label
from anymask.datasets.filming.frames import Frames
from anymask.datasets.photographs import Photograph
from anymask.datasets.prompting.examples import example_files, photograph_of, read_examples
from anymask.datasets.prompting.object_prompt import ObjectPrompt
from anymask.errors import Error, PromptError
from anymask.predict.in_context.load import ByLikeness
from anymask.predict.in_context.predictor import InContextPredictor
from anymask.predict.objects import answer_objects, read_question


@dataclass(frozen=True, slots=True)
class FilmedPhotograph(Photograph):
    """A frame of a film, as an image by itself."""

    frames: Frames | None = None
    number: int = 0

    def read(self) -> bytes:
        """The frame as PNG. Raises ``ImageError``."""
        assert self.frames is not None
        content = io.BytesIO()
        Image.fromarray(self.frames.pixels(self.number)).save(content, "PNG", compress_level=1)
        return content.getvalue()


@dataclass(frozen=True)
class Given:
    """What ``--like`` says. known: labels (H, W) of frames. elsewhere: images that are no frame.

    names: what labels are called.
    """

    known: Mapping[int, Labels] = field(default_factory=dict)
    elsewhere: Sequence[Example] = ()
    names: Mapping[int, Label] = field(default_factory=dict)


def read_given(like: Sequence[str], frames: Frames) -> Given:
    """Read the masks of ``--like FRAME:MASK``. Raises ``Error``.

    FRAME: a frame's file, its number from 1 on, or another image.
    """
    if not like:
        return Given()

    def number_of(place: str) -> int | None:
        if place.isdecimal() and not os.path.exists(place):
            return int(place) - 1
        return frames.number_of(place)

    def open_image(place: str) -> Photograph:
        number = number_of(place)
        if number is None:
            return photograph_of(place)
        if not 0 <= number < len(frames):
            raise PromptError(f"there is no frame {place}: the film has {len(frames)}")
        return FilmedPhotograph(
            frames.location, f"frame {number + 1}", frames=frames, number=number
        )

    def is_there(place: str) -> bool:
        return place.isdecimal() or os.path.exists(place)

    files = [example_files(text, is_there) for text in like]
    read = read_examples(files, open_image=open_image)
    known: dict[int, Labels] = {}
    elsewhere = []
    for one, example in zip(files, read.shown):
        number = number_of(one.image)
        if number is None:
            elsewhere.append(example)
        elif number in known:
            raise PromptError(f"frame {number + 1} is given two masks")
        else:
            known[number] = example.labels
    if known and elsewhere:
        raise PromptError("give masks of frames, or of images that are none of them, not both")
    return Given(known, elsewhere, read.names)


def labels_by_example(
    predictor: InContextPredictor, frames: Frames, number: int, examples: Sequence[Example]
) -> Labels:
    """What is like examples in a frame. Raises ``PromptError`` where nothing is."""
    answer = predictor.segment(frames.pixels(number), examples)
    if not answer.labelled.labels.any():
        raise PromptError(f"nothing like the example is in frame {number + 1}; take another frame")
    return answer.labelled.labels


def labels_of_clicks(
    predictor: InContextPredictor, frames: Frames, number: int, objects: Sequence[ObjectPrompt]
) -> Labels:
    """What points and boxes point at in a frame, the objects numbered from 1, small over large.

    Raises ``Error``, also where the weights answer no prompts.
    """
    if not isinstance(predictor, ByLikeness):
        raise Error(
            f"{predictor.model_id.partition('@')[0]} answers no points and boxes; give a mask, "
            f"--like FRAME:MASK"
        )
    pixels = frames.pixels(number)
    image_hw = pixels.shape[0], pixels.shape[1]
    questions = [read_question(asked, image_hw) for asked in objects]
    sam = predictor.like.sam
    masks, _ = answer_objects(sam, sam.encode(pixels), questions, None)
    best = masks.best().to_bool()[:, 0]
    labels = np.zeros(image_hw, np.int32)
    for one in np.argsort(-best.sum(axis=(1, 2)), kind="stable"):
        labels[best[one]] = one + 1
    if not labels.any():
        raise PromptError(f"nothing is found in frame {number + 1} where points and boxes are")
    return labels
