"""Scribbles answered: a point at a time, where the answer so far disagrees with the strokes.

This is how the model was trained to be corrected (§A, training algorithm): one point, then one more
on what is wrong, with the last answer's logits beside them.

Shape legend: N points, M masks, H W pixels of the image.
"""

from __future__ import annotations

from dataclasses import replace

from anymask.core.embedding import ImageEmbedding
from anymask.core.interaction import Habits
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.core.protocol import Segmenter, at_first_sight
from anymask.core.scribbles.scribble import Mask, Scribble
from anymask.errors import PromptError

CORRECTIONS = Habits().further_points
# Beside how well a mask agrees with the strokes, both 0 to 1: it decides where strokes can't.
PREDICTED_IOU_WEIGHT = 0.2


def answer_scribble(
    sam: Segmenter,
    embedding: ImageEmbedding,
    scribble: Scribble,
    given: Prompts | None = None,
    corrections: int = CORRECTIONS,
) -> tuple[Masks, Prompts]:
    """The mask that agrees best with the strokes, 1 × 1, and the prompt that it answers.

    given: points or a box of the same object, as one prompt. corrections: points at most after the
    first. Equal answers: the later one. Raises ``PromptError`` for strokes of another size than the
    image's, or several prompts.
    """
    if scribble.image_hw != embedding.image_hw:
        raise PromptError(
            f"a scribble of {scribble.image_hw} (H, W) is none of an image of {embedding.image_hw}"
        )
    if given is not None and len(given) != 1:
        raise PromptError(f"a scribble goes with one prompt, not {len(given)}")
    sam = at_first_sight(sam)  # a click's masks and the one for clear prompts are held together
    prompt = _with_point(given, *scribble.first_point())
    best: tuple[float, Masks, Prompts] | None = None
    for number in range(1 + corrections):
        masks, answer, score = _best_of(_candidates(sam, embedding, prompt), scribble)
        if best is None or score >= best[0]:
            best = score, masks, prompt
        points = [(float(x), float(y)) for x, y in prompt.points[0]]
        click = scribble.next_point(answer, points)
        if click is None or number == corrections:
            break
        prompt = _with_point(prompt, *click).with_masks(masks.logits)
    assert best is not None
    return best[1], best[2]


def _with_point(prompt: Prompts | None, xy: tuple[float, float], label: int) -> Prompts:
    return Prompts.point(*xy, label) if prompt is None else prompt.with_points([xy], [label])


def _candidates(sam: Segmenter, embedding: ImageEmbedding, prompt: Prompts) -> list[Masks]:
    """Answers to choose from: a single point may mean several things."""
    if not prompt.ambiguous()[0]:
        return [sam.predict(embedding, prompt, False)]
    return [sam.predict(embedding, prompt, None), sam.predict(embedding, prompt, False)]


def _best_of(candidates: list[Masks], scribble: Scribble) -> tuple[Masks, Mask, float]:
    """The mask that scores best, the first of equals: alone, as pixels, and its score."""
    scored = []
    for masks in candidates:
        for column, answer in enumerate(masks.to_bool()[0]):
            here = slice(column, column + 1)
            iou = masks.predicted_iou[:, here]
            score = scribble.agreement(answer) + PREDICTED_IOU_WEIGHT * float(iou[0, 0])
            alone = replace(masks, logits=masks.logits[:, here], predicted_iou=iou)
            scored.append((alone, answer, score))
    return max(scored, key=lambda candidate: candidate[2])
