"""Which weights are better at one click, on sets with ground truth?

    .venv/bin/python benchmarks/one_click.py DATA [--images 20] [--masks 10] [--write]

A click at the deepest point of every true mask (the paper's §7.1), the answer that the model is
surest of, its IoU with the truth; the mean over a set. Of each set the first images in order of
their names, of each image so many masks, drawn with a fixed seed. DATA: a folder with ``ecssd250``
and ``davis4`` (one binary PNG an image), ``dsb60`` (one PNG a nucleus) and ``coco446``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

import anymask
from anymask.core.geometry import deepest_point
from anymask.core.image import RGB, read_image, read_mask
from anymask.core.protocol import Segmenter

from machine import describe

HERE = Path(__file__).resolve().parent
WEIGHTS = ("mobile-sam", "sam2-hiera-tiny")
SMALLEST_PX = 50
Truth = npt.NDArray[np.bool_]
Sample = tuple[RGB, list[Truth]]


def ecssd(folder: Path) -> Iterator[Sample]:
    """Photographs with one salient object each."""
    for path in sorted((folder / "ecssd250" / "images").glob("*.jpg")):
        yield read_image(path), [read_mask(folder / "ecssd250" / "masks" / f"{path.stem}.png")]


def davis(folder: Path) -> Iterator[Sample]:
    """Video frames, every fifth, the four films in turn."""
    films = sorted((folder / "davis4" / "JPEGImages" / "480p").iterdir())
    for frames in zip(*(sorted(film.glob("*.jpg"))[::5] for film in films)):
        for frame in frames:
            truth = folder / "davis4" / "Annotations" / "480p" / frame.parent.name
            yield read_image(frame), [read_mask(truth / f"{frame.stem}.png")]


def nuclei(folder: Path) -> Iterator[Sample]:
    """Fluorescence microscopy."""
    for sample in sorted((folder / "dsb60" / "stage1_train").iterdir()):
        (image,) = (sample / "images").iterdir()
        yield read_image(image), [read_mask(path) for path in sorted((sample / "masks").iterdir())]


def coco(folder: Path) -> Iterator[Sample]:
    """Everyday photographs; crowds left out."""
    content = json.loads((folder / "coco446" / "instances.json").read_text())
    by_image: dict[int, list[dict[str, object]]] = {}
    for annotation in content["annotations"]:
        if not annotation["iscrowd"]:
            by_image.setdefault(annotation["image_id"], []).append(annotation)
    for image in sorted(content["images"], key=lambda image: str(image["file_name"])):
        hw = image["height"], image["width"]
        truths = [
            coco_mask.decode(
                coco_mask.merge(coco_mask.frPyObjects(annotation["segmentation"], *hw))
            )
            for annotation in by_image.get(image["id"], [])
        ]
        photograph = read_image(folder / "coco446" / "images" / image["file_name"])
        yield photograph, [truth.astype(bool) for truth in truths]


SETS = {"ecssd250": ecssd, "davis4": davis, "dsb60": nuclei, "coco446": coco}


def ious(sam: Segmenter, image: RGB, truths: list[Truth]) -> list[float]:
    """The IoU of each true mask and the surest answer to a click at its deepest point."""
    points = np.array([[deepest_point(truth)] for truth in truths])
    answers = sam.predict(sam.encode(image), anymask.Prompts.of_points(points), True).best()
    masks = answers.to_bool()[:, 0]
    shared = [(mask & truth).sum() / (mask | truth).sum() for mask, truth in zip(masks, truths)]
    return [float(iou) for iou in shared]


def choose(samples: Iterator[Sample], images: int, masks: int) -> list[Sample]:
    """The first images that have masks, with some of each."""
    rng, kept = np.random.default_rng(0), list[Sample]()
    for image, truths in samples:
        large = [truth for truth in truths if truth.sum() >= SMALLEST_PX]
        order = rng.permutation(len(large))[:masks]
        if large:
            kept.append((image, [large[i] for i in sorted(order)]))
        if len(kept) == images:
            break
    return kept


def table(folder: Path, images: int, masks: int) -> str:
    """A row for each set, a column for each model."""
    sams = [anymask.load(name, device="cpu") for name in WEIGHTS]
    rows = [f"| set | images | masks | {' | '.join(WEIGHTS)} | difference |", "|---|" + "---|" * 5]
    for name, read in SETS.items():
        samples = choose(read(folder), images, masks)
        scores = [
            [iou for image, truths in samples for iou in ious(sam, image, truths)] for sam in sams
        ]
        small, large = (100 * statistics.mean(values) for values in scores)
        counts = f"{len(samples)} | {len(scores[0])}"
        rows.append(f"| {name} | {counts} | {small:.1f} | {large:.1f} | {large - small:+.1f} |")
        print(rows[-1], flush=True)
    return "\n".join(rows)


def encode_times(folder: Path, repeats: int = 5) -> str:
    """The median time to encode one photograph, by turns."""
    image = read_image(folder / "photos" / "truck.jpg")
    sams = {name: anymask.load(name, device="cpu") for name in WEIGHTS}
    times: dict[str, list[float]] = {name: [] for name in WEIGHTS}
    for _ in range(repeats + 1):
        for name, sam in sams.items():
            before = time.perf_counter()
            sam.encode(image)
            times[name].append(time.perf_counter() - before)
    shown = [f"{name} {statistics.median(seconds[1:]):.2f} s" for name, seconds in times.items()]
    return f"To encode truck.jpg, median of {repeats}: {', '.join(shown)}."


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--masks", type=int, default=10)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    rows = table(arguments.data, arguments.images, arguments.masks)
    day = time.strftime("%Y-%m-%d")
    command = f"benchmarks/one_click.py DATA --images {arguments.images} --masks {arguments.masks}"
    text = (
        f"# One click, {day}\n\n`{command} --write`\n\n{describe(2)}\n\n"
        f"mIoU of the surest answer to one click, in %.\n\n{rows}\n\n"
        f"{encode_times(arguments.data)}\n"
    )
    print(text)
    if arguments.write:
        (HERE / "results" / f"{day}-one-click.md").write_text(text)


if __name__ == "__main__":
    main()
