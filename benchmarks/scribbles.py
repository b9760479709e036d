"""What the default weights make of strokes, and why they are told a point at a time.

    .venv/bin/python benchmarks/scribbles.py DATA [--write]

DATA holds ``grabcut20`` (people's strokes of two kinds and trimaps), ``bsds500`` (its photographs),
``ecssd250`` and ``davis4``, on whose masks strokes are drawn by chance: one or two within the
object, none to three beside it. The table shows the mean IoU with the true mask, of what the
trimap knows, and its least values. It is the reason for ``anymask/predict/scribbles.py``.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

import anymask
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import mask_boxes
from anymask.core.prompts import Prompts
from anymask.core.rough import rough_prompts
from anymask.core.scribbles.scribble import Scribble
from anymask.core.scribbles.stroke_colours import read_scribble
from anymask.predict.promptable import Promptable
from anymask.predict.scribbles import answer_scribble

from machine import describe

Mask = npt.NDArray[np.bool_]

HERE = Path(__file__).resolve().parent
UNKNOWN, OBJECT = 128, 255  # in trimaps
ECSSD_STEP, DAVIS_STEP = 5, 12
STROKE_SHARE = 1 / 120  # breadth of a drawn stroke, of the image's longest side
AT_ONCE = (2, 4, 8)


@dataclass(frozen=True)
class Case:
    """A photograph, strokes on it, its true mask and where that is known."""

    image: Path
    scribble: Scribble
    truth: Mask
    known: Mask


def grabcut(data: Path, number: int) -> Iterator[Case]:
    """People's strokes of one of the two sets."""
    photographs = {path.stem: path for path in (data / "bsds500" / "images").rglob("*.jpg")}
    for path in sorted((data / "grabcut20" / "ground-truth").glob("*.png")):
        trimap = np.asarray(Image.open(path).convert("L"))
        hw = (trimap.shape[0], trimap.shape[1])
        strokes = data / "grabcut20" / f"scribbles-set-{number}" / f"{path.stem}-anno.png"
        scribble = read_scribble(strokes, hw)
        yield Case(photographs[path.stem], scribble, trimap == OBJECT, trimap != UNKNOWN)


def drawn(data: Path) -> Iterator[Case]:
    """Strokes drawn by chance on salient objects and frames of films."""
    ecssd = data / "ecssd250"
    pairs = [
        (path, ecssd / "masks" / f"{path.stem}.png")
        for path in sorted((ecssd / "images").glob("*"))[::ECSSD_STEP]
    ]
    frames = sorted((data / "davis4" / "JPEGImages").rglob("*.jpg"))[::DAVIS_STEP]
    for path in frames:
        masks = data / "davis4" / "Annotations" / "480p" / path.parent.name
        pairs.append((path, masks / f"{path.stem}.png"))
    rng = np.random.default_rng(0)
    for photograph, mask in pairs:
        truth = np.asarray(Image.open(mask).convert("L")) > 127
        on_object = draw_strokes(truth, int(rng.integers(1, 3)), rng)
        on_background = draw_strokes(~truth, int(rng.integers(0, 4)), rng)
        if on_object.any():
            scribble = Scribble(on_object, on_background)
            yield Case(photograph, scribble, truth, np.ones_like(truth))


