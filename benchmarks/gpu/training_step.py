"""Training on a card: the paper's step, eleven rounds with 64 masks of an image, bf16.

    python benchmarks/gpu/training_step.py [--write]

ViT-B and TinyViT, all of it learning, against a straightforward loop over the official modules
(ViT-B alone: they know no TinyViT): images/s, share of the card's arithmetic, peak memory.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch.utils.flop_counter import FlopCounterMode

from anymask.models.sam import MOBILE_SAM, SAM_VIT_B

from card import PEAK_TFLOPS, arguments, median_s, report  # makes training findable
from training import LOOP, OURS, loop, ours, recipe_of

OBJECTS = 64
CONFIGS = {"ViT-B": SAM_VIT_B, "TinyViT": MOBILE_SAM}


def sides(model: str, device: str, quick: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Ours, and the official modules' where they have such a model."""
    recipe = recipe_of("ViT-B", device, 2 if quick else OBJECTS)
    if quick:
        recipe = replace(recipe, further_points=0)
    yield OURS, ours("ViT-B", recipe, device, CONFIGS[model])
    if model == "ViT-B":
        yield LOOP, loop("ViT-B", recipe, device)


def row(model: str, whose: str, step: Callable[[], Any], options: argparse.Namespace) -> str:
    """Count a step's arithmetic, then time it."""
    on_card = options.device.startswith("cuda")
    with FlopCounterMode(display=False) as counter:
        step()
    if on_card:
        torch.cuda.reset_peak_memory_stats()
    seconds = median_s(step, options.device, 1 if options.quick else 10)
    peak_gb = torch.cuda.max_memory_allocated() / 1e9 if on_card else 0.0
    tflops = counter.get_total_flops() / seconds / 1e12
    cells = [model, whose, f"{1 / seconds:.2f}", f"{tflops:.1f}", f"{tflops / PEAK_TFLOPS:.0%}"]
    return "| " + " | ".join([*cells, f"{peak_gb:.1f}"]) + " |"


def rows(options: argparse.Namespace) -> Iterator[str]:
    """Every model, both sides."""
    yield "| model | whose | images/s | TFLOP/s | of the ceiling | peak GB |"
    yield "|---|" + "---|" * 5
    for model in ("TinyViT",) if options.quick else CONFIGS:
        for whose, step in sides(model, options.device, options.quick):
            yield row(model, whose, step, options)


def main() -> None:
    """The table."""
    options = arguments(__doc__ or "")
    report("Training step", rows(options), options)


if __name__ == "__main__":
    main()
