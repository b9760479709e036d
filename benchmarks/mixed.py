"""Products in bfloat16, part by part: what each costs in masks, and what it saves.

    .venv/bin/python benchmarks/mixed.py PHOTOGRAPH... [--side 10] [--write]

A grid of ``--side`` × ``--side`` points in each photograph, a prompt each. A mask has moved where
its IoU with float32's is below 0.98. Processor times are of one thread, the quickest of several
turns, float32 and the part in turn. One table is everything in each photograph, with what
``--dtype mixed`` rounds against float32; the table of decoding is against the plain order of
products, which was all that there was before few rows.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from everything import MATCH_IOU, recall
from torch import Tensor, nn

import anymask
from anymask.core.embedding import ImageEmbedding
from anymask.core.image import read_image
from anymask.models.half_products import HalfConv, SwitchedLinear
from anymask.models.tiny_vit import Attention, ConvNorm, MBConv, Mlp, PatchEmbed, PatchMerging
from anymask.predict.predictor import Predictor
from anymask.predict.predictor import load as load_predictor

from machine import describe

HERE = Path(__file__).resolve().parent
SIDES = {
    "plain": "float32, plain order",
    "float32": "float32, few rows",
    "mixed": "mixed, few rows",
}
MOVED_IOU, TURNS, PROMPTS, POINTS = 0.98, 7, 8, 64


class Answers(NamedTuple):
    """Masks (N, 3, h, w) of an image's pixels and their predicted IoUs (N, 3)."""

    masks: np.ndarray[Any, Any]
    predicted_iou: np.ndarray[Any, Any]


