"""What fine-tuning the decoder on half of a set does to the other half.

    .venv/bin/python benchmarks/finetune.py DATA [--set dsb60|ccp120|camvid40] [--write]

Every other image, in order of their names, is learned from by ``anymask train finetune_decoder``
with its default recipe; the rest is looked at before and after: the mean IoU of the surest answer
to one click in the middle of each object (the paper's §7.1), and everything-mode, with the official
thresholds and with those that training suggests. DATA: a folder with the
sets, as the README of the project's development data names them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import loadmat

import anymask
from anymask.core import rle
from anymask.core.geometry import deepest_point
from anymask.core.rle import RLE
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from anymask.predict.automatic import OFFICIAL, AutomaticConfig, suggested
from anymask.predict.promptable import Promptable

from machine import describe
from pages import show

HERE = Path(__file__).resolve().parent
SMALLEST_PX = 50
CLICKS_PER_IMAGE = 20
FOUND_IOU = 0.5


def nuclei(folder: Path, out: tuple[Path, Path]) -> list[str]:
    """Fluorescence microscopy, a picture a nucleus: the folders as they are."""
    for i, sample in enumerate(sorted((folder / "dsb60" / "stage1_train").iterdir())):
        out[i % 2].mkdir(exist_ok=True)
        (out[i % 2] / sample.name).symlink_to(sample.resolve())
    return []


def clothes(folder: Path, out: tuple[Path, Path]) -> list[str]:
    """Photographs of people; every region of a class is an object, the background is none."""
    for i, photo in enumerate(sorted((folder / "ccp120" / "photos").iterdir())):
        (label,) = (folder / "ccp120" / "annotations").rglob(f"{photo.stem}.mat")
        _pair(out[i % 2], photo, loadmat(label)["groundtruth"])
    return ["split_regions=true"]


def streets(folder: Path, out: tuple[Path, Path]) -> list[str]:
    """Street scenes; every region of a class is an object, void is none."""
    for i, photo in enumerate(sorted((folder / "camvid40" / "images").iterdir())):
        classes = np.asarray(Image.open(folder / "camvid40" / "labels" / f"{photo.stem}.png"))
        _pair(out[i % 2], photo, np.where(classes == 11, 0, classes + 1))
    return ["split_regions=true"]


def _pair(out: Path, photo: Path, classes: np.ndarray) -> None:
    for name in ("images", "masks"):
        (out / name).mkdir(parents=True, exist_ok=True)
    (out / "images" / photo.name).symlink_to(photo.resolve())
    Image.fromarray(classes.astype(np.uint8)).save(out / "masks" / f"{photo.stem}.png")


SETS = {"dsb60": nuclei, "ccp120": clothes, "camvid40": streets}


@dataclass(frozen=True)
class Look:
    """What a model does on the held-out half: mean IoU at one click, and everything-mode.

    found: true objects that some mask overlaps by IoU ≥ 0.5; masks: of everything-mode in all;
    right: masks that overlap some true object so.
    """

    miou: float
    clicks: int
    objects: int
    found: int
    masks: int
    right: int
    config: AutomaticConfig


def samples(folder: Path, split_regions: bool) -> Iterator[Sample]:
    """All that can be read."""
    for part in open_dataset(str(folder), split_regions=split_regions).parts:
        for sample in part.read():
            if isinstance(sample, Sample):
                yield sample


def looked(sam: Promptable, held: list[Sample], config: AutomaticConfig, everything: int) -> Look:
    """Click on objects of all images; segment everything in so many of them."""
    ious: list[float] = []
    found = masks = right = objects = 0
    for i, sample in enumerate(held):
        image = sample.pixels()
        truths = [one for one in sample.masks if rle.area(one) >= SMALLEST_PX]
        ious += _clicked(sam, image, truths, np.random.default_rng(i))
        if i < everything:
            every = [one["segmentation"] for one in anymask.segment_everything(sam, image, config)]
            overlap = rle.iou(every, truths)
            objects, masks = objects + len(truths), masks + len(every)
            if len(every) and len(truths):
                found += int((overlap.max(axis=0) >= FOUND_IOU).sum())
                right += int((overlap.max(axis=1) >= FOUND_IOU).sum())
    return Look(statistics.mean(ious), len(ious), objects, found, masks, right, config)


def _clicked(
    sam: Promptable, image: np.ndarray, truths: list[RLE], rng: np.random.Generator
) -> list[float]:
    some = [rle.decode(truths[i]) for i in rng.permutation(len(truths))[:CLICKS_PER_IMAGE]]
    if not some:
        return []
    points = np.array([[deepest_point(truth)] for truth in some])
    answers = sam.predict(sam.encode(image), anymask.Prompts.of_points(points), True).best()
    pairs = zip(answers.to_bool()[:, 0], some)
    return [float((mask & truth).sum() / (mask | truth).sum()) for mask, truth in pairs]


def row(name: str, look: Look) -> str:
    """A line of the table."""
    share = 100 * look.found / max(1, look.objects)
    precision = 100 * look.right / max(1, look.masks)
    return (
        f"| {name} | {100 * look.miou:.1f} | {look.config.pred_iou_thresh:g}, "
        f"{look.config.stability_score_thresh:g} | {look.masks} | "
        f"{look.found} of {look.objects} ({share:.1f} %) | {precision:.1f} % |"
    )


def trained(data: Path, out: Path, settings: list[str]) -> str:
    """Run the command; how long it took, in words."""
    options = [word for one in settings for word in ("--set", one)]
    command = ["train", "finetune_decoder", "--data", str(data), "--out", str(out), *options]
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-m", "anymask", *command], check=True)
    minutes = (time.perf_counter() - begin) / 60
    return f"Training took {minutes:.1f} minutes, embeddings and validation included. "


def steps_of(out: Path) -> list[dict[str, float]]:
    """The log's entries about steps."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    return [line for line in lines if "loss" in line]


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--set", dest="name", choices=SETS, default="dsb60")
    parser.add_argument(
        "--everything", type=int, default=10, help="images to segment everything in"
    )
    parser.add_argument("--images", type=int, default=30, help="images to look at")
    parser.add_argument("--change", action="append", default=[], help="field=value of the recipe")
    parser.add_argument(
        "--out", type=Path, help="keep the run here, or look again at the one that is here"
    )
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        halves = Path(scratch, "learned"), Path(scratch, "held")
        settings = [*SETS[arguments.name](arguments.data, halves), *arguments.change]
        held = list(samples(halves[1], "split_regions=true" in settings))[: arguments.images]
        out = arguments.out or Path(scratch, "run")
        took = "" if (out / "best").exists() else trained(halves[0], out, settings)
        text = report(arguments, held, out, took, settings)
    print(text)
    if arguments.write:
        day = time.strftime("%Y-%m-%d")
        (HERE / "results" / f"{day}-finetune-{arguments.name}.md").write_text(text)
        before_curve = text.split("| step")[0].splitlines()
        table = "\n".join(line for line in before_curve if line.startswith("|"))
        show(HERE.parent / "docs" / "training.md", f"finetune-{arguments.name}", table)


