"""Detector: where objects of any kind are, read off an embedding; and a mask for each.

Shape legend: N boxes or masks, R boxes for the second stage, C channels, h w embedding grid.
"""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from anymask.core import rle
from anymask.core.annotations import Annotation, Annotations
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats, ResizeMap, nms
from anymask.core.prompts import Prompts
from anymask.core.protocol import Segmenter
from anymask.errors import EmbeddingError, Error, LayoutError
from anymask.models.detector import Cells, ObjectDetector
from anymask.predict.device_arrays import shapes
from anymask.predict.predictor import IMAGE_EMBED, find_device
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.load import load_checkpoint

CANDIDATES = 1000  # the surest cells, whose boxes are compared
PROPOSALS = 300  # boxes of an image that the second stage looks into
PROPOSAL_IOU = 0.7  # of those that overlap by more it sees the surest
MOST_BOXES = 100  # of an image
BOX_IOU = 0.5  # boxes that overlap by more are of one object, found by trial
MASK_IOU = 0.8  # masks that do are
THINNEST_PX = 1.0  # side of a box, in pixels of the model's input
BOXES_AT_ONCE = 16  # asked about together


class Proposals(NamedTuple):
    """boxes_xyxy: (R, 4), pixels of the model's input; scores: (R,) logits, falling."""

    boxes_xyxy: Tensor
    scores: Tensor


class DetectedBoxes(NamedTuple):
    """boxes_xyxy: (N, 4) float32, pixels of the original image; scores: (N,) in 0-1, falling."""

    boxes_xyxy: Floats
    scores: Floats


@dataclass(frozen=True, eq=False)
class DetectedMasks:
    """annotations: N masks as SA-1B has them; scores: (N,) of their boxes, in 0-1, falling."""

    annotations: Annotations
    scores: Floats


class Detector:
    """A trained detector, ready to look at embeddings of the model that it was trained with."""

    def __init__(self, checkpoint: Checkpoint, device: torch.device | None = None) -> None:
        """Raises ``LayoutError`` for a checkpoint of something else."""
        model = checkpoint.build()
        if not isinstance(model, ObjectDetector):
            raise LayoutError(
                f"{checkpoint.name} is no detector; train one: anymask train detector"
            )
        self.name = checkpoint.name
        self.model_id = checkpoint.model_id
        self.reads = model.config.embeddings
        self.device = device or torch.device("cpu")
        self.model = model.requires_grad_(False).to(self.device)
        self.cells = self.model.cells(self.device)

    @classmethod
    def load(cls, path: str | Path, device: str | torch.device = "auto") -> Detector:
        """Of a folder such as RUN/best. Raises ``WeightsError`` and ``Error``."""
        return cls(load_checkpoint(path, offline=True), find_device(device))

    def __repr__(self) -> str:
        return f"Detector({self.model_id}, of embeddings by {self.reads}, on {self.device})"

    def reading(self, model_id: str) -> Detector:
        """The same, of embeddings under the name of another model that has the same encoder."""
        other = copy(self)
        other.reads = model_id
        return other

    def check_reads(self, model_id: str) -> None:
        """Raise ``EmbeddingError`` for a model whose embeddings it was not trained on."""
        if model_id != self.reads:
            raise EmbeddingError(
                f"the detector {self.name} was trained on embeddings by {self.reads} and can't "
                f"read those by {model_id}; train one on these: anymask train detector"
            )

    def detect(self, embedding: ImageEmbedding) -> DetectedBoxes:
        """The surest boxes, at most ``MOST_BOXES``, none inside padding.

        Raises ``EmbeddingError`` for an embedding that another model made.
        """
        config = self.model.config
        self.check_reads(embedding.model)
        wanted = (config.width, config.grid, config.grid)
        if shapes(embedding.arrays).get(IMAGE_EMBED) != wanted:
            raise EmbeddingError(f"the embedding holds no {IMAGE_EMBED} of the size {wanted}")
        features = torch.from_numpy(embedding.arrays[IMAGE_EMBED])[None].to(self.device)
        with torch.inference_mode():
            return detected(self.model, features, self.cells, embedding.resize_map)


