"""How many visible faces and licence plates does `anymask dataset blur` blur, and at what cost?

    .venv/bin/python benchmarks/blur.py DATA [--only faces|plates] [--all] [--write]

DATA: a folder with ``coco446``. The truth is ``benchmarks/blur_marks.json``: coordinates that were
marked by eye, with the rule of what is visible. A face or plate counts as blurred if at least half
of its box lies in a blurred region. "elsewhere" are boxes whose centre lies in no mark: mistakes,
and faces that the rule leaves out (too small, covered, out of focus). --all: more scales, too.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import sqrt
from pathlib import Path

import numpy as np

from anymask.core.geometry import Floats
from anymask.core.image import read_image
from anymask.predict.blurring.blur import FACES, PLATES, ellipse, region_of
from anymask.predict.blurring.detections import Detections, Detector, looks_at
from anymask.predict.blurring.detectors import find_detectors

from machine import describe

HERE = Path(__file__).resolve().parent
COVERED = 0.5
HEIGHTS_PX = {FACES: (8, 12, 16, 32, 9999), PLATES: (8, 16, 9999)}
Look = tuple[float, bool]  # a scale, and whether of the mirror image
Box = tuple[int, int, int, int]
WAYS: dict[str, list[tuple[Look, ...]]] = {
    FACES: [
        ((1, False),),
        ((1, False), (2, False)),
        ((1, False), (1, True), (2, False), (2, True)),
    ],
    PLATES: [
        ((1, False),),
        ((1, False), (2, False)),
        ((1, False), (2, False), (3, False)),
        tuple((scale, way) for scale in (1, 2, 3) for way in (False, True)),
    ],
}
MORE: dict[str, list[tuple[Look, ...]]] = {
    FACES: [
        ((1, False), (2, False), (3, False)),
        tuple((scale, way) for scale in (1, 2, 3) for way in (False, True)),
    ],
    PLATES: [],
}


@dataclass
class Tally:
    """What a way of looking found: (height, whether blurred) of each mark, and boxes elsewhere."""

    marks: list[tuple[int, bool]] = field(default_factory=list)
    elsewhere: int = 0
    seconds: float = 0.0


def wilson(hits: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson, 1927)."""
    share, z = hits / count, 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * sqrt(share * (1 - share) / count + (z / (2 * count)) ** 2) / (1 + z * z / count)
    return middle - half, middle + half


def is_covered(mark: Box, found: Detections, is_face: bool) -> bool:
    """Whether half of a marked box lies in blurred regions."""
    x, y, width, height = mark
    inside = np.zeros((height, width), bool)
    for box in found.boxes_xyxy:
        left, top, right, bottom = region_of(box)
        rows = slice(max(y, top), min(y + height, bottom))
        columns = slice(max(x, left), min(x + width, right))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            continue
        region = np.ones((bottom - top, right - left), bool)
        if is_face:
            region = ellipse(*region.shape)
        inside[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x] |= region[
            rows.start - top : rows.stop - top, columns.start - left : columns.stop - left
        ]
    return bool(inside.mean() >= COVERED)


def is_elsewhere(box: Floats, marks: Sequence[Box]) -> bool:
    """Whether the centre of a box lies in no mark, widened by a third."""
    x, y = (box[:2] + box[2:]) / 2
    return not any(
        abs(x - left - width / 2) <= width * 5 / 6 and abs(y - top - height / 2) <= height * 5 / 6
        for left, top, width, height in marks
    )


def measure(
    kind: str, detector: Detector, marks: Mapping[str, list[Box]], folder: Path, more: bool
) -> dict[tuple[Look, ...], Tally]:
    """A tally for each way of looking; each look is taken once."""
    ways = WAYS[kind] + (MORE[kind] if more else [])
    looks = sorted({look for way in ways for look in way})
    tallies: dict[tuple[Look, ...], Tally] = defaultdict(Tally)
    for image_id, boxes in marks.items():
        pixels = read_image(folder / "coco446" / "images" / f"{int(image_id):012d}.jpg")
        answers, seconds = {}, {}
        for look in looks:
            began = time.process_time()
            answers[look] = list(looks_at(detector, pixels, *look))
            seconds[look] = time.process_time() - began
        for way in ways:
            found = Detections.union(
                (pair for look in way for pair in answers[look]), pixels.shape[:2]
            )
            tally = tallies[way]
            tally.seconds += sum(seconds[look] for look in way)
            tally.marks += [(box[3], is_covered(box, found, kind == FACES)) for box in boxes]
            tally.elsewhere += sum(is_elsewhere(box, boxes) for box in found.boxes_xyxy)
    return tallies


def table(kind: str, tallies: Mapping[tuple[Look, ...], Tally], images: int) -> str:
    """A row for each way of looking."""
    edges = HEIGHTS_PX[kind]
    spans = list(pairwise(edges))
    heads = [f"{low} to {high - 1} px" if high < 9999 else f"from {low} px" for low, high in spans]
    rows = [
        f"| {kind} | blurred | recall | 95 % | {' | '.join(heads)} | elsewhere | s an image |",
        "|---|" + "---|" * (5 + len(heads)),
    ]
    for way, tally in tallies.items():
        shown = ", ".join(f"{scale}×{' mirrored' if mirrored else ''}" for scale, mirrored in way)
        blurred, count = sum(ok for _, ok in tally.marks), len(tally.marks)
        low, high = wilson(blurred, count)
        parts = [[ok for height, ok in tally.marks if a <= height < b] for a, b in spans]
        sizes = " | ".join(f"{sum(part)} of {len(part)}" for part in parts)
        rows.append(
            f"| {shown} | {blurred} of {count} | {blurred / count:.3f} | {low:.2f} to {high:.2f} | "
            f"{sizes} | {tally.elsewhere} | {tally.seconds / images:.2f} |"
        )
    return "\n".join(rows)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--only", choices=(FACES, PLATES))
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    truth = json.loads((HERE / "blur_marks.json").read_text())
    day, tables = time.strftime("%Y-%m-%d"), []
    chosen = ["" if arguments.only in (None, kind) else "none" for kind in (FACES, PLATES)]
    for kind, detector in find_detectors(*chosen, threads=1).items():
        tallies = measure(kind, detector, truth[kind], arguments.data, arguments.all)
        tables.append(table(kind, tallies, len(truth[kind])))
        print(tables[-1], flush=True)
    only = f" --only {arguments.only}" if arguments.only else ""
    command = f"benchmarks/blur.py DATA{only}{' --all' if arguments.all else ''} --write"
    faces, plates = (sum(map(bool, truth[kind].values())) for kind in (FACES, PLATES))
    text = (
        f"# Faces and plates that are blurred, {day}\n\n`{command}`\n\n{describe(1)}\n\n"
        f"Marked by eye in {len(truth[FACES])} photographs of coco446: faces in {faces} of them; "
        f"plates in {plates} others. {truth['rule']}\n\nSeconds are of one core. "
        f'"elsewhere" are boxes in no mark: mistakes, and faces that the rule leaves out.\n\n'
        + "\n\n".join(tables)
        + "\n"
    )
    if arguments.write:
        (HERE / "results" / f"{day}-blur{only.replace(' --only ', '-')}.md").write_text(text)


if __name__ == "__main__":
    main()
