"""Everything-mode on a card: images a second, the official generator against ours.

    python benchmarks/gpu/all_masks.py PHOTOGRAPH... [--write]

Default weights, 1,024 points, real photographs; filters, stability and run lengths on the device.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from functools import partial
from itertools import chain
from typing import Any

import anymask
from anymask.core.image import read_image
from anymask.predict.automatic import AutomaticConfig

from card import arguments, report, times_s


def main() -> None:
    """Both sides on every photograph."""
    options = arguments(__doc__ or "")
    sam = anymask.load(device=options.device, offline=True)
    images = [read_image(path) for path in options.photographs]
    per_side = 4 if options.quick else 32
    exact = AutomaticConfig(points_per_side=per_side)
    fast = AutomaticConfig(points_per_side=per_side, fast=True)
    sides: dict[str, Callable[[Any], Any]] = {
        "anymask": lambda image: anymask.segment_everything(sam, image, exact),
        "anymask, fast": lambda image: anymask.segment_everything(sam, image, fast),
    }
    if not options.quick:
        from official import build_generator

        sides["segment-anything"] = build_generator(sam).generate
    rows = (_row(whose, work, images, options) for whose, work in sides.items())
    report(
        "Everything", chain(["| whose | images/s | s an image |", "|---|---|---|"], rows), options
    )


def _row(
    whose: str, work: Callable[[Any], Any], images: list[Any], options: argparse.Namespace
) -> str:
    repeats = 1 if options.quick else 3
    seconds = statistics.mean(
        statistics.median(times_s(partial(work, image), options.device, repeats))
        for image in images
    )
    return f"| {whose} | {1 / seconds:.2f} | {seconds:.3f} |"


if __name__ == "__main__":
    main()