def detected(
    model: ObjectDetector, features: Tensor, cells: Cells, resize_map: ResizeMap
) -> DetectedBoxes:
    """Both stages on one image: features (1, C, h, w). A score is the mean of both stages' scores,
    the geometric one.
    """
    guesses = model(features)
    proposed = proposals(guesses.scores[0], guesses.boxes_xyxy[0], cells, resize_map.content_hw)
    looked = model.look(guesses, 0, proposed.boxes_xyxy)
    scores = (proposed.scores.sigmoid() * looked.scores.sigmoid()).sqrt()
    return surest_boxes(scores, looked.boxes_xyxy, resize_map)


def proposals(
    scores: Tensor,
    boxes_xyxy: Tensor,
    cells: Cells,
    content_hw: tuple[int, int],
    most: int = PROPOSALS,
) -> Proposals:
    """The surest of the boxes that an image's cells say, at most so many.

    scores: (cells,) logits; boxes_xyxy: (cells, 4), pixels of the model's input. content_hw: of it,
    the rest is padding, whose cells have no say. Boxes end where the image does.
    """
    height, width = content_hw
    end = cells.centres_xy.new_tensor([width, height])
    # A strip that is thinner than any cell still has the first ones.
    is_inside = (cells.centres_xy < end.clamp(min=float(cells.stride_px.min()))).all(-1)
    sure = torch.where(is_inside, scores.float(), -torch.inf)
    best = sure.topk(min(CANDIDATES, int(is_inside.sum())))
    boxes = boxes_xyxy[best.indices].float().clamp(min=0).minimum(end.repeat(2))
    kept = nms(boxes.cpu().numpy(), best.values.cpu().numpy(), PROPOSAL_IOU, most)
    which = torch.tensor(kept, dtype=torch.long, device=boxes.device)
    return Proposals(boxes[which], best.values[which])


def surest_boxes(scores: Tensor, boxes_xyxy: Tensor, resize_map: ResizeMap) -> DetectedBoxes:
    """The surest of R boxes without duplicates, in pixels of the image, which they end with.

    scores: (R,) in 0-1; boxes_xyxy: (R, 4), pixels of the model's input.
    """
    height, width = resize_map.content_hw
    boxes = np.clip(boxes_xyxy.float().cpu().numpy(), 0, [width, height, width, height])
    is_wide = (boxes[:, 2:] - boxes[:, :2] >= THINNEST_PX).all(axis=1)
    boxes, chances = boxes[is_wide], scores.float().cpu().numpy()[is_wide]
    in_image = resize_map.to_image(boxes.reshape(-1, 2, 2)).reshape(-1, 4)
    kept = nms(in_image, chances, BOX_IOU, MOST_BOXES)
    return DetectedBoxes(in_image[kept], chances[kept])


def segment_detections(
    sam: Segmenter, embedding: ImageEmbedding, detector: Detector, threshold: float = 0.0
) -> DetectedMasks:
    """The masks of all boxes that score ``threshold`` or more, each object once.

    The box is the prompt, the mask for clear prompts the answer. Of masks that overlap by more than
    ``MASK_IOU`` the one with the surest box stays; those without a pixel go. Raises as ``detect``
    and ``sam.predict``.
    """
    if not 0 <= threshold <= 1:
        raise Error(f"a threshold of scores is between 0 and 1, not {threshold}")
    detected = detector.detect(embedding)
    sure = detected.boxes_xyxy[detected.scores >= threshold]
    kept: list[Annotation] = []
    scores: list[float] = []
    for annotation, score in zip(_answers(sam, embedding, sure), detected.scores.tolist()):
        mask = annotation["segmentation"]
        there = [other["segmentation"] for other in kept]
        if annotation["area"] and rle.iou([mask], there).max(initial=0.0) <= MASK_IOU:
            kept.append({**annotation, "id": len(kept)})
            scores.append(score)
    return DetectedMasks(Annotations(kept, embedding.image_hw), np.array(scores, np.float32))


def _answers(sam: Segmenter, embedding: ImageEmbedding, boxes: Floats) -> Iterator[Annotation]:
    """One mask a box."""
    for first in range(0, len(boxes), BOXES_AT_ONCE):
        prompts = Prompts.of_boxes(boxes[first : first + BOXES_AT_ONCE])
        yield from sam.predict(embedding, prompts, False).annotations(prompts)