def report(
    arguments: argparse.Namespace,
    held: list[Sample],
    out: Path,
    took: str,
    settings: list[str],
) -> str:
    """The page that is written."""
    before = anymask.load("mobile-sam", device="cpu")
    after = anymask.load(out / "best", device="cpu")
    looks = [
        (name, looked(sam, held, config, arguments.everything))
        for name, sam, config in [
            ("mobile-sam", before, OFFICIAL),
            ("fine-tuned", after, OFFICIAL),
            ("fine-tuned, its own thresholds", after, suggested(after)),
        ]
    ]
    calibration = json.loads((out / "calibration.json").read_text())
    rows = "\n".join(row(*one) for one in looks)
    shown = "".join(f" --set {one}" for one in settings)
    minutes = sum(one["seconds"] for one in steps_of(out)) / 60
    return (
        f"# Fine-tuning the decoder on half of {arguments.name}, {time.strftime('%Y-%m-%d')}\n\n"
        f"`benchmarks/finetune.py DATA --set {arguments.name}`, which runs `anymask train "
        f"finetune_decoder --data HALF{shown}`\n\n{describe(2)}\n\n"
        f"{took}The steps alone took {minutes:.1f} minutes. On the other half ({len(held)} images, "
        f"{looks[0][1].clicks} objects clicked on; everything-mode "
        f"in {min(arguments.everything, len(held))}):\n\n"
        "| | 1-click mIoU, % | thresholds: predicted IoU, stability | masks | true objects found | "
        f"masks that are right |\n|---|---|---|---|---|---|\n{rows}\n\n"
        f"Expected error of the predicted IoU on images held back in training: "
        f"{calibration['before']['calibration_error']:.3f} before, "
        f"{calibration['after']['calibration_error']:.3f} after.\n\n{curve(out)}\n"
    )


def curve(out: Path) -> str:
    """Loss and validation along the run."""
    lines = [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]
    steps = steps_of(out)
    rows = ["| step | loss, mean of the steps since | 1 click | 3 clicks |", "|---|---|---|---|"]
    last = 0
    for line in (line for line in lines if "miou_1" in line):
        since = [one["loss"] for one in steps if last < one["step"] <= line["step"]]
        loss = f"{statistics.mean(since):.4f}" if since else ""
        rows.append(
            f"| {line['step']} | {loss} | {100 * line['miou_1']:.1f} | {100 * line['miou_3']:.1f} |"
        )
        last = line["step"]
    return "\n".join(rows)


if __name__ == "__main__":
    main()
