"""What shares of a training's change are worth on some sets: the curve between old and new.

    .venv/bin/python benchmarks/distill_curve.py DATA NEW... [--shares 0,0.25,0.5,1]
        [--sets ecssd250,davis4] [--images 20] [--masks 5]

NEW: checkpoints of runs that began with ``mobile-sam``, whose encoder they have. Objects, clicks
and boxes are those of ``distill.py``; a table for each set, in percent of mIoU.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import numpy as np
from distill import MEASURES, OLD, Ious, answers, drawn

from anymask.predict.predictor import Predictor
from anymask.training.sam.mixing import mixed
from anymask.weights.load import load_checkpoint


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("new", nargs="+")
    parser.add_argument("--shares", default="0,0.25,0.5,1")
    parser.add_argument("--sets", default="ecssd250,davis4")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--masks", type=int, default=5)
    asked = parser.parse_args()
    old = load_checkpoint(OLD)
    models = {}
    for new in asked.new:
        state = load_checkpoint(new).state
        for share in map(float, asked.shares.split(",")):
            name = f"{Path(new).parent.name} {share:g}" if share else OLD
            if name not in models:
                between = mixed(old.state, state, share)
                models[name] = Predictor(replace(old, state=between))
    for which in asked.sets.split(","):
        found: dict[str, list[Ious]] = {name: [] for name in models}
        for sample, truths in drawn(asked.data, which, asked.images, asked.masks):
            embedding = models[OLD].encode(sample.pixels())
            for name, model in models.items():
                found[name].append(answers(model, embedding, truths, True))
        count = len(np.concatenate(found[OLD]))
        print(f"\n| {which}, {count} objects | {' | '.join(MEASURES)} |", flush=True)
        print("|---|" + "---|" * len(MEASURES))
        before = 100 * np.concatenate(found[OLD]).mean(axis=0)
        for name, parts in found.items():
            now = 100 * np.concatenate(parts).mean(axis=0)
            cells = [f"{a:.1f} ({a - b:+.1f})" for a, b in zip(now, before)]
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
