"""SegGPT: what a small one learns on this processor, and how fast the paper's is.

    .venv/bin/python benchmarks/seggpt.py DATA --prepare FOLDER
    .venv/bin/python benchmarks/seggpt.py DATA --look FOLDER [NAME=]RUN … [--like KEPT] [--write]
    .venv/bin/python benchmarks/seggpt.py --speed [--repeats 3] [--write]

``--prepare`` writes what ``anymask train seggpt_tiny --data FOLDER/mixture.json --validation
FOLDER/held`` learns from: sets of DATA mixed, of coco446 only images without any of fifteen
categories; FOLDER/held has the others, with the masks of the fifteen alone. ``--look`` measures
one-shot mIoU on the fifteen, at full size, by checkpoints of such runs, by copying the example's
mask, and by a colour histogram; with ``--like KEPT``, where it keeps what it knows of images, by
the predictor that needs no training, too. ``--speed`` measures one query of 448 pixels with one
example, by a ViT-L of random weights, ours beside Hugging Face's, each in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anymask.core import rle
from anymask.core.in_context.example import Example
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample

from machine import describe
from timing import in_own_process, measure

HERE = Path(__file__).resolve().parent
HELD = (
    "giraffe", "zebra", "dog", "horse", "elephant", "train", "motorcycle", "airplane", "pizza",
    "bed", "bus", "cat", "bear", "toilet", "cow",
)  # fmt: skip
# What else is learned from: folder, kind, share beside coco446's 6.
OTHERS = (
    ("ecssd250", "instance", 2.0),  # each shows something else, so that it is its own example
    ("ccp120", "person", 1.0),
    ("camvid40", "semantic", 0.5),
    ("dsb60", "medical", 0.5),
)
COCO_WEIGHT = 6.0
SHARES = (0.05, 0.6)  # of its image that a category covers, to be asked for
IMAGES, PAIRS = 6, 12  # of a category, at most

TIMEOUT_S = 3_600  # of one side, on a machine that does much else

Mask = npt.NDArray[np.bool_]


def prepare(data: Path, out: Path) -> None:
    """Write the two halves of coco446 and the mixture."""
    source = data / "coco446"
    content = json.loads((source / "instances.json").read_text())
    names = {category["id"]: category["name"] for category in content["categories"]}
    held = {one["image_id"] for one in content["annotations"] if names[one["category_id"]] in HELD}
    for name, is_held in (("learning", False), ("held", True)):
        folder = out / name
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "images").exists():
            (folder / "images").symlink_to((source / "images").resolve())
        part = {
            **content,
            "images": [one for one in content["images"] if (one["id"] in held) == is_held],
            "annotations": [
                one
                for one in content["annotations"]
                if (one["image_id"] in held) == is_held
                and (not is_held or names[one["category_id"]] in HELD)
            ],
        }
        (folder / "instances.json").write_text(json.dumps(part))
    sets = [{"data": "learning", "kind": "instance", "weight": COCO_WEIGHT, "name": "coco446"}]
    sets += [
        {"data": str((data / name).resolve()), "kind": kind, "weight": weight}
        for name, kind, weight in OTHERS
    ]
    (out / "mixture.json").write_text(json.dumps({"mixture": sets}, indent=2))


@dataclass(frozen=True, eq=False)
class Shown:
    """One image, by its name, and where a category is in it."""

    name: str
    pixels: npt.NDArray[np.uint8]
    mask: Mask


def categories(held: Path) -> Iterator[tuple[str, list[Shown]]]:
    """Each category with its first images that show it large enough, in the order of names."""
    shown: dict[str, list[Shown]] = {name: [] for name in HELD}
    pixels_of: dict[str, npt.NDArray[np.uint8]] = {}
    for part in open_dataset(str(held)).parts:
        for sample in part.samples():
            if not isinstance(sample, Sample):
                continue
            for name in HELD:
                if len(shown[name]) < IMAGES and name in sample.groups:
                    mask = mask_of(sample, name)
                    if SHARES[0] <= mask.mean() <= SHARES[1]:
                        if sample.name not in pixels_of:
                            pixels_of[sample.name] = sample.pixels()
                        shown[name].append(Shown(sample.name, pixels_of[sample.name], mask))
    yield from shown.items()


def mask_of(sample: Sample, name: str) -> Mask:
    """All objects of a category together."""
    masks = [rle.decode(mask) for mask, group in zip(sample.masks, sample.groups) if group == name]
    out: Mask = np.any(masks, axis=0)
    return out


Matcher = Callable[[Shown, Shown], Mask]  # of a query it sees no mask


def copied(example: Shown, query: Shown) -> Mask:
    """The example's mask, stretched to the query."""
    mask = example.mask.astype(np.uint8)
    return cv2.resize(mask, query.pixels.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0


def by_histogram(example: Shown, query: Shown) -> Mask:
    """Pixels whose colour is commoner inside the example's mask than outside."""
    inside, outside = (
        np.bincount(bins(example.pixels)[mask], minlength=BINS**3)
        for mask in (example.mask, ~example.mask)
    )
    likelier = (inside + 1) / (inside.sum() + BINS**3) - (outside + 1) / (outside.sum() + BINS**3)
    out: Mask = likelier[bins(query.pixels)] > 0
    return out


BINS = 16  # of each of three colours


def bins(pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """(H, W): which of BINS³ colours each pixel has, in Lab."""
    lab = cv2.cvtColor(pixels, cv2.COLOR_RGB2LAB).astype(np.int64) * BINS // 256
    return (lab[..., 0] * BINS + lab[..., 1]) * BINS + lab[..., 2]


def by_seggpt(run: str) -> Matcher:
    """A checkpoint's answer."""
    from anymask.predict.in_context.seggpt import SegGPTPredictor

    predictor = SegGPTPredictor.load(run, "cpu")

    def segment(example: Shown, query: Shown) -> Mask:
        shown = Example.of_mask(example.pixels, example.mask)
        return predictor.segment(query.pixels, [shown], kind="semantic").mask()

    return segment


def by_like(kept: Path) -> Matcher:
    """The answer of what needs no training. kept: where it keeps what it knows of images."""
    from one_shot import KeptPredictor

    predictor = KeptPredictor.load(offline=True)
    kept.mkdir(parents=True, exist_ok=True)
    predictor.folder = kept

    def segment(example: Shown, query: Shown) -> Mask:
        for one in (example, query):
            predictor.numbers[id(one.pixels)] = int(Path(one.name).stem)
        shown = Example.of_mask(example.pixels, example.mask)
        return predictor.segment(query.pixels, [shown]).mask()

    return segment


def look(held: Path, matchers: dict[str, Matcher]) -> dict[str, dict[str, float]]:
    """mIoU in % of each matcher on each category."""
    found: dict[str, dict[str, float]] = {name: {} for name in matchers}
    for category, shown in categories(held):
        pairs = [(i, j) for i in range(len(shown)) for j in range(len(shown)) if i != j][:PAIRS]
        for name, matcher in matchers.items():
            ious = [iou(matcher(shown[i], shown[j]), shown[j].mask) for i, j in pairs]
            found[name][category] = 100 * float(np.mean(ious))
        print(category, {name: round(of[category], 1) for name, of in found.items()}, flush=True)
    return found


def iou(mask: Mask, truth: Mask) -> float:
    """Of two masks of one image."""
    return float((mask & truth).sum() / max(1, (mask | truth).sum()))


def of_any_numbers(make: Callable[[], Any]) -> Any:
    """A model of random weights, without the minute that its own initialisation takes."""
    import torch

    with torch.device("meta"):
        model = make()
    model = model.to_empty(device="cpu").eval().requires_grad_(False)
    torch.manual_seed(0)
    for parameter in model.parameters():
        parameter.uniform_(-0.03, 0.03)
    return model


def ours() -> Callable[[], object]:
    """One query with one example by ours, as the predictor computes it."""
    import torch

    from anymask.models.seggpt import SegGPT

    model = of_any_numbers(SegGPT)
    model.suit_processor()
    example, target, query = (torch.randn(1, 3, 448, 448) for _ in range(3))

    def paint() -> object:
        with torch.inference_mode():
            image = torch.cat([example, query], dim=2)
            return model(image, torch.cat([target, target], dim=2), query_only=True)

    return paint


def theirs() -> Callable[[], object]:
    """The same by Hugging Face's."""
    import torch
    import transformers

    model = of_any_numbers(
        lambda: transformers.SegGptForImageSegmentation(transformers.SegGptConfig())
    )
    example, target, query = (torch.randn(1, 3, 448, 448) for _ in range(3))

    def paint() -> object:
        with torch.inference_mode():
            return model(pixel_values=query, prompt_pixel_values=example, prompt_masks=target)

    return paint


SIDES = {"ours": ours, "hugging-face": theirs}


def speed(repeats: int) -> str:
    """A row for each side, and the ratio of processor times."""
    found = {
        side: in_own_process(
            __file__, "--side", side, "--repeats", str(repeats), timeout_s=TIMEOUT_S
        )
        for side in SIDES
    }
    rows = ["| side | processor seconds | peak memory, MB |", "|---|---|---|"]
    rows += [f"| {side} | {of['cpu_s']:.1f} | {of['peak_mb']:.0f} |" for side, of in found.items()]
    ours_, theirs_ = (found[side] for side in SIDES)
    rows.append(
        f"\nOurs takes {ours_['cpu_s'] / theirs_['cpu_s']:.2f} of the processor time (wanted: at "
        f"most 0.60) and {ours_['peak_mb'] / theirs_['peak_mb']:.2f} of the memory (at most 1)."
    )
    return "\n".join(rows)


def table(found: dict[str, dict[str, float]]) -> str:
    """A row for each category, a column for each matcher; in the last row the means."""
    names = list(found)
    rows = ["| category | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for category in HELD:
        rows.append(f"| {category} | " + " | ".join(f"{found[n][category]:.1f}" for n in names))
        rows[-1] += " |"
    means = (f"**{np.mean(list(found[name].values())):.1f}**" for name in names)
    return "\n".join([*rows, "| mean | " + " | ".join(means) + " |"])


def write(name: str, title: str, command: str, text: str) -> None:
    """Keep a table among the results."""
    day = time.strftime("%Y-%m-%d")
    page = HERE / "results" / f"{day}-{name}.md"
    page.write_text(f"# {title}, {day}\n\n`{command}`\n\n{describe(1)}\n\n{text}\n")


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--prepare", type=Path)
    parser.add_argument("--look", nargs="+", metavar=("FOLDER", "NAME=RUN"))
    parser.add_argument("--like", type=Path, metavar="KEPT")
    parser.add_argument("--speed", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        import torch

        torch.set_num_threads(1)
        print(json.dumps(measure(SIDES[options.side](), options.repeats)))
    if options.prepare:
        prepare(options.data, options.prepare)
    if options.look:
        folder, *runs = options.look
        matchers: dict[str, Matcher] = {"copied": copied, "histogram": by_histogram}
        for run in runs:
            name, _, place = run.rpartition("=")
            matchers[name or place] = by_seggpt(place)
        if options.like:
            matchers["without training"] = by_like(options.like)
        text = table(look(Path(folder) / "held", matchers))
        print(text)
        if options.write:
            like = " --like KEPT" if options.like else ""
            command = f"benchmarks/seggpt.py DATA --look FOLDER NAME=RUN …{like} --write"
            if not like:
                text += "\n\nOf what needs no training, `benchmarks/one_shot.py` asks the same."
            title = "One-shot mIoU of a SegGPT on categories that it has not learned"
            write("seggpt-one-shot", title, command, text)
    if options.speed:
        text = speed(options.repeats)
        print(text)
        if options.write:
            command = f"benchmarks/seggpt.py --speed --repeats {options.repeats} --write"
            title = "One query of 448 pixels with one example, ViT-L of random weights"
            write("seggpt-speed", title, command, text)


if __name__ == "__main__":
    main()
