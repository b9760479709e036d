"""Encode on a card: images a second and share of the card's arithmetic, ours and the peers'.

    python benchmarks/gpu/encode.py [--write]

Random weights, bf16, batches of 1, 8 and 32. The last rows of a model are of ``encode`` itself,
from pixels of the host to an embedding on the card: a list of images, and one image after another.
"""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from anymask.models.sam import MOBILE_SAM, SAM_VIT_B, SAM_VIT_H, SAM_VIT_L, Sam, SamConfig
from anymask.predict.predictor import Predictor
from anymask.weights.checkpoint import Checkpoint

from card import PEAK_TFLOPS, arguments, median_s, report

MODELS = {"ViT-H": SAM_VIT_H, "ViT-L": SAM_VIT_L, "ViT-B": SAM_VIT_B, "TinyViT": MOBILE_SAM}


def encoders(name: str, config: SamConfig) -> Iterator[tuple[str, nn.Module | Callable[..., Any]]]:
    """Our encoder and, where they are installed and have one of the kind, those of others."""
    yield "anymask", Sam(config).image_encoder
    if name.startswith("ViT") and importlib.util.find_spec("segment_anything"):
        from official import build

        theirs = build(name.lower().replace("-", "_")).image_encoder
        yield "segment-anything", theirs
        yield "segment-anything, compiled", torch.compile(theirs)
    if name == "ViT-B" and importlib.util.find_spec("transformers"):
        from transformers import SamVisionConfig, SamVisionModel

        yield "Hugging Face", SamVisionModel(SamVisionConfig())


def row(
    model: str, whose: str, encoder: Any, batch: int, options: argparse.Namespace, flop: float
) -> str:
    """Time one encoder on one batch."""
    dtype = torch.bfloat16 if options.device.startswith("cuda") else torch.float32
    encoder = encoder.to(options.device, dtype).eval()
    images: Tensor = torch.randn(batch, 3, 1024, 1024, device=options.device, dtype=dtype)
    with torch.inference_mode():
        seconds = median_s(lambda: encoder(images), options.device, 1 if options.quick else 10)
    return cells_of(model, whose, batch, seconds, flop)


def rows_from_pixels(
    model: str, config: SamConfig, options: argparse.Namespace, flop: float
) -> Iterator[str]:
    """``encode`` of a list, and of its images one by one; each waits for its embeddings."""
    dtype = torch.bfloat16 if options.device.startswith("cuda") else torch.float32
    checkpoint = Checkpoint("random", config, Sam(config).state_dict())
    sam = Predictor(checkpoint, torch.device(options.device), dtype)
    count = 1 if options.quick else 32
    pixels = np.random.default_rng(0).integers(0, 256, (count, 683, 1024, 3), dtype=np.uint8)
    images = list(pixels)
    sides: dict[str, Callable[[], Any]] = {
        "anymask.encode, a list": lambda: sam.encode(images),
        "anymask.encode, one by one": lambda: [sam.encode(image) for image in images],
    }
    for whose, encode in sides.items():
        seconds = median_s(encode, options.device, 1 if options.quick else 5)
        yield cells_of(model, whose, count, seconds, flop)


def cells_of(model: str, whose: str, batch: int, seconds: float, flop: float) -> str:
    """A row of the table."""
    tflops = flop * batch / seconds / 1e12
    cells = [model, whose, str(batch), f"{batch / seconds:.1f}", f"{tflops:.1f}"]
    return "| " + " | ".join([*cells, f"{tflops / PEAK_TFLOPS:.0%}"]) + " |"


def flop_of(config: SamConfig) -> float:
    """Arithmetic of one image, counted without doing it."""
    with torch.device("meta"), FlopCounterMode(display=False) as counter, torch.no_grad():
        Sam(config).image_encoder(torch.empty(1, 3, 1024, 1024))
    return float(counter.get_total_flops())


def rows(options: argparse.Namespace) -> Iterator[str]:
    """Every model, every batch, every implementation."""
    yield "| model | whose | batch | images/s | TFLOP/s | of the ceiling |"
    yield "|---|---|---|---|---|---|"
    models = {"TinyViT": MOBILE_SAM} if options.quick else MODELS
    for model, config in models.items():
        flop = flop_of(config)
        for whose, encoder in encoders(model, config):
            for batch in (1,) if options.quick else (1, 8, 32):
                yield row(model, whose, encoder, batch, options, flop)
        yield from rows_from_pixels(model, config, options, flop)


def main() -> None:
    """The table."""
    options = arguments(__doc__ or "")
    report("Encode", rows(options), options)


if __name__ == "__main__":
    main()
