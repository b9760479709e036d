"""Rival: somebody else's model, asked through its own code for what ours is asked for.

No deep-learning library is imported here.

Shape legend: P prompts, N points, M masks, h w low-resolution grid.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats
from anymask.core.masks import Masks
from anymask.core.prompts import BACKGROUND, BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, OBJECT, Prompts
from anymask.predict.promptable import Promptable, PromptArrays, rank

PROMPTS_AT_ONCE = 16  # of one call: more need memory and gain nothing on a processor


class Adapter(StrEnum):
    """Whose code answers prompts: ours, or that of another package."""

    anymask = "anymask"
    segment_anything = "segment-anything"
    hugging_face = "huggingface"


@dataclass(frozen=True, eq=False)
class Question:
    """P prompts about one image that consist of the same parts, as official code wants them.

    points: (P, N, 2) XY in pixels of the model's input, with labels (P, N), 1 object, 0 background.
    boxes: (P, 4) XYXY likewise. masks: (P, 1, h, w) logits. None for a part that they lack.
    """

    points: Floats | None
    labels: npt.NDArray[np.int64] | None
    boxes: Floats | None
    masks: Floats | None


class Rival(Promptable):
    """Somebody else's model: its own code is asked, in its own way, for one mask or for three."""

    dtype_name = "float32"

    @abstractmethod
    def ask(
        self, embedding: ImageEmbedding, question: Question, multimask_output: bool
    ) -> tuple[Floats, Floats]:
        """Logits (P, M, h, w) and predicted IoUs (P, M); M is 3 with ``multimask_output``, or 1."""

    def answer(
        self, embeddings: Sequence[ImageEmbedding], prompts: PromptArrays
    ) -> tuple[Floats, Floats]:
        """Four masks a prompt: the one for clear prompts, and the three for ambiguous ones."""
        return self._answer(embeddings, prompts, (False, True))

    def _predict(
        self,
        embeddings: list[ImageEmbedding],
        prompts: list[Prompts],
        multimask_output: bool | None,
    ) -> list[Masks]:
        """As the parent's, but without asking twice where all prompts want the same."""
        for embedding, of_image in zip(embeddings, prompts):
            self.check(embedding, of_image)
        return [
            self._about(embedding, of_image, multimask_output)
            for embedding, of_image in zip(embeddings, prompts)
        ]

    def _about(
        self, embedding: ImageEmbedding, prompts: Prompts, multimask_output: bool | None
    ) -> Masks:
        ambiguous = prompts.ambiguous()
        each = ambiguous if multimask_output is None else [multimask_output]
        wanted = sorted({bool(multimask) for multimask in each})
        arrays = self.collate([embedding], [prompts])
        logits, iou = self._answer([embedding], arrays, wanted)
        order = rank(iou, ambiguous, multimask_output)
        rows = np.arange(len(prompts))[:, None]
        return Masks(logits[rows, order], iou[rows, order], embedding.resize_map)

    def _answer(
        self,
        embeddings: Sequence[ImageEmbedding],
        prompts: PromptArrays,
        wanted: Sequence[bool],
    ) -> tuple[Floats, Floats]:
        """All that is wanted of each prompt, one mask before three."""
        groups = list(_alike(prompts))
        answers = []
        for rows in groups:
            embedding = embeddings[prompts.image_index[rows[0]]]
            question = _question(prompts, rows)
            outputs = [self.ask(embedding, question, multimask) for multimask in wanted]
            answers.append([np.concatenate(parts, axis=1) for parts in zip(*outputs)])
        order = np.argsort(np.concatenate(groups))
        logits, iou = (np.concatenate(parts)[order] for parts in zip(*answers))
        return logits, iou


def _alike(prompts: PromptArrays) -> Iterator[npt.NDArray[np.intp]]:
    """Rows that can be asked in one call: official code has no padding that changes nothing."""
    points = np.isin(prompts.point_labels, (BACKGROUND, OBJECT)).sum(axis=1)
    boxes = (prompts.point_labels == BOX_TOP_LEFT).any(axis=1)
    masks = np.zeros(len(prompts), bool) if prompts.has_mask is None else prompts.has_mask
    kinds = np.stack([prompts.image_index, points, boxes, masks], axis=1)
    _, group = np.unique(kinds, axis=0, return_inverse=True)
    for number in range(group.max() + 1):
        rows = np.flatnonzero(group.reshape(-1) == number)
        for first in range(0, len(rows), PROMPTS_AT_ONCE):
            yield rows[first : first + PROMPTS_AT_ONCE]


def _question(prompts: PromptArrays, rows: npt.NDArray[np.intp]) -> Question:
    """The parts of rows that are alike."""
    coords, labels = prompts.point_coords[rows], prompts.point_labels[rows]
    clicked = np.isin(labels, (BACKGROUND, OBJECT))
    corners = [coords[labels == corner] for corner in (BOX_TOP_LEFT, BOX_BOTTOM_RIGHT)]
    has_mask = prompts.has_mask is not None and prompts.has_mask[rows[0]]
    return Question(
        coords[clicked].reshape(len(rows), -1, 2) if clicked.any() else None,
        labels[clicked].reshape(len(rows), -1) if clicked.any() else None,
        np.concatenate(corners, axis=1) if len(corners[0]) else None,
        prompts.mask_inputs[rows] if has_mask and prompts.mask_inputs is not None else None,
    )
