"""What a model is worth on photographs that nobody annotated; for ``engine_loop.py``."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from anymask.core import rle
from anymask.core.embedding import ImageEmbedding
from anymask.core.image import ImageSource
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from anymask.evaluation.experiments.points import Points
from anymask.predict.automatic import segment_everything, suggested
from anymask.predict.load import load
from anymask.predict.promptable import Promptable
from anymask.weights.load import load_checkpoint

FOUND_IOU = 0.5
SMALLEST_PX = 100  # of an object that everything-mode should find


class Kept:
    """A model whose embeddings are kept in files: models that share an encoder share them."""

    def __init__(self, weights: str, folder: Path) -> None:
        self.sam: Promptable = load(weights)
        self.model_id, self.everything = self.sam.model_id, self.sam.everything
        digest = hashlib.sha256()
        for name, tensor in sorted(load_checkpoint(weights).state.items()):
            if name.startswith("image_encoder."):
                digest.update(name.encode() + np.ascontiguousarray(tensor.numpy()).tobytes())
        self._folder = folder / digest.hexdigest()[:16]
        self._folder.mkdir(parents=True, exist_ok=True)

    def encode(self, image: ImageSource) -> ImageEmbedding:
        """The embedding of an RGB array."""
        pixels = np.asarray(image)
        path = self._folder / hashlib.sha256(pixels.tobytes()).hexdigest()
        if not path.exists():
            path.write_bytes(self.sam.encode(pixels).to_bytes())
        return replace(ImageEmbedding.from_bytes(path.read_bytes()), model=self.model_id)

    def predict(
        self, embedding: ImageEmbedding, prompts: Prompts, multimask_output: bool | None = None
    ) -> Masks:
        """As the model."""
        return self.sam.predict(embedding, prompts, multimask_output)


def looked(weights: str, held_out: Path, kept: Path, everything: int) -> dict[str, Any]:
    """Mean IoU of the surest answer to one click in the middle of each object (§7.1), and
    everything-mode in so many of the photographs, with the thresholds that suit the model.

    found: objects of 100 pixels or more that some mask overlaps by an IoU of 0.5 or more.
    """
    model, points = Kept(weights, kept), Points(clicks=(1,))
    rows: list[Any] = []
    found = objects = masks = 0
    for number, part in enumerate(open_dataset(str(held_out)).parts):
        for sample in part.read():
            if not isinstance(sample, Sample):
                continue
            rows += points.rows(model, sample)
            if number < everything:
                config = replace(suggested(model.sam), fast=True)
                every = segment_everything(model.sam, sample.pixels(), config)
                truths = [one for one in sample.masks if rle.area(one) >= SMALLEST_PX]
                objects, masks = objects + len(truths), masks + len(every)
                if len(every) and truths:
                    overlap = rle.iou([one["segmentation"] for one in every], truths)
                    found += int((overlap.max(axis=0) >= FOUND_IOU).sum())
    figures = {name: float(value) for name, value in points.metrics(rows)}
    return {
        "model_id": model.model_id,
        **figures,
        "clicked": len(rows),
        "found": found,
        "objects": objects,
        "masks": masks,
    }
