"""A decoder that learned from a teacher, against the one it was, on sets that nobody learned from.

    .venv/bin/python benchmarks/distill.py DATA WEIGHTS [--sets ecssd250,davis4]
        [--images 30] [--masks 6] [--everything 2] [--teacher sam2-hiera-tiny] [--write]

DATA: a folder with the sets (``distill_sets.py``). Of each set images drawn with a fixed seed, of
each image so many true masks of 50 pixels and more. Clicks are those of the paper's §7.1: first at
a mask's deepest point, answered by the surest of three masks, then at the deepest point of the
larger error, twice, together with the answer so far, for the mask for clear prompts. A box is the
true mask's. Masks are compared at the size of the image. Of COCO, the nuclei and the clothes it is
the other halves that are looked at, on which steps and shares were chosen.

``--everything``: in so many images of each set, how many true objects everything-mode finds (a mask
of IoU 0.5 or more), each model at its own thresholds, in the fast mode.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from distill_sets import CHOICE, UNSEEN, is_first_half, read, stem_of

import anymask
from anymask.core import rle
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import mask_boxes
from anymask.core.interaction import next_click
from anymask.core.metrics import mask_iou
from anymask.core.prompts import Prompts
from anymask.datasets.sample import Sample
from anymask.evaluation.measures.bootstrap import Bootstrap
from anymask.predict.automatic import AutomaticConfig, suggested
from anymask.predict.promptable import Promptable

from machine import describe

HERE = Path(__file__).resolve().parent
OLD = "mobile-sam"
SMALLEST_PX, CLICKS, FOUND_IOU = 50, 3, 0.5
MEASURES = ("one click", "best of three", "three clicks", "box")
Masks = npt.NDArray[np.bool_]
Ious = npt.NDArray[np.float64]
Table = dict[str, dict[str, npt.NDArray[np.float64]]]  # of a set: model to (objects, measures)


def drawn(data: Path, which: str, images: int, masks: int) -> Iterator[tuple[Sample, Masks]]:
    """Some images of a set with some of their true masks."""
    samples = list(read(data, which))
    if which in CHOICE:
        samples = [one for one in samples if not is_first_half(stem_of(one.name))]
    rng = np.random.default_rng(0)
    seen = 0
    for number in rng.permutation(len(samples)):
        sample = samples[number]
        large = [
            mask
            for mask, is_object in zip(sample.masks, sample.is_object)
            if is_object and rle.area(mask) >= SMALLEST_PX
        ]
        chosen = np.sort(rng.permutation(len(large))[:masks])
        if seen < images and len(chosen):
            seen += 1
            yield sample, np.stack([rle.decode(large[i]).astype(bool) for i in chosen])


def answers(sam: Promptable, embedding: ImageEmbedding, truths: Masks, more: bool) -> Ious:
    """The IoU of each object by ``MEASURES``: (P, 4); without ``more``, of one click alone."""
    points, labels = _clicks(truths, [None] * len(truths))
    first = sam.predict(embedding, Prompts(points, labels), True)
    masks = first.to_bool()
    each = np.stack([mask_iou(masks[:, i], truths) for i in range(masks.shape[1])], axis=1)
    found = [each[:, 0], each.max(axis=1)]
    if not more:
        return np.stack(found, axis=1)
    answer, shown = first.logits[:, 0], masks[:, 0]
    for _ in range(CLICKS - 1):
        new = _clicks(truths, list(shown))
        points = np.concatenate([points, new[0]], axis=1)
        labels = np.concatenate([labels, new[1]], axis=1)
        said = sam.predict(embedding, Prompts(points, labels, answer), False)
        answer, shown = said.logits[:, 0], said.to_bool()[:, 0]
    boxed = sam.predict(embedding, Prompts.of_boxes(mask_boxes(truths)), False).to_bool()[:, 0]
    return np.stack([*found, mask_iou(shown, truths), mask_iou(boxed, truths)], axis=1)


def _clicks(
    truths: Masks, shown: Sequence[Masks | None]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    clicks = [next_click(truth, mask) for truth, mask in zip(truths, shown)]
    points = np.array([[xy] for xy, _ in clicks], np.float32)
    return points, np.array([[label] for _, label in clicks], np.int64)


def found_objects(sam: Promptable, sample: Sample, truths: Masks) -> tuple[int, int]:
    """How many true objects everything-mode finds in an image, and its masks."""
    config = suggested(sam, AutomaticConfig(fast=True))
    records = anymask.segment_everything(sam, sample.pixels(), config)
    overlap = rle.iou([rle.encode(truth) for truth in truths], [r["segmentation"] for r in records])
    best = overlap.max(axis=1) if overlap.size else np.zeros(len(truths))
    return int((best >= FOUND_IOU).sum()), len(records)


def line(which: str, rows: dict[str, npt.NDArray[np.float64]], images: Sequence[str]) -> str:
    """A row of the table: old, new, and the difference with its interval over images."""
    old, new = (100 * rows[name] for name in list(rows)[:2])
    cells = [which, f"{len(set(images))}", f"{len(old)}"]
    for i in range(len(MEASURES)):
        more = Bootstrap().mean(new[:, i] - old[:, i], images)
        cells.append(
            f"{old[:, i].mean():.1f} → {new[:, i].mean():.1f} "
            f"({more.mean:+.1f}: {more.low:+.1f} to {more.high:+.1f})"
        )
    cells += [f"{100 * rows[name][:, 0].mean():.1f}" for name in list(rows)[2:]]
    return f"| {' | '.join(cells)} |"


def means(table: Table, sets: Sequence[str], words: str) -> str:
    """The mean over sets, of old, new and their difference."""
    cells = [words, "", ""]
    for i in range(len(MEASURES)):
        old, new = (
            float(np.mean([100 * [*table[which].values()][j][:, i].mean() for which in sets]))
            for j in (0, 1)
        )
        cells.append(f"**{old:.1f} → {new:.1f} ({new - old:+.1f})**")
    teachers = [*table[sets[0]]][2:]
    for name in teachers:
        cells.append(f"**{np.mean([100 * table[w][name][:, 0].mean() for w in sets]):.1f}**")
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("weights")
    parser.add_argument("--sets", default=",".join((*UNSEEN, *CHOICE)))
    parser.add_argument("--images", type=int, default=30)
    parser.add_argument("--masks", type=int, default=6)
    parser.add_argument("--everything", type=int, default=0)
    parser.add_argument("--teacher", default="")
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    old, new = (anymask.load(name, device="cpu") for name in (OLD, asked.weights))
    teacher = anymask.load(asked.teacher, device="cpu") if asked.teacher else None
    names = [OLD, Path(asked.weights).name, *([asked.teacher] if teacher else [])]
    sets = asked.sets.split(",")
    head = ["set", "images", "objects", *MEASURES, *names[2:]]
    lines = [f"| {' | '.join(head)} |", "|---|" + "---|" * (len(head) - 1)]
    print("\n".join(lines), flush=True)
    table: Table = {}
    counts = ["| set | images | true objects | found before / now | masks before / now |"]
    counts.append("|---|---|---|---|---|")
    for which in sets:
        rows: dict[str, list[npt.NDArray[np.float64]]] = {name: [] for name in names}
        images: list[str] = []
        for sample, truths in drawn(asked.data, which, asked.images, asked.masks):
            embedding = old.encode(sample.pixels())  # of the same encoder
            same = replace(embedding, model=new.model_id)
            rows[names[0]].append(answers(old, embedding, truths, True))
            rows[names[1]].append(answers(new, same, truths, True))
            if teacher:
                its = teacher.encode(sample.pixels())
                rows[names[2]].append(answers(teacher, its, truths, False))
            images += [sample.name] * len(truths)
        table[which] = {name: np.concatenate(parts) for name, parts in rows.items()}
        lines.append(line(which, table[which], images))
        print(lines[-1], flush=True)
    for words, some in (("unseen sets", UNSEEN), ("seen sets, other images", tuple(CHOICE))):
        if there := [which for which in sets if which in some]:
            lines.append(means(table, there, f"**mean of {words}**"))
            print(lines[-1], flush=True)
    if asked.everything:
        for which in sets:
            looked = list(drawn(asked.data, which, asked.everything, 1000))
            each = [[found_objects(sam, *one) for one in looked] for sam in (old, new)]
            (before, masks), (now, masks_now) = (np.sum(counted, axis=0) for counted in each)
            objects = sum(len(truths) for _, truths in looked)
            cells = f"{objects} | {before} / {now} | {masks} / {masks_now}"
            counts.append(f"| {which} | {len(looked)} | {cells} |")
            print(counts[-1], flush=True)
    if asked.write:
        day, command = time.strftime("%Y-%m-%d"), f"benchmarks/distill.py DATA {names[1]} --write"
        command += f" --images {asked.images} --masks {asked.masks}"
        command += f" --everything {asked.everything} --teacher '{asked.teacher}'"
        said = "mIoU, %, before → now, with the difference's 95 % interval over images"
        tables = "\n".join(lines) + ("\n\n" + "\n".join(counts) if asked.everything else "")
        about = f"`{command}`\n\n{describe(1)}\n\n{said}."
        text = f"# Distilling a decoder, {day}\n\n{about}\n\n{tables}\n"
        (HERE / "results" / f"{day}-distill.md").write_text(text)


if __name__ == "__main__":
    main()
