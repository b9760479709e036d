"""Candidates: masks of an image that words may mean, with what is known of each before any word.

Shape legend: N masks, d channels of an encoder of words, H W pixels of the image.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from dataclasses import dataclass

import numpy as np

from anymask.core import rle
from anymask.core.annotations import Annotations
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats, xywh_to_xyxy
from anymask.core.in_context.features import FeatureMap
from anymask.core.words.crops import Pixels
from anymask.core.words.objects import ShownObject
from anymask.core.words.wholes import Measures
from anymask.errors import EmbeddingError, Error
from anymask.predict.automatic import AutomaticConfig
from anymask.predict.in_context.proposals import EVERYTHING, proposed
from anymask.predict.predictor import Predictor
from anymask.predict.words.answer import annotation
from anymask.predict.words.encoder import WordsEncoder

SMALLEST_PX, SMALLEST_SHARE = 16, 0.02  # of a mask's longer side, and of the image's
MOST_MASKS = 64  # that are looked at, the largest
COPY = 0.9  # IoU of masks that show the same
# All of these settings in a few digits, for what is kept.
LOOKED_AT = hashlib.sha256(
    repr((EVERYTHING, SMALLEST_PX, SMALLEST_SHARE, MOST_MASKS, COPY)).encode()
).hexdigest()[:8]


@dataclass(frozen=True, eq=False)
class Candidates:
    """masks: N of an image. embedded: (N, d) each, by a ``WordsEncoder``."""

    masks: Annotations
    embedded: Floats
    measures: Measures

    @classmethod
    def of_masks(
        cls, pixels: Pixels, masks: Annotations, features: FeatureMap, encoder: WordsEncoder
    ) -> Candidates:
        """Of masks of an (H, W, 3) image, none empty, and the image's features."""
        runs = [one["segmentation"] for one in masks]
        decoded = (np.asarray(rle.decode(one), bool) for one in runs)
        objects = [ShownObject.of_mask(pixels, mask, features) for mask in decoded]
        embedded = encoder.embed_images(objects) if objects else np.zeros((0, 0), np.float32)
        sure = [one["predicted_iou"] for one in masks]
        return cls(masks, embedded, Measures.of_masks(runs, sure, features))

    def to_bytes(self) -> bytes:
        """To be kept beside the image's embedding, about 100 kB; likeness is in half precision."""
        content = io.BytesIO()
        np.savez_compressed(
            content,
            masks=np.array(json.dumps(list(self.masks))),
            image_hw=np.array(self.masks.image_hw),
            embedded=self.embedded.astype(np.float16),
            contrast=self.measures.contrast,
        )
        return content.getvalue()

    @classmethod
    def of_bytes(cls, content: bytes) -> Candidates:
        """What ``to_bytes`` gave. Raises ``EmbeddingError`` for anything else."""
        try:
            with np.load(io.BytesIO(content), allow_pickle=False) as kept:
                height, width = kept["image_hw"].tolist()
                masks = Annotations(json.loads(str(kept["masks"])), (height, width))
                embedded = kept["embedded"].astype(np.float32)
                contrast = kept["contrast"]
        except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, Error) as error:
            raise EmbeddingError(f"these are no kept candidates: {error}") from None
        runs = [one["segmentation"] for one in masks]
        sure = [one["predicted_iou"] for one in masks]
        return cls(masks, embedded, Measures.of_runs(runs, sure, contrast))

    def boxes_xyxy(self) -> Floats:
        """(N, 4)."""
        boxes = [one["bbox"] for one in self.masks]
        return xywh_to_xyxy(np.array(boxes, np.float32).reshape(-1, 4))


def everything(
    sam: Predictor, embedding: ImageEmbedding, config: AutomaticConfig = EVERYTHING
) -> Annotations:
    """Masks of everything in an image that are worth a look, the surest first.

    A coarse grid of points, and masks that everything-mode would not trust: what is meant by words
    is seldom small, and what is drawn badly loses against better ones anyway.
    """
    found = proposed(sam, embedding, config)
    masks = [annotation(one.runs.to_rle(), one.predicted_iou, one.stability_score) for one in found]
    return worth_a_look(Annotations(masks, embedding.image_hw))


def worth_a_look(masks: Annotations) -> Annotations:
    """Those of which an encoder may say something: neither tiny, nor copies, nor too many."""
    least = max(SMALLEST_PX, SMALLEST_SHARE * max(masks.image_hw))
    large = [one for one in masks if one["area"] and max(one["bbox"][2:]) >= least]
    runs = [one["segmentation"] for one in large]
    alike = np.asarray(rle.iou(runs, runs)).reshape(len(runs), len(runs)) >= COPY
    kept: list[int] = []
    for number in range(len(large)):
        if not alike[number, kept].any():
            kept.append(number)
    largest = set(sorted(kept, key=lambda number: -large[number]["area"])[:MOST_MASKS])
    return Annotations([large[number] for number in kept if number in largest], masks.image_hw)
