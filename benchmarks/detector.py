"""What the object detector finds in images that it has not learned from, and at what cost.

    .venv/bin/python benchmarks/detector.py DATA [--cache FOLDER] [--set FIELD=VALUE …] [--write]

``anymask train detector`` with its default recipe learns from two thirds of coco446, and from half
of those (a first stage); the other third is looked at by the experiment of ``anymask evaluate
detector``, with a mask for each of its boxes. DATA: a folder with ``coco446``. --cache: a folder
of embeddings that ``--set cache=FOLDER`` of a training left; what is missing is added.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path

import torch

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import ResizeMap
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Dataset, Sample
from anymask.evaluation.experiments.detector import Detection, row_of
from anymask.predict.predictor import IMAGE_EMBED, Predictor
from anymask.training.datasets import split
from anymask.training.frozen.embeddings import Embeddings
from anymask.weights.load import load_checkpoint

from machine import describe

HERE = Path(__file__).resolve().parent
HELD_OUT = 1 / 3
WANTED = (50, 60, 70, 80, 90)  # precisions, in %
FIGURES = (
    ("ar_100_50", "AR@100, IoU 0.5"),
    ("ar_100", "AR@100, IoU 0.5 to 0.95"),
    ("ar_100_50_small", "AR@100, IoU 0.5, small"),
    ("ar_100_50_medium", "medium"),
    ("ar_100_50_large", "large"),
    ("ar_10_50", "AR@10, IoU 0.5"),
    ("ap", "AP"),
    ("ap_50", "AP50"),
)


def samples(dataset: Dataset) -> Iterator[Sample]:
    """All that can be read."""
    for part in dataset.parts:
        yield from (sample for sample in part.read() if isinstance(sample, Sample))


def written(dataset: Dataset, source: Path, out: Path) -> Path:
    """The images of a dataset, a part of the COCO folder ``source``, as a COCO folder."""
    out.mkdir()
    (out / "images").symlink_to((source / "images").resolve())
    content = json.loads((source / "instances.json").read_text())
    names = {Path(part.name).name for part in dataset.parts}
    images = [image for image in content["images"] if image["file_name"] in names]
    ids = {image["id"] for image in images}
    objects = [one for one in content["annotations"] if one["image_id"] in ids]
    part = {**content, "images": images, "annotations": objects}
    (out / "instances.json").write_text(json.dumps(part))
    return out


def trained(data: Path, out: Path, cache: Path, settings: list[str]) -> float:
    """Run the command. Gives processor seconds, without those of embedding what is not kept."""
    options = [word for one in settings for word in ("--set", one)]
    options += ["--set", f"cache={cache}"]
    command = ["train", "detector", "--data", str(data), "--out", str(out), *options]
    before = _children_s()
    subprocess.run([sys.executable, "-m", "anymask", *command], check=True)
    return _children_s() - before


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def embedded(kept: Embeddings, dataset: Dataset) -> None:
    """Keep the embeddings of all images, so that no training has to compute them."""
    begin_s = time.process_time()
    for sample in samples(dataset):
        kept.of(sample)
    each_s = (time.process_time() - begin_s) / max(kept.computed, 1)
    print(f"{kept.computed} embeddings, {each_s:.2f} processor seconds each", flush=True)


def looked(
    detector: Path, sam: Predictor, kept: Embeddings, held: Dataset
) -> tuple[Mapping[str, float], float, float]:
    """The experiment's figures, milliseconds of the head an image, and with masks."""
    experiment = Detection(detector=str(detector), least_score=0)
    rows = []
    head_s = all_s = 0.0
    for sample in samples(held):
        height, width = sample.masks[0]["size"]
        arrays = {IMAGE_EMBED: kept.of(sample)[0].numpy()}
        resize_map = ResizeMap((height, width), sam.input_px)
        embedding = ImageEmbedding(arrays, resize_map, sam.model_id)
        begin_s = time.process_time()
        experiment.loaded.detect(embedding)
        head_s += time.process_time() - begin_s
        rows.append(row_of(sam, embedding, experiment.loaded, experiment.least_score, sample))
        all_s += time.process_time() - begin_s
    count = max(len(rows), 1)
    return dict(experiment.metrics(rows)), 1000 * head_s / count, 1000 * all_s / count


def table(columns: list[Mapping[str, float]], names: list[str]) -> str:
    """Figures line by line: of boxes, then of the masks that they get."""
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for prefix, what in (("", "boxes"), ("masks_", "boxes of masks")):
        for name, words in FIGURES:
            values = " | ".join(f"{100 * column[prefix + name]:.1f}" for column in columns)
            lines.append(f"| {what}: {words} | {values} |")
    for wanted in WANTED:
        values = " | ".join(threshold(column, wanted) for column in columns)
        lines.append(f"| threshold of masks for a precision of {wanted} % | {values} |")
    return "\n".join(lines)


def threshold(column: Mapping[str, float], wanted: int) -> str:
    """The threshold for a precision, what is kept and found, the interval."""
    name = f"precision_{wanted}_at_50"
    if f"{name}_threshold" not in column:
        return "none"
    return (
        f"{column[name + '_threshold']:.3f}: {column[name + '_kept']:.0f} masks, "
        f"{100 * column[name + '_recall']:.1f} % of the objects, precision "
        f"{100 * column[name + '_low']:.0f} to {100 * column[name + '_high']:.0f} %"
    )


def main() -> None:
    """Train twice, look twice, print a table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("data", type=Path)
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--set", action="append", default=[])
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    source = options.data / "coco446"
    dataset = open_dataset(str(source))
    learning, held = split(dataset, HELD_OUT, 0)
    stages = {"two thirds": learning, "one third": learning.drawn(len(learning) // 2, 0)}
    encoder = Predictor(load_checkpoint("mobile-sam"), torch.device("cpu"))
    columns: list[Mapping[str, float]] = []
    names: list[str] = []
    notes: list[str] = []
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        kept = Embeddings(encoder, options.cache or work / "kept")
        embedded(kept, dataset)
        assert kept.folder is not None
        for name, stage in stages.items():
            data = written(stage, source, work / f"data-{len(names)}")
            run = work / f"run-{len(names)}"
            cpu_s = trained(data, run, kept.folder, options.set)
            figures, head_ms, all_ms = looked(run / "best", encoder, kept, held)
            columns.append(figures)
            names.append(f"learned from {name}: {len(stage)} images")
            notes.append(
                f"Learning from {len(stage)} images took {cpu_s:.0f} processor seconds beside "
                f"their embeddings; an image takes {head_ms:.0f} ms, with a mask for each box "
                f"{all_ms:.0f} ms more."
            )
            print(table(columns, names), "\n".join(notes), sep="\n", flush=True)
    if options.write:
        page = HERE / "results" / f"{date.today()}-detector.md"
        command = " ".join(
            ["benchmarks/detector.py DATA", *(f"--set {one}" for one in options.set)]
        )
        page.write_text(
            f"# The object detector on coco446, {date.today()}\n\n`{command} --write`\n\n"
            f"{describe(1)}\n\nTested on {len(held)} images that are not learned from. "
            + " ".join(notes)
            + f"\n\n{table(columns, names)}\n"
        )


if __name__ == "__main__":
    main()
