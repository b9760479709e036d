"""From low-resolution logits to run lengths: by runs, and by a full-size mask as before.

    .venv/bin/python benchmarks/mask_runs.py [--write]

Run lengths with stability, as everything-mode needs them, and what ``Masks`` has for everybody:
run lengths, boxes, areas and stability. The ratio is of processor time: below one, runs are faster.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from anymask.core import rle
from anymask.core.geometry import Floats, ResizeMap, mask_boxes
from anymask.core.logits import stability_score, upsample
from anymask.core.mask_runs import runs_and_stability
from anymask.core.masks import Masks

from machine import describe

SIZES_HW = ((480, 640), (1200, 1800), (9000, 12000))
HERE = Path(__file__).resolve().parent
Way = Callable[[Masks], Any]


def logits() -> dict[str, Floats]:
    """A mask of blobs all over the image, and one of an eighth of its sides."""
    noise = np.random.default_rng(0).normal(0, 1, (256, 256)).astype(np.float32)
    blobs = cv2.GaussianBlur(noise, (0, 0), 12) * 200 + 5
    small = np.full((256, 256), -20, np.float32)
    small[50:82, 50:82] = blobs[50:82, 50:82] + 20
    return {"everywhere": np.asarray(blobs, np.float32), "an eighth": small}


def both_by_runs(masks: Masks) -> tuple[rle.RLE, float]:
    """As everything-mode does it."""
    runs, stability = runs_and_stability(masks.logits[0, 0], masks.resize_map)
    return runs.to_rle(), stability


def both_at_full_size(masks: Masks) -> tuple[rle.RLE, float]:
    """As the official generator does it, a mask at a time."""
    full = upsample(masks.logits[0, 0], masks.resize_map)
    return rle.encode(full > 0), stability_score(full, 0, 1)


# What is wanted, by runs and at full size.
CASES: dict[str, tuple[Way, Way]] = {
    "run lengths and stability": (both_by_runs, both_at_full_size),
    "Masks.to_rle": (Masks.to_rle, lambda masks: [rle.encode(x > 0) for x in masks.full_logits()]),
    "Masks.boxes": (Masks.boxes, lambda masks: [mask_boxes(x > 0) for x in masks.full_logits()]),
    "Masks.areas": (
        Masks.areas,
        lambda masks: [np.count_nonzero(x > 0) for x in masks.full_logits()],
    ),
    "Masks.stability": (
        Masks.stability,
        lambda masks: [stability_score(x, 0, 1) for x in masks.full_logits()],
    ),
}


def median_ms(ways: tuple[Way, Way], masks: Masks, repeats: int) -> list[float]:
    """Processor time of two ways that take turns, after a turn that warms up."""
    taken: list[list[float]] = [[], []]
    for turn in range(repeats + 1):
        for way, times in zip(ways, taken):
            before = time.process_time()
            way(masks)
            if turn:
                times.append(time.process_time() - before)
    return [1e3 * statistics.median(times) for times in taken]


def main() -> None:
    """Every size, both masks, both ways to all that is wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    rows = ["| wanted | image | mask | runs, ms | full size, ms | ratio |", "|---" * 6 + "|"]
    for wanted, ways in CASES.items():
        for height, width in SIZES_HW:
            for name, low in logits().items():
                resize_map = ResizeMap((height, width), 1024)
                masks = Masks(low[None, None], np.ones((1, 1), np.float32), resize_map)
                ours, before = median_ms(ways, masks, 20 if height < 5000 else 3)
                cells = [wanted, f"{width}×{height}", name, f"{ours:.2f}", f"{before:.2f}"]
                rows.append("| " + " | ".join([*cells, f"{ours / before:.2f}"]) + " |")
    day = time.strftime("%Y-%m-%d")
    text = f"# Mask runs, {day}\n\n{describe(1)}\n\n" + "\n".join(rows) + "\n"
    print(text)
    if arguments.write:
        (HERE / "results" / f"{day}-mask-runs.md").write_text(text)


if __name__ == "__main__":
    main()
