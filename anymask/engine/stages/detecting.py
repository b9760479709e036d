"""Detecting: the finder of pre-fill, the model's surest masks for boxes of a detector (§4)."""

from __future__ import annotations

from anymask.engine.pictures.folder import ImageFile
from anymask.engine.pictures.pictures import Pictures
from anymask.engine.stages.kept_embeddings import KeptEmbeddings
from anymask.engine.stages.searching import Finder, Found
from anymask.predict.detector import Detector
from anymask.predict.disk_cache import DiskCache
from anymask.predict.promptable import Promptable
from anymask.predict.sure_masks import sure_masks

SOURCE = "detector"


def detecting(
    sam: Promptable,
    pictures: Pictures,
    embeddings: DiskCache,
    detector: Detector,
    threshold: float,
    encoder_id: str = "",
) -> Finder:
    """What finds the objects that a detector is sure of.

    embeddings: kept ones, the annotation tool's own; what is computed is kept there. threshold: of
    what ``sure_masks`` scores, in 0-1. encoder_id: the model whose embeddings ``sam`` reads; "" for
    its own. Raises ``EmbeddingError`` for a detector of another model's embeddings; ``find`` raises
    ``ImageError``.
    """
    kept = KeptEmbeddings(sam, pictures, embeddings, encoder_id)
    detector.check_reads(kept.encoder_id)
    reader = detector.reading(sam.model_id)

    def find(file: ImageFile) -> Found:
        embedding = kept.of(file)
        detected = sure_masks(sam, embedding, reader, threshold)
        masks = ((one["segmentation"], one["predicted_iou"]) for one in detected.annotations)
        return Found.of_masks(embedding.resize_map.image_hw, masks)

    return Finder(SOURCE, f"{detector.model_id} at {threshold:g}", find)
