"""Objects asked for, answered: points and boxes in one pass, what somebody drew one by one.

Shape legend: P objects, M masks of each, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from anymask.core.embedding import ImageEmbedding
from anymask.core.image import read_mask
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.core.protocol import Segmenter
from anymask.core.rough import doubt_about, rough_prompts
from anymask.core.scribbles.scribble import Scribble
from anymask.core.scribbles.stroke_colours import read_scribble
from anymask.datasets.prompting.object_prompt import ObjectPrompt
from anymask.errors import ImageError, PromptError
from anymask.predict.scribbles import answer_scribble


@dataclass(frozen=True)
class ObjectQuestion:
    """An ``ObjectPrompt`` with what its files hold: one prompt, an (H, W) mask, strokes."""

    sparse: Prompts | None
    mask: npt.NDArray[np.bool_] | None
    scribble: Scribble | None


def read_question(asked: ObjectPrompt, image_hw: tuple[int, int]) -> ObjectQuestion:
    """Read the files of a prompt and hold it against the image of (H, W).

    Raises ``PromptError`` or ``ImageError`` that says which line of a table is wrong.
    """
    try:
        sparse = asked.sparse()
        if sparse is not None:
            sparse.check_inside(image_hw)
        mask = None if asked.mask is None else read_mask(asked.mask)
        if mask is not None and mask.shape != image_hw:
            raise PromptError(
                f"the mask {asked.mask} is {mask.shape[1]}×{mask.shape[0]}, "
                f"but the image is {image_hw[1]}×{image_hw[0]}"
            )
        if mask is not None and not mask.any():
            raise PromptError(f"the mask {asked.mask} is empty")
        scribble = None if asked.scribble is None else read_scribble(asked.scribble, image_hw)
    except (PromptError, ImageError) as error:
        raise type(error)(f"{asked.source}: {error}" if asked.source else str(error)) from None
    return ObjectQuestion(sparse, mask, scribble)


def answer_objects(
    sam: Segmenter,
    embedding: ImageEmbedding,
    questions: Sequence[ObjectQuestion],
    multimask_output: bool | None = None,
) -> tuple[Masks, Prompts]:
    """P × M masks, and the P prompts that they answer, without logits.

    multimask_output: True for three masks each. None for one; a single object that is pointed at
    once gets three, because the point may mean several things. Raises ``PromptError``.
    """
    answers: dict[int, tuple[Masks, Prompts]] = {}
    drawn = [i for i, asked in enumerate(questions) if asked.mask is not None or asked.scribble]
    plain = [number for number in range(len(questions)) if number not in drawn]
    if plain:
        prompts = Prompts.join([asked for i in plain if (asked := questions[i].sparse) is not None])
        masks = sam.predict(embedding, prompts, multimask_output)
        answers |= {i: (masks[row], prompts[row]) for row, i in enumerate(plain)}
    for number in drawn:
        answers[number] = _answer_drawn(sam, embedding, questions[number], multimask_output)
    in_order = [answers[number] for number in range(len(questions))]
    prompts = Prompts.join([replace(prompt, masks=None) for _, prompt in in_order])
    return _join([masks for masks, _ in in_order], multimask_output), prompts


def _answer_drawn(
    sam: Segmenter,
    embedding: ImageEmbedding,
    asked: ObjectQuestion,
    multimask_output: bool | None,
) -> tuple[Masks, Prompts]:
    """What somebody drew: a rough mask or strokes."""
    if asked.scribble is not None:
        masks, prompt = answer_scribble(sam, embedding, asked.scribble, asked.sparse)
        return (sam.predict(embedding, prompt, True) if multimask_output else masks), prompt
    assert asked.mask is not None
    prompt = rough_prompts(asked.mask[None], embedding.resize_map, asked.sparse)
    return sam.predict(embedding, prompt, multimask_output), prompt


def _join(answers: list[Masks], multimask_output: bool | None) -> Masks:
    """Answers to one prompt each in one; several have one mask each unless three were wanted."""
    if len(answers) == 1:
        return answers[0]
    alike = answers if multimask_output else [masks.best() for masks in answers]
    return replace(
        alike[0],
        logits=np.concatenate([masks.logits for masks in alike]),
        predicted_iou=np.concatenate([masks.predicted_iou for masks in alike]),
    )


def doubts(questions: Sequence[ObjectQuestion], masks: Masks) -> Iterator[tuple[int, str]]:
    """Numbers of rough masks that are no masks of nearly the object's extent, and why."""
    for number, asked in enumerate(questions):
        if asked.mask is not None:
            answer = masks[number].best().to_bool()[0, 0]
            if doubt := doubt_about(asked.mask, answer):
                yield number, doubt
