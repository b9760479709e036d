"""What a retraining is worth: clicks and boxes on all objects of photographs nobody annotated.

    .venv/bin/python benchmarks/retrain.py DATA WORK MODEL [--on held-out] [--one-in 3] [--write]

DATA, WORK: as of ``engine_loop.py``, whose stage 1 the model (a checkpoint of `engine retrain`) has
learned from. Recipes are chosen on the ``pool``, the photographs that stage 1 did not get to; the
ones that are held out are for the end.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from engine_loop import Loop, split
from engine_loop_looks import Kept

from anymask.core import rle
from anymask.core.geometry import xywh_to_xyxy
from anymask.core.metrics import mask_iou
from anymask.core.prompts import Prompts
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from anymask.evaluation.experiments.points import Points
from anymask.evaluation.measures.bootstrap import Bootstrap

from machine import describe

Row = dict[str, Any]
HERE = Path(__file__).resolve().parent
OLD = "mobile-sam"
WORDS = {
    "iou_1": "1 click, the mask that is shown",
    "oracle_1": "1 click, the best of three",
    "single_1": "1 click, the clear mask",
    "iou_3": "3 clicks",
    "box": "a box",
}


def samples(loop: Loop, on: str, one_in: int) -> Iterator[Sample]:
    """Every so manieth photograph of the pool or of what is held out."""
    names = loop.held_out if on == "held-out" else (*loop.pool[1], *loop.pool[2])
    wanted = set(names[::one_in])
    for part in open_dataset(str(loop.data / "coco446")).parts:
        for sample in part.read():
            if isinstance(sample, Sample) and Path(sample.name).name in wanted:
                yield sample


def rows(loop: Loop, weights: str, on: str, one_in: int) -> list[Row]:
    """What each object gets, in the order of the photographs."""
    model, points = Kept(weights, loop.work / "embeddings"), Points(clicks=(1, 3))
    found: list[Row] = []
    for sample in samples(loop, on, one_in):
        embedding = model.encode(sample.pixels())
        clicked = points.rows(model, sample)
        masks = [one for one, is_object in zip(sample.masks, sample.is_object) if is_object]
        masks = [one for one in masks if rle.area(one)]
        boxes = xywh_to_xyxy(np.array([rle.bbox_xywh(one) for one in masks]))
        answered = model.predict(embedding, Prompts.of_boxes(boxes), False).to_bool()
        truths = np.stack([rle.decode(one).astype(bool) for one in masks])
        ious = mask_iou(answered.reshape(truths.shape), truths)
        assert len(ious) == len(clicked)
        found += [
            {**row, "box": float(iou), "image": sample.name} for row, iou in zip(clicked, ious)
        ]
    return found


def table(old: Sequence[Row], new: Sequence[Row]) -> str:
    """Means of both, and the difference with its interval over photographs."""
    images = [row["image"] for row in old]
    lines = ["| | before | now | difference, 95 % |", "| --- | --- | --- | --- |"]
    for name, words in WORDS.items():
        before, now = (np.array([row[name] for row in each], float) for each in (old, new))
        more = Bootstrap().mean(now - before, images)
        lines.append(
            f"| {words} | {100 * before.mean():.1f} | {100 * now.mean():.1f} "
            f"| {100 * more.mean:+.1f} ({100 * more.low:+.1f} to {100 * more.high:+.1f}) |"
        )
    return "\n".join(lines)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("work", type=Path)
    parser.add_argument("model")
    parser.add_argument("--on", choices=("pool", "held-out"), default="pool")
    parser.add_argument("--one-in", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    loop = split(asked.data, asked.work)
    old, new = (rows(loop, weights, asked.on, asked.one_in) for weights in (OLD, asked.model))
    photographs = len({row["image"] for row in old})
    said = f"mIoU, %, of {len(old)} objects in {photographs} photographs of COCO ({asked.on})"
    text = f"{said}\n\n{table(old, new)}"
    print(text)
    if asked.write:
        threads = int(os.environ.get("OMP_NUM_THREADS", "0"))
        path = HERE / "results" / f"{time.strftime('%Y-%m-%d')}-retrain.md"
        path.write_text(f"# What a retraining is worth\n\n{describe(threads)}\n\n{text}\n")


if __name__ == "__main__":
    main()