def draw_strokes(region: Mask, count: int, rng: np.random.Generator) -> Mask:
    """Bent lines between two places well inside of a region, cut off where they leave it."""
    framed = np.pad(region, 1).astype(np.uint8)
    depth = cv2.distanceTransform(framed, cv2.DIST_L2, 5)[1:-1, 1:-1]
    canvas = np.zeros(region.shape, np.uint8)
    rows, columns = np.nonzero(depth >= np.clip(0.4 * depth.max(), 2, 20))
    for _ in range(count if len(rows) else 0):
        places = np.stack([columns, rows], axis=1).astype(np.float64)
        start = places[rng.integers(len(places))]
        by_distance = np.argsort(((places - start) ** 2).sum(axis=1))
        end = places[by_distance[int(rng.uniform(0.4, 0.8) * (len(places) - 1))]]
        bend = (start + end) / 2 + rng.normal(0, 0.15, 2) * np.linalg.norm(end - start)
        share = np.linspace(0, 1, 60)[:, None]
        curve = (1 - share) ** 2 * start + 2 * share * (1 - share) * bend + share**2 * end
        breadth = max(3, round(max(region.shape) * STROKE_SHARE))
        cv2.polylines(canvas, [curve.round().astype(np.int32)], False, 1, breadth)
    return (canvas > 0) & (depth > 2)


def at_once(scribble: Scribble, count: int) -> Prompts:
    """Points far apart on the object's strokes, and as many on the background's."""
    points, labels = [], []
    for strokes, label in ((scribble.on_object, 1), (scribble.on_background, 0)):
        if not strokes.any():
            continue
        of_kind = Scribble(strokes, np.zeros_like(strokes))
        chosen = [of_kind.first_point()[0]]
        while len(chosen) < count:
            click = of_kind.next_point(np.zeros_like(strokes), chosen)
            assert click is not None
            chosen.append(click[0])
        points += chosen
        labels += [label] * count
    return Prompts.of_points(points, labels)


def answers(sam: Promptable, embedding: ImageEmbedding, scribble: Scribble) -> dict[str, Mask]:
    """The answers to strokes in several ways, by their names in the table."""
    boxes = mask_boxes(scribble.on_object[None])
    prompts = {
        "strokes as `--mask`": rough_prompts(scribble.on_object[None], embedding.resize_map),
        "box of the object's strokes": Prompts.of_boxes(boxes),
        "one point": Prompts.point(*scribble.first_point()[0]),
        **{f"{count} points of each kind at once": at_once(scribble, count) for count in AT_ONCE},
    }
    masks = {name: sam.predict(embedding, prompt) for name, prompt in prompts.items()}
    masks |= {
        f"a point at a time, {count} at most": answer_scribble(
            sam, embedding, scribble, corrections=count - 1
        )[0]
        for count in (3, 9)
    }
    return {name: answer.best().to_bool()[0, 0] for name, answer in masks.items()}


def iou(a: Mask, b: Mask, known: Mask) -> float:
    """Intersection over union, of what is known."""
    return float((a & b & known).sum() / max(1, ((a | b) & known).sum()))


def table(data: Path) -> str:
    """Run everything; a Markdown table."""
    sam = anymask.load(offline=True)
    sets = {
        "grabcut20, set 1": grabcut(data, 1),
        "grabcut20, set 2": grabcut(data, 2),
        "drawn by chance": drawn(data),
    }
    scores: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for name, cases in sets.items():
        for case in cases:
            embedding = sam.encode(case.image)
            for way, answer in answers(sam, embedding, case.scribble).items():
                scores[way][name].append(iou(answer, case.truth, case.known))
    rows = ["| strokes become | " + " | ".join(sets) + " |", "|---" * (1 + len(sets)) + "|"]
    for way, by_set in scores.items():
        cells = [f"{np.mean(by_set[name]):.3f} ({min(by_set[name]):.2f})" for name in sets]
        rows.append("| " + " | ".join([way, *cells]) + " |")
    counts = ", ".join(f"{name} {len(next(iter(scores.values()))[name])}" for name in sets)
    return f"Mean IoU, and the least. Images: {counts}.\n\n" + "\n".join(rows)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    text = f"{describe(2)}\n\n{table(arguments.data)}\n"
    print(text)
    if arguments.write:
        day = time.strftime("%Y-%m-%d")
        head = f"# Scribbles, {day}\n\n`benchmarks/scribbles.py DATA`"
        (HERE / "results" / f"{day}-scribbles.md").write_text(f"{head}\n\n{text}")


if __name__ == "__main__":
    main()
