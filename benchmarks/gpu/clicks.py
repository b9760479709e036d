"""A click on a card: the embedding is there, 1 and 64 prompts; median and 99th percentile.

python benchmarks/gpu/clicks.py [--write]
"""

from __future__ import annotations

from functools import partial

import numpy as np

import anymask

from card import arguments, report, times_s

IMAGE_HW = (1200, 1800)


def main() -> None:
    """Both sizes of batch."""
    asked = arguments(__doc__ or "")
    sam = anymask.load(device=asked.device, offline=True)
    random = np.random.default_rng(0)
    embedding = sam.encode(random.integers(0, 256, (*IMAGE_HW, 3), dtype=np.uint8))
    rows = ["| prompts | p50 ms | p99 ms |", "|---|---|---|"]
    for count in (1, 64):
        points = random.uniform(0, IMAGE_HW[0], (count, 1, 2))
        prompts = anymask.Prompts.of_points(points)
        repeats = 3 if asked.quick else 300
        taken = times_s(partial(sam.predict, embedding, prompts), asked.device, repeats)
        p50, p99 = 1e3 * np.percentile(taken, [50, 99])
        rows.append(f"| {count} | {p50:.2f} | {p99:.2f} |")
    report("Click", rows, asked)


if __name__ == "__main__":
    main()
