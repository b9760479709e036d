"""Folders of Hugging Face's transformers: what they hold, and the library's models of it.

The only file that imports transformers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from transformers import AutoTokenizer, CLIPModel, Sam2Model, SamModel, SiglipModel

from anymask.core.geometry import Floats
from anymask.core.json_object import read_object
from anymask.errors import LayoutError
from anymask.weights.fetch import sha256_of

WEIGHTS, CONFIG = "model*.safetensors", "config.json"
PROCESSORS = ("preprocessor_config.json", "processor_config.json")
VOCABULARIES = ("tokenizer.json", "vocab.json", "spiece.model")
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
# By what a model's config calls itself: SAM 2 is published as a part of its video model.
SEGMENTERS: dict[str, Any] = {"sam": SamModel, "sam2": Sam2Model, "sam2_video": Sam2Model}
TEXT_MODELS: dict[str, Any] = {"clip": CLIPModel, "siglip": SiglipModel}


def model_kind(folder: Path, known: Collection[str], what: str) -> str:
    """What the folder's model calls itself. Raises ``LayoutError`` for none, or one not known."""
    kind = str(read_object(folder / CONFIG, LayoutError).get("model_type"))
    if kind not in known:
        raise LayoutError(f"{folder} is no {what} of transformers, but {kind!r}")
    return kind


def weights_sha256(folder: Path) -> str:
    """Of the file, or of all of them together. Raises ``LayoutError`` where there is none."""
    digests = [sha256_of(file) for file in sorted(folder.glob(WEIGHTS))]
    if not digests:
        raise LayoutError(f"{folder} holds no {WEIGHTS}")
    return (
        digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()
    )


def read_model(model: Any, folder: Path) -> Any:
    """A model of the library's with the folder's weights, offline. Raises ``LayoutError``."""
    try:
        loaded, notes = model.from_pretrained(
            folder, use_safetensors=True, local_files_only=True, output_loading_info=True
        )
    except Exception as error:  # of many kinds, for a config that is another model's
        raise LayoutError(f"transformers can't load {folder}: {error}") from None
    if notes["missing_keys"]:
        missing = ", ".join(sorted(notes["missing_keys"])[:3])
        raise LayoutError(f"{folder} lacks weights of a {model.__name__}: {missing}")
    return loaded


def read_tokenizer(folder: Path, most_tokens: int) -> Any:
    """The folder's tokenizer, offline. Raises ``LayoutError`` for none, or another model's.

    most_tokens: that its model knows.
    """
    if not any(
        (folder / name).is_file() for name in VOCABULARIES
    ):  # the library makes an empty one
        raise LayoutError(f"{folder} holds no tokenizer: none of {', '.join(VOCABULARIES)}")
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        count = len(tokenizer)
    except Exception as error:  # of many kinds, for what is no tokenizer
        gist = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise LayoutError(
            f"{folder} holds no tokenizer that transformers can load: {gist}"
        ) from None
    if count > most_tokens:
        raise LayoutError(
            f"the tokenizer in {folder} is another model's: it has {count} tokens, and the model "
            f"knows {most_tokens}"
        )
    return tokenizer


def normalisation(
    folder: Path,
    mean: tuple[float, ...] = IMAGENET_MEAN,
    std: tuple[float, ...] = IMAGENET_STD,
) -> tuple[Floats, Floats]:
    """Mean and deviation (3,), 0-255, as the model's processor says, or else these."""
    settings: dict[str, Any] = {}
    for file in PROCESSORS:
        if (folder / file).is_file():
            content = read_object(folder / file, LayoutError)
            settings |= content.get("image_processor", content)
    mean, std = settings.get("image_mean", mean), settings.get("image_std", std)
    return 255 * np.array(mean, np.float32), 255 * np.array(std, np.float32)
