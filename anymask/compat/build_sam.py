"""``segment_anything.build_sam``: models by their official names."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from anymask.compat.modeling.sam import Sam
from anymask.errors import LayoutError, UnknownWeightsError, shown
from anymask.models.sam import EncoderConfig
from anymask.models.tiny_vit import TINY_VIT_5M
from anymask.models.vit import VIT_B, VIT_H, VIT_L
from anymask.predict.predictor import load

Checkpoint = str | Path | None
ENCODERS: dict[str, EncoderConfig] = {
    "vit_h": VIT_H,
    "vit_l": VIT_L,
    "vit_b": VIT_B,
    "vit_t": TINY_VIT_5M,
}


def build_sam_vit_h(checkpoint: Checkpoint = None) -> Sam:
    """SAM with ViT-H: an official checkpoint's file, or the registry's row where none is named.

    Like all of these on the CPU; ``.to(device)`` moves it. Raises ``WeightsError``, also for a
    file of another model.
    """
    return _build("vit_h", "sam-vit-h", checkpoint)


def build_sam_vit_l(checkpoint: Checkpoint = None) -> Sam:
    """The same with ViT-L."""
    return _build("vit_l", "sam-vit-l", checkpoint)


def build_sam_vit_b(checkpoint: Checkpoint = None) -> Sam:
    """The same with ViT-B."""
    return _build("vit_b", "sam-vit-b", checkpoint)


def build_sam_vit_t(checkpoint: Checkpoint = None) -> Sam:
    """The same with MobileSAM's TinyViT, under the name that its package has for it."""
    return _build("vit_t", "mobile-sam", checkpoint)


build_sam = build_sam_vit_h


class ModelRegistry(dict[str, Callable[..., Sam]]):
    """Functions that build a model, by the name of its image encoder."""

    def __missing__(self, name: object) -> NoReturn:
        raise UnknownWeightsError(
            f"sam_model_registry has no {shown(name)}: take one of {', '.join(self)}"
        )


sam_model_registry = ModelRegistry(
    default=build_sam,
    vit_h=build_sam_vit_h,
    vit_l=build_sam_vit_l,
    vit_b=build_sam_vit_b,
    vit_t=build_sam_vit_t,
)


def _build(name: str, row: str, checkpoint: Checkpoint) -> Sam:
    predictor = load(row if checkpoint is None else checkpoint, device="cpu", dtype="float32")
    encoder = predictor.model.config.encoder
    other = next((known for known, config in ENCODERS.items() if config == encoder), name)
    if other != name:
        raise LayoutError(
            f"{checkpoint} holds a {other}, not a {name}: take sam_model_registry[{other!r}]"
        )
    return Sam(predictor)
