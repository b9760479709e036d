"""The official code of Segment Anything, the package ``segment_anything``, as a ``Segmenter``.

Shape legend: P prompts, M masks, C channels, h w low-resolution grid, S side of the model's input.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from segment_anything import sam_model_registry
from torch import Tensor

from anymask.core.embedding import ImageEmbedding, model_id
from anymask.core.geometry import Floats
from anymask.core.image import RGB
from anymask.errors import LayoutError, UnknownWeightsError
from anymask.evaluation.rivals.rival import Adapter, Question, Rival
from anymask.predict.predictor import IMAGE_EMBED, find_device
from anymask.weights.checkpoint import check_finite
from anymask.weights.fetch import fetch_row, sha256_of
from anymask.weights.registry import ROWS
from anymask.weights.state_file import read_state

LAYOUT = "official"  # of the rows of the registry that the package can read
LONGEST = 300  # letters of its complaints
TYPES = {768: "vit_b", 1024: "vit_l", 1280: "vit_h"}  # by the encoder's width (§A)


def load_official(weights: str, *, device: str = "auto", offline: bool | None = None) -> Official:
    """Load an official ``.pth``; nothing in it is run.

    weights: its path, ``vit_b:PATH`` to say its type instead of finding it, or the name of one of
    the registry's rows. Raises ``WeightsError``, or ``Error`` for an unknown device.
    """
    place = find_device(device)
    kind, _, path = weights.partition(":")
    if kind not in sam_model_registry:
        kind, path = "", weights
    file = _find_file(path, offline)
    state = read_state(file).tensors
    check_finite(state, str(file))
    sam = sam_model_registry[kind or find_type(state, file)]()
    try:
        sam.load_state_dict(state)
    except RuntimeError as error:
        first = str(error).splitlines()[1:2]  # of hundreds, after a title
        raise LayoutError(
            f"{file} does not fit segment_anything: {''.join(first).strip()[:LONGEST]}"
        ) from None
    return Official(sam, file.stem, sha256_of(file), place)


def find_type(state: dict[str, Tensor], file: Path) -> str:
    """``vit_b``, ``vit_l`` or ``vit_h``, by the shape of weights. Raises ``LayoutError``."""
    positions = state.get("image_encoder.pos_embed")
    width = positions.shape[-1] if positions is not None else 0
    if width not in TYPES:
        raise LayoutError(
            f"{file} is none of segment_anything's models: {', '.join(TYPES.values())}"
        )
    return TYPES[width]


class Official(Rival):
    """An official ``Sam``; the sizes are read off it."""

    def __init__(self, sam: Any, name: str, sha256: str, device: torch.device) -> None:
        self.name = f"{Adapter.segment_anything}:{name}"
        self.model_id = model_id(self.name, sha256)
        self.sam, self.device = sam.eval().to(device), device
        self.input_px = sam.image_encoder.img_size
        self.mask_side = sam.prompt_encoder.mask_input_size[0]
        grid = sam.prompt_encoder.image_embedding_size
        self.shapes = {IMAGE_EMBED: (sam.prompt_encoder.embed_dim, *grid)}

    @torch.inference_mode()
    def embed(self, pixels: RGB) -> dict[str, Floats]:
        """One array, ``image_embed`` (C, h, w)."""
        image = torch.from_numpy(pixels).permute(2, 0, 1)[None].to(self.device)
        return {IMAGE_EMBED: _array(self.sam.image_encoder(self.sam.preprocess(image))[0])}

    @torch.inference_mode()
    def ask(
        self, embedding: ImageEmbedding, question: Question, multimask_output: bool
    ) -> tuple[Floats, Floats]:
        """What ``SamPredictor.predict_torch`` does."""
        points, labels = self._tensor(question.points), self._tensor(question.labels)
        sparse, dense = self.sam.prompt_encoder(
            points=None if points is None else (points, labels),
            boxes=self._tensor(question.boxes),
            masks=self._tensor(question.masks),
        )
        features = torch.from_numpy(embedding.arrays[IMAGE_EMBED])[None].to(self.device)
        logits, iou = self.sam.mask_decoder(
            image_embeddings=features,
            image_pe=self.sam.prompt_encoder.get_dense_pe(),
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=multimask_output,
        )
        return _array(logits), _array(iou)

    def _tensor(self, array: npt.NDArray[Any] | None) -> Tensor | None:
        return None if array is None else torch.from_numpy(array).to(self.device)


def _array(tensor: Tensor) -> Floats:
    return np.ascontiguousarray(tensor.float().cpu().numpy())


def _find_file(weights: str, offline: bool | None) -> Path:
    if Path(weights).is_file():
        return Path(weights)
    for row in ROWS:
        if row.name == weights and row.layout == LAYOUT:
            return next(iter(fetch_row(row, offline=offline).values()))
    known = ", ".join(row.name for row in ROWS if row.layout == LAYOUT)
    raise UnknownWeightsError(
        f"there is no file {weights}; segment_anything takes an official .pth, or one of {known}"
    )
