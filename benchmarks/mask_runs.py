"""From low-resolution logits to run lengths: by runs, and by a full-size mask as before.

.venv/bin/python benchmarks/mask_runs.py [--write]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from anymask.core import rle
from anymask.core.geometry import Floats, ResizeMap
from anymask.core.logits import stability_score, upsample
from anymask.core.mask_runs import runs_and_stability

from machine import describe

SIZES_HW = ((480, 640), (1200, 1800), (9000, 12000))
HERE = Path(__file__).resolve().parent


def logits() -> dict[str, Floats]:
    """A mask of blobs all over the image, and one of an eighth of its sides."""
    noise = np.random.default_rng(0).normal(0, 1, (256, 256)).astype(np.float32)
    blobs = cv2.GaussianBlur(noise, (0, 0), 12) * 200 + 5
    small = np.full((256, 256), -20, np.float32)
    small[50:82, 50:82] = blobs[50:82, 50:82] + 20
    return {"everywhere": np.asarray(blobs, np.float32), "an eighth": small}


def by_runs(low: Floats, resize_map: ResizeMap) -> tuple[rle.RLE, float]:
    """As everything-mode does it."""
    runs, stability = runs_and_stability(low, resize_map)
    return runs.to_rle(), stability


def at_full_size(low: Floats, resize_map: ResizeMap) -> tuple[rle.RLE, float]:
    """As the official generator does it, a mask at a time."""
    full = upsample(low, resize_map)
    return rle.encode(full > 0), stability_score(full, 0, 1)


def median_ms(work: Callable[[], Any], repeats: int) -> float:
    """Of some runs after one that warms up."""
    work()
    taken = []
    for _ in range(repeats):
        before = time.perf_counter()
        work()
        taken.append(time.perf_counter() - before)
    return 1e3 * statistics.median(taken)


def main() -> None:
    """Every size, both masks, both ways."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    rows = ["| image | mask | runs, ms | full size, ms |", "|---|---|---|---|"]
    for height, width in SIZES_HW:
        for name, low in logits().items():
            resize_map = ResizeMap((height, width), 1024)
            repeats = 20 if height < 5000 else 3
            ours, before = (
                median_ms(partial(way, low, resize_map), repeats) for way in (by_runs, at_full_size)
            )
            rows.append(f"| {width}×{height} | {name} | {ours:.2f} | {before:.2f} |")
    day = time.strftime("%Y-%m-%d")
    text = f"# Patches, {day}\n\n{describe(1)}\n\n" + "\n".join(rows) + "\n"
    print(text)
    if arguments.write:
        (HERE / "results" / f"{day}-mask-runs.md").write_text(text)


if __name__ == "__main__":
    main()
