"""The families of models that a checkpoint may hold: a row each, from a config to a model and back.

A new family is a row here. Its config and its model join ``ModelConfig`` and ``Model``; mypy then
shows who takes SAM alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from anymask.models.detector import DetectorConfig, ObjectDetector
from anymask.models.mask_decoder import MaskDecoderConfig
from anymask.models.sam import Sam, SamConfig
from anymask.models.seggpt import SegGPT, SegGPTConfig
from anymask.models.seggpt_prompt import SegGPTPrompt, SegGPTPromptConfig
from anymask.models.text import TextConfig
from anymask.models.tiny_vit import TinyViTConfig
from anymask.models.vit import ViTConfig

ModelConfig = SamConfig | DetectorConfig | SegGPTConfig | SegGPTPromptConfig
Model = Sam | ObjectDetector | SegGPT | SegGPTPrompt
DETECTOR = "detector"
SEGGPT = "seggpt"
SEGGPT_PROMPT = "seggpt-prompt"
SAM = "sam"  # also of files that name no family: they are older than the second one
ENCODERS: dict[str, type[ViTConfig] | type[TinyViTConfig]] = {
    "vit": ViTConfig,
    "tiny-vit": TinyViTConfig,
}


@dataclass(frozen=True)
class ModelFamily:
    """How a family's models are made and described.

    config: a frozen dataclass of what fixes the shapes. model: makes a model of it. to_json: plain
    JSON values of it. from_json: the inverse; raises ``TypeError``, ``KeyError`` or ``ValueError``
    for other content.
    """

    config: type[Any]
    model: Callable[[Any], Model]
    to_json: Callable[[Any], dict[str, Any]]
    from_json: Callable[[dict[str, Any]], ModelConfig]


def sam_to_json(config: SamConfig) -> dict[str, Any]:
    """SAM's config as plain JSON values; the encoder says which kind it is.

    What is None is left out: configs of square images, and of models without text or a second
    look at masks, stay as they were before there were others.
    """
    kind = next(name for name, known in ENCODERS.items() if isinstance(config.encoder, known))
    plain = {name: value for name, value in dataclasses.asdict(config).items() if value is not None}
    encoder, decoder = (
        {name: value for name, value in plain[part].items() if value is not None}
        for part in ("encoder", "decoder")
    )
    return plain | {"encoder": {"kind": kind, **encoder}, "decoder": decoder}


def sam_from_json(plain: dict[str, Any]) -> SamConfig:
    """The inverse of ``sam_to_json``. Raises as ``ModelFamily.from_json``."""
    encoder = dict(plain["encoder"])
    kind = ENCODERS[encoder.pop("kind")]
    rest = {k: v for k, v in plain.items() if k not in ("encoder", "decoder", "text")}
    decoder = MaskDecoderConfig(**plain["decoder"])
    text = TextConfig(**plain["text"]) if "text" in plain else None
    return SamConfig(kind(**_tuples(encoder)), decoder, text=text, **_tuples(rest))


def detector_from_json(plain: dict[str, Any]) -> DetectorConfig:
    """The inverse of ``asdict``. Raises as ``ModelFamily.from_json``."""
    return DetectorConfig(**plain)


def seggpt_from_json(plain: dict[str, Any]) -> SegGPTConfig:
    """The inverse of ``asdict``. Raises as ``ModelFamily.from_json``."""
    vit = ViTConfig(**_tuples(plain["vit"]))
    return SegGPTConfig(vit=vit, **_tuples({k: v for k, v in plain.items() if k != "vit"}))


def prompt_from_json(plain: dict[str, Any]) -> SegGPTPromptConfig:
    """The inverse of ``asdict``. Raises as ``ModelFamily.from_json``."""
    return SegGPTPromptConfig(**_tuples(plain))


FAMILIES: dict[str, ModelFamily] = {
    SAM: ModelFamily(SamConfig, Sam, sam_to_json, sam_from_json),
    DETECTOR: ModelFamily(DetectorConfig, ObjectDetector, dataclasses.asdict, detector_from_json),
    SEGGPT: ModelFamily(SegGPTConfig, SegGPT, dataclasses.asdict, seggpt_from_json),
    SEGGPT_PROMPT: ModelFamily(
        SegGPTPromptConfig, SegGPTPrompt, dataclasses.asdict, prompt_from_json
    ),
}


def family_name(config: ModelConfig) -> str:
    """The family that a config is of."""
    return next(name for name, family in FAMILIES.items() if isinstance(config, family.config))


def _tuples(values: Mapping[str, Any]) -> dict[str, Any]:
    """JSON has lists where frozen dataclasses have tuples."""
    return {k: tuple(v) if isinstance(v, list) else v for k, v in values.items()}