class RoundedConv(nn.Module):
    """A convolution whose product is in bfloat16."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__()
        self.rounded = HalfConv.of(conv)

    def forward(self, x: Tensor) -> Tensor:
        return self.rounded(x).to(x.dtype)


def rounds(*kinds: type[nn.Module]) -> Callable[[Predictor], None]:
    """Round the products of all modules of some kinds in the encoder."""

    def switch(sam: Predictor) -> None:
        for module in sam.model.image_encoder.modules():
            if isinstance(module, kinds):
                for product in module.modules():
                    if isinstance(product, (ConvNorm, SwitchedLinear)):
                        product.round_products(True)

    return switch


def rounds_local_convs(sam: Predictor) -> None:
    for name, module in sam.model.image_encoder.named_modules():
        if name.endswith("local_conv"):
            assert isinstance(module, ConvNorm)
            module.round_products(True)


def rounds_neck(sam: Predictor) -> None:
    neck = sam.model.image_encoder.neck
    for i, layer in enumerate(neck):
        if isinstance(layer, nn.Conv2d):
            neck[i] = RoundedConv(layer)


def rounds_upscaling(sam: Predictor) -> None:
    sam.model.mask_decoder.round_products()


def rounds_all_chosen(sam: Predictor) -> None:
    sam.to(sam.device, torch.float32, half_products=True)


# Of the encoder, of the decoder: what is rounded, and whether ``mixed`` rounds it.
ENCODER: dict[str, tuple[Callable[[Predictor], None], bool]] = {
    "first convolutions": (rounds(PatchEmbed), False),
    "blocks of convolutions (MBConv)": (rounds(MBConv), True),
    "merging of patches": (rounds(PatchMerging), False),
    "projections of attention": (rounds(Attention), True),
    "convolutions across windows": (rounds_local_convs, False),
    "MLPs": (rounds(Mlp), True),
    "neck": (rounds_neck, False),
}
DECODER: dict[str, tuple[Callable[[Predictor], None], bool]] = {
    "upscaling": (rounds_upscaling, True),
}


def float32() -> Predictor:
    return load_predictor(device="cpu", dtype="float32", offline=True)


def answers(sam: Predictor, embeddings: Sequence[ImageEmbedding], side: int) -> list[Answers]:
    """What a grid of points gets in each image."""
    found = []
    for embedding in embeddings:
        points = anymask.AutomaticConfig(points_per_side=side).points(0, embedding.image_hw)
        parts = np.array_split(points[:, None], max(1, len(points) // PROMPTS))
        prompts = [anymask.Prompts.of_points(part) for part in parts]
        told = [sam.answer([embedding], sam.collate([embedding], [some])) for some in prompts]
        logits, iou = (np.concatenate(arrays)[:, 1:] for arrays in zip(*told))
        h, w = (-(-cells // 4) for cells in embedding.resize_map.content_hw)
        found.append(Answers(logits[..., :h, :w] > 0, iou))
    return found


def moved(exact: Sequence[Answers], rounded: Sequence[Answers]) -> list[str]:
    """Shares of masks that moved, of the best of each prompt and of all; mean change of IoUs."""
    overlaps, best, changes = [], [], []
    for (a, scores), (b, others) in zip(exact, rounded):
        union = (a | b).sum(axis=(-1, -2))
        overlap = np.where(union > 0, (a & b).sum(axis=(-1, -2)) / np.maximum(union, 1), 1.0)
        overlaps.append(overlap.reshape(-1))
        best.append(overlap[np.arange(len(overlap)), scores.argmax(axis=1)])
        changes.append(np.abs(scores - others).reshape(-1))
    shares = (float((np.concatenate(some) < MOVED_IOU).mean()) for some in (best, overlaps))
    return [*(f"{share:.1%}" for share in shares), f"{np.concatenate(changes).mean():.4f}"]


def saved(before: Predictor, after: Predictor, work: Callable[[Predictor], Any]) -> str:
    """The share of processor time that ``after`` takes less, of the quickest of several turns."""
    costs: list[list[float]] = [[], []]
    for _ in range(TURNS):
        for sam, times in zip((before, after), costs):
            start = time.process_time()
            work(sam)
            times.append(time.process_time() - start)
    return f"{1 - min(costs[1]) / min(costs[0]):.0%}"


def part_by_part(photographs: Sequence[str], side: int) -> list[str]:
    """A row for each part."""
    rows = [
        "| rounded | best masks moved | of all three | predicted IoU, mean change | saved "
        "| in `mixed` |",
        "|---|---|---|---|---|---|",
    ]
    print("\n".join(rows), flush=True)
    plain = float32()
    images = [read_image(path) for path in photographs]
    embeddings = [plain.encode(image) for image in images]
    exact = answers(plain, embeddings, side)
    eight = embeddings[0], anymask.Prompts.of_points(100 + 20 * np.arange(16).reshape(8, 1, 2))

    def row(what: str, cost: list[str], gain: str, chosen: bool) -> None:
        rows.append("| " + " | ".join([what, *cost, gain, "yes" if chosen else ""]) + " |")
        print(rows[-1], flush=True)

    def encode(sam: Predictor) -> ImageEmbedding:
        return sam.encode(images[0])

    def encoded(sam: Predictor) -> list[ImageEmbedding]:
        return [sam.encode(image) for image in images]

    for what, (switch, chosen) in ENCODER.items():
        sam = float32()
        switch(sam)
        cost = moved(exact, answers(plain, encoded(sam), side))
        gain = saved(plain, sam, encode)
        row(f"encoder: {what}", cost, f"{gain} of an encode", chosen)
    for what, (switch, chosen) in DECODER.items():
        sam = float32()
        switch(sam)
        cost = moved(exact, answers(sam, embeddings, side))
        gain = saved(plain, sam, lambda one: one.predict(*eight))
        row(f"decoder: {what}", cost, f"{gain} of a click", chosen)
    sam = float32()
    rounds_all_chosen(sam)
    cost = moved(exact, answers(plain, encoded(sam), side))
    gain = saved(plain, sam, encode)
    row("**encoder: all that `mixed` rounds**", cost, f"{gain} of an encode", True)
    row("**all that `mixed` rounds**", moved(exact, answers(sam, encoded(sam), side)), "", True)
    return rows


def everything(photographs: Sequence[str]) -> list[str]:
    """A row for each photograph: everything in it, float32 against mixed."""
    rows = [
        "| photograph | masks, float32 / mixed | matched at IoU ≥ 0.97 | CPU s | ratio |",
        "|---|---|---|---|---|",
    ]
    print("\n" + "\n".join(rows), flush=True)
    sides = [
        load_predictor(device="cpu", dtype=name, offline=True) for name in ("float32", "mixed")
    ]
    counts, matched = np.zeros(2, int), 0.0
    for photograph in photographs:
        image, masks, costs = read_image(photograph), [], []
        for sam in sides:
            start = time.process_time()
            masks.append([one["segmentation"] for one in anymask.segment_everything(sam, image)])
            costs.append(time.process_time() - start)
        share = recall(masks[0], masks[1], MATCH_IOU)
        counts += [len(some) for some in masks]
        matched += share * len(masks[0])
        cells = [Path(photograph).name, f"{len(masks[0])} / {len(masks[1])}", f"{share:.1%}"]
        cells += [f"{costs[0]:.1f} / {costs[1]:.1f}", f"{costs[1] / costs[0]:.2f}"]
        rows.append("| " + " | ".join(cells) + " |")
        print(rows[-1], flush=True)
    rows.append(f"| **all** | {counts[0]} / {counts[1]} | {matched / counts[0]:.1%} | | |")
    print(rows[-1], flush=True)
    return rows


def decoding(photograph: str) -> list[str]:
    """Rows: the plain order of products, few rows, few rows in mixed numbers."""
    rows = [
        f"| | {POINTS} points of everything, CPU s, quickest | to the plain order | masks "
        "| a click, CPU ms, quickest | to the plain order |",
        "|---|---|---|---|---|---|",
    ]
    print("\n" + "\n".join(rows), flush=True)
    sides = {name: float32() for name in SIDES}
    sides["plain"].model.mask_decoder.few_rows = False
    sides["mixed"].to(torch.device("cpu"), torch.float32, half_products=True)
    embedding = sides["plain"].encode(read_image(photograph))
    grid = anymask.AutomaticConfig().points(0, embedding.image_hw)
    points = grid[:: len(grid) // POINTS]
    click = anymask.Prompts.of_points(points[:1, None])
    many: dict[str, list[float]] = {name: [] for name in SIDES}
    one: dict[str, list[float]] = {name: [] for name in SIDES}
    counts = {}
    for _ in range(TURNS):
        for name, sam in sides.items():
            sam.predict(embedding, click)
            start = time.process_time()
            counts[name] = len([*sam.candidates(embedding, points, anymask.AutomaticConfig())])
            many[name].append(time.process_time() - start)
            for _ in range(TURNS):
                start = time.process_time()
                sam.predict(embedding, click)
                one[name].append(time.process_time() - start)
    for name, what in SIDES.items():
        a, b = min(many[name]), min(one[name])
        shares = a / min(many["plain"]), b / min(one["plain"])
        cells = [what, f"{a:.2f}", f"{shares[0]:.2f}", f"{counts[name]}", f"{1e3 * b:.0f}"]
        rows.append("| " + " | ".join([*cells, f"{shares[1]:.2f}"]) + " |")
        print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", nargs="+")
    parser.add_argument("--side", type=int, default=10)
    parser.add_argument("--only", choices=["parts", "everything", "decoding"])
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    print(f"{describe(1)}\n", flush=True)
    tables = []
    if options.only in (None, "parts"):
        tables.append(part_by_part(options.photographs, options.side))
    if options.only in (None, "everything"):
        tables.append(everything(options.photographs))
    if options.only in (None, "decoding"):
        tables.append(decoding(options.photographs[0]))
    if options.write:
        day = time.strftime("%Y-%m-%d")
        names = " ".join(Path(path).name for path in options.photographs)
        only = f" --only {options.only}" if options.only else ""
        asked = f"--side {options.side}{only} --write"
        head = f"# Products in bfloat16, {day}\n\n`benchmarks/mixed.py {names} {asked}`"
        text = "\n\n".join([head, describe(1), *("\n".join(rows) for rows in tables)])
        suffix = f"-{options.only}" if options.only else ""
        (HERE / "results" / f"{day}-mixed{suffix}.md").write_text(text + "\n")


if __name__ == "__main__":
    main()
