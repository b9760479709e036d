"""ClipEncoder: a CLIP (arXiv 2103.00020) or SigLIP (arXiv 2303.15343) from its folder.

*Segment Anything* reads CLIP's ViT-L/14 at 336 px (§D.5). Any of Hugging Face's layout will do.

Shape legend: n objects, m words, S side of the encoder's input, d numbers of an embedding.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from anymask.core.geometry import Floats
from anymask.core.in_context.features import unit
from anymask.core.words.meanings import TEMPLATE, plain
from anymask.core.words.objects import ShownObject
from anymask.errors import EXTRAS, MissingExtraError
from anymask.models.text import TextConfig

try:
    from anymask.predict.transformers_folder import (
        TEXT_MODELS,
        model_kind,
        normalisation,
        read_model,
        read_tokenizer,
        weights_sha256,
    )
except ModuleNotFoundError as missing:
    raise MissingExtraError(missing.name or "transformers", EXTRAS["transformers"]) from None

BATCH = 16
LONGEST_CHARACTERS = 2000  # that are looked at: far more than the tokens that it reads
CLIP_MEAN, CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
HALF = (0.5, 0.5, 0.5)


class ClipEncoder:
    """A ``TextEncoder``: pictures and words as the model itself compares them."""

    semantic = None

    def __init__(self, folder: Path, device: torch.device | None = None) -> None:
        """Reads safetensors alone, and nothing from the network.

        Raises ``LayoutError`` for a folder that holds no CLIP or SigLIP with its tokenizer.
        """
        self.config = clip_config(folder)
        self._kind = model_kind(folder, TEXT_MODELS, "CLIP and no SigLIP")
        self._device = device or torch.device("cpu")
        model = read_model(TEXT_MODELS[self._kind], folder)
        self._model = model.float().eval().to(self._device)
        text = self._model.config.text_config
        self.side_px: int = self._model.config.vision_config.image_size
        self._most_tokens: int = text.max_position_embeddings
        self._tokenizer = read_tokenizer(folder, text.vocab_size)
        usual = (CLIP_MEAN, CLIP_STD) if self._kind == "clip" else (HALF, HALF)
        self._mean, self._std = normalisation(folder, *usual)

    def embed_images(self, objects: Sequence[ShownObject]) -> Floats:
        """(n, d) of length 1, of crops (S, S, 3)."""
        parts = []
        for first in range(0, len(objects), BATCH):
            crops = np.stack([one.pixels for one in objects[first : first + BATCH]])
            pixels = ((crops - self._mean) / self._std).transpose(0, 3, 1, 2)
            batch = torch.from_numpy(np.ascontiguousarray(pixels, np.float32)).to(self._device)
            with torch.inference_mode():
                parts.append(_rows(self._model.get_image_features(pixel_values=batch)))
        return (
            unit(np.concatenate(parts)) if parts else np.zeros((0, self.config.width), np.float32)
        )

    def embed_words(self, words: Sequence[str]) -> Floats:
        """(m, d) of length 1; what is too long is cut."""
        sentences = [TEMPLATE.format(plain(word))[:LONGEST_CHARACTERS] for word in words]
        # SigLIP has learned from texts of one length, and reads the padding, too.
        padding = "longest" if self._kind == "clip" else "max_length"
        told = self._tokenizer(
            sentences,
            padding=padding,
            truncation=True,
            max_length=self._most_tokens,
            return_tensors="pt",
        )
        inputs = {"input_ids": told["input_ids"].to(self._device)}
        if self._kind == "clip":
            inputs["attention_mask"] = told["attention_mask"].to(self._device)
        with torch.inference_mode():
            return unit(_rows(self._model.get_text_features(**inputs)))


def clip_config(folder: Path) -> TextConfig:
    """The space of a folder's model, without loading it. Raises ``LayoutError``."""
    kind = model_kind(folder, TEXT_MODELS, "CLIP and no SigLIP")
    config = TEXT_MODELS[kind].config_class.from_pretrained(folder, local_files_only=True)
    width = config.projection_dim if kind == "clip" else config.text_config.projection_size
    return TextConfig(int(width), f"{kind} {weights_sha256(folder)[:8]}")


def _rows(output: Any) -> Floats:
    """(n, d) as an array; newer versions of transformers wrap it."""
    rows: Tensor = output if isinstance(output, Tensor) else output.pooler_output
    return np.asarray(rows.float().cpu().numpy(), np.float32)
