"""Checking and measuring many masks: from run lengths, and by the plain loop over pycocotools.

    .venv/bin/python benchmarks/dataset.py [--images N] [--write]

On an invented SA-1B folder (``invented_sa1b``), in processes of their own, by turns; medians of
processor time, reading, JSON and images' headers included. The plain loop decodes each mask and
asks numpy for its area and centre, and OpenCV for its box and the pixels of its convex hull; it
sees the first images alone, because it takes so long. Memory is that of the whole process, for all
images and for a quarter of them.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from invented_sa1b import write_folder
from PIL import Image
from pycocotools import mask as coco_mask

from anymask.datasets.checking.check import check_chunk, open_checkable
from anymask.datasets.checking.faults import Findings
from anymask.datasets.checking.records import CheckOptions
from anymask.datasets.dataset_options import DatasetOptions
from anymask.datasets.measuring.comparison import MeasuredDataset, to_json
from anymask.datasets.measuring.dataset_measures import DatasetMeasures
from anymask.datasets.measuring.image_measures import measure_part
from anymask.datasets.recognise import open_dataset

from machine import describe
from timing import in_own_process

HERE = Path(__file__).resolve().parent
REPEATS = 3
PLAIN_IMAGES = 4
ALL = 1 << 40


def check(folder: Path, images: int) -> int:
    """As ``anymask dataset check`` does it, in one process."""
    options, findings = CheckOptions(), Findings()
    checkable = open_checkable(str(folder), DatasetOptions())
    findings.add(checkable.faults)
    for chunk in checkable.chunks:
        if findings.images < images:
            findings.merge(check_chunk(chunk, options))
    assert not findings.faults, findings.lines()
    return findings.masks


def stats(folder: Path, images: int) -> int:
    """As ``anymask dataset stats`` does it, in one process."""
    dataset, measures = open_dataset(folder), DatasetMeasures()
    for part in islice(dataset.parts, images):
        for image in measure_part(part):
            measures.add(image)
    json.dumps(to_json([MeasuredDataset("a", dataset, measures)]))
    return measures.masks


def plain_check(folder: Path, images: int) -> int:
    """Each mask decoded; its area and box against what its record says."""
    masks = 0
    for path in islice(sorted(folder.glob("*.json")), images):
        record = json.loads(path.read_bytes())
        with Image.open(path.with_suffix(".jpg")) as image:
            assert image.size == (record["image"]["width"], record["image"]["height"])
        for annotation in record["annotations"]:
            mask = coco_mask.decode(annotation["segmentation"])
            assert np.count_nonzero(mask) == annotation["area"]
            assert [*cv2.boundingRect(mask)] == annotation["bbox"]
            assert annotation["predicted_iou"] >= 0 <= annotation["stability_score"] <= 1
            masks += 1
    return masks


def plain_stats(folder: Path, images: int) -> int:
    """Each mask decoded; its area, its centre, and its convex hull by OpenCV."""
    measures: list[Any] = []
    for path in islice(sorted(folder.glob("*.json")), images):
        for annotation in json.loads(path.read_bytes())["annotations"]:
            mask = coco_mask.decode(annotation["segmentation"])
            area = np.count_nonzero(mask)
            y, x = np.nonzero(mask)
            contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
            hull = cv2.convexHull(np.concatenate(contours))
            full = cv2.fillConvexPoly(np.zeros(mask.shape, np.uint8), hull, [1])
            concavity = 1 - area / np.count_nonzero(full)
            measures.append((np.sqrt(area / mask.size), x.mean(), y.mean(), concavity))
    return len(measures)


WAYS: dict[str, Callable[[Path, int], int]] = {
    "check": check,
    "stats": stats,
    "plain check": plain_check,
    "plain stats": plain_stats,
}


def one_turn(way: str, folder: Path, images: int) -> dict[str, float]:
    """Of a process of its own: masks a second of processor and of wall time, and peak memory."""
    cv2.setNumThreads(1)
    before, before_cpu = time.perf_counter(), time.process_time()
    masks = WAYS[way](folder, images)
    cpu, wall = time.process_time() - before_cpu, time.perf_counter() - before
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"masks": masks, "a_core": masks / cpu, "a_second": masks / wall, "peak_mb": peak}


def table(folder: Path, images: int) -> list[str]:
    """A row for each way."""
    turns: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    for _ in range(REPEATS):
        for way, done in turns.items():
            count = PLAIN_IMAGES if way.startswith("plain") else ALL
            done.append(in_own_process(__file__, "--turn", way, str(folder), str(count)))
    rates = {way: statistics.median(one["a_core"] for one in done) for way, done in turns.items()}
    rows = [
        "| way | masks | masks/s a core | masks/s of wall time | to the plain loop | peak MB | "
        "of a quarter, MB |",
        "|---" * 7 + "|",
    ]
    for way, done in turns.items():
        is_plain = way.startswith("plain")
        quarter = (
            {} if is_plain else in_own_process(
                __file__, "--turn", way, str(folder), str(images // 4)
            )
        )  # fmt: skip
        cells = [
            way,
            f"{done[0]['masks']:,.0f}",
            f"{rates[way]:,.0f}",
            f"{statistics.median(one['a_second'] for one in done):,.0f}",
            "1" if is_plain else f"{rates[way] / rates[f'plain {way}']:.0f} ×",
            f"{max(one['peak_mb'] for one in done):.0f}",
            f"{quarter['peak_mb']:.0f}" if quarter else "",
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return rows


def main() -> None:
    """The folder, all ways by turns, the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--turn", nargs=3, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.turn:
        way, folder, images = arguments.turn
        print(json.dumps(one_turn(way, Path(folder), int(images))))
        return
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / "sa1b"
        masks = write_folder(folder, arguments.images)
        rows = table(folder, arguments.images)
        record = (folder / "sa_1.json").stat().st_size
    day = time.strftime("%Y-%m-%d")
    about = (
        f"{arguments.images:,} images of 2250×1500, {masks:,} masks, {record / 1000:.0f} kB a "
        f"record; medians of {REPEATS} turns; a load of {os.getloadavg()[2]:.0f} on "
        f"{os.cpu_count()} processors, which wall time shows"
    )
    text = f"# Datasets checked and measured, {day}\n\n{describe(1)}\n\n{about}\n\n"
    text += "\n".join(rows) + "\n"
    print(text)
    if arguments.write:
        (HERE / "results" / f"{day}-dataset.md").write_text(text)


if __name__ == "__main__":
    main()
