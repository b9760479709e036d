"""A click on a card: 1 and 64 prompts, and where the embedding comes from; random weights.

    python benchmarks/gpu/clicks.py [--write]

Asked again: the image was asked about before. First question: it was encoded just now, and its
embedding is where the encoder left it, on the card; or it has travelled to the host, as it always
did before, and back. Eight users: eight images asked about in turn. Median and 99th percentile;
the ratio is of medians, to the first row of the same model and as many prompts.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import numpy as np
import torch

from anymask.core.embedding import ImageEmbedding
from anymask.core.prompts import Prompts
from anymask.models.sam import MOBILE_SAM, SAM_VIT_H, Sam, SamConfig
from anymask.predict.device_arrays import DeviceArrays
from anymask.predict.predictor import IMAGE_EMBED, Predictor
from anymask.weights.checkpoint import Checkpoint

from card import arguments, report, times_s

IMAGE_HW = (1200, 1800)
USERS = 8
MODELS = {"TinyViT": MOBILE_SAM, "ViT-H": SAM_VIT_H}


def sides(sam: Predictor, prompts: Prompts, users: int) -> dict[str, Callable[[], Any]]:
    """The ways to ask, each with embeddings of its own."""
    random = np.random.default_rng(0)
    images = [random.integers(0, 256, (*IMAGE_HW, 3), dtype=np.uint8) for _ in range(users)]
    embeddings = sam.encode(images)
    for embedding in embeddings:
        sam.predict(embedding, prompts)
    known, turns = embeddings[0], cycle(embeddings)
    on_device = sam.features(known)

    def encoded_just_now() -> ImageEmbedding:
        arrays = DeviceArrays({IMAGE_EMBED: on_device}, lambda tensor: tensor.cpu().numpy())
        return ImageEmbedding(arrays, known.resize_map, known.model)

    def by_way_of_the_host() -> ImageEmbedding:
        arrays = dict(encoded_just_now().arrays)  # copies
        return ImageEmbedding(arrays, known.resize_map, known.model)

    return {
        "asked again": lambda: sam.predict(known, prompts),
        "first question, left on the card": lambda: sam.predict(encoded_just_now(), prompts),
        "first question, by the host": lambda: sam.predict(by_way_of_the_host(), prompts),
        f"{users} users in turn": lambda: sam.predict(next(turns), prompts),
    }


def build(config: SamConfig, device: str) -> Predictor:
    """Random weights, ready to answer; bfloat16 on a card."""
    torch.manual_seed(0)
    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    checkpoint = Checkpoint("random", config, Sam(config).state_dict())
    return Predictor(checkpoint, torch.device(device), dtype)


def rows(options: argparse.Namespace) -> Iterator[str]:
    """Every model, both numbers of prompts, all ways."""
    yield "| model | prompts | what | p50 ms | p99 ms | ratio |"
    yield "|---" * 6 + "|"
    repeats, users = (1, 2) if options.quick else (300, USERS)
    for model in ("TinyViT",) if options.quick else MODELS:
        sam = build(MODELS[model], options.device)
        for count in (1,) if options.quick else (1, 64):
            points = np.random.default_rng(1).uniform(0, IMAGE_HW[0], (count, 1, 2))
            first = 0.0
            for what, ask in sides(sam, Prompts.of_points(points), users).items():
                p50, p99 = 1e3 * np.percentile(times_s(ask, options.device, repeats), [50, 99])
                first = first or p50
                cells = [model, str(count), what, f"{p50:.2f}", f"{p99:.2f}", f"{p50 / first:.2f}"]
                yield "| " + " | ".join(cells) + " |"


def main() -> None:
    """The table."""
    options = arguments(__doc__ or "")
    report("Click", rows(options), options)


if __name__ == "__main__":
    main()
