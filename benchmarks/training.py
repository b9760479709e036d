"""One training step against a straightforward loop over the official modules: speed and memory.

    .venv/bin/python benchmarks/training.py [--rounds 3] [--write]

The paper's eleven rounds with the same objects, the same simulated user, the same losses at the
size of mask logits, AdamW; random weights. ``head``: prompt encoder and mask decoder over given
embeddings, two images of eight objects; ``ViT-B``: everything, one image of eight objects. The loop
sums the losses of an image's rounds and then computes gradients, as one would write it first; at
``head`` also the kinder one that computes them after each round. The sides take turns, each in a
process of its own; a figure is the median over the rounds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from anymask.core import rle
from anymask.core.interaction import first_prompts, next_points
from anymask.core.prompts import BOX_TOP_LEFT, OBJECT, PADDING
from anymask.datasets.sample import Sample
from anymask.models.sam import SAM_VIT_B, Sam, SamConfig
from anymask.training.distributed import World
from anymask.training.frozen.embeddings import Embeddings
from anymask.training.sam.learner import SamLearner
from anymask.training.sam.recipe import SamRecipe
from anymask.training.sam.recipes import paper
from anymask.training.sam.scenes import Framing, Scene
from anymask.training.sam.start import prepare

from machine import describe
from official import build
from timing import in_own_process, measure

HERE = Path(__file__).resolve().parent
THREADS, REPEATS = 2, 2
OURS, LOOP, KINDER = "ours", "loop", "loop, gradients each round"
CASES = {"head": (2, 8), "ViT-B": (1, 8)}  # images of a step, objects of an image
SIDES = {"head": (OURS, LOOP, KINDER), "ViT-B": (OURS, LOOP)}
WANTED = 1.5


class Given(Embeddings):
    """Embeddings of no encoder."""

    def __init__(self, features: Tensor) -> None:
        self.features = features

    def of(self, sample: Sample) -> Tensor:
        """The same for every image."""
        return self.features


def recipe_of(case: str, device: str, objects: int | None = None) -> SamRecipe:
    """The paper's, at a batch that fits; objects: of an image, where not the case's."""
    images = CASES[case][0]
    objects = objects or CASES[case][1]
    on_cpu = device == "cpu"
    return replace(
        paper(),
        encoder="vit-b",
        train_encoder=case != "head",
        checkpointing=False,
        precision="float32" if on_cpu else "bfloat16",
        batch=images,
        images_per_pass=images,
        masks_per_pass=images * objects,
        prompts_per_pass=4 if on_cpu else images * objects,
        drop_path=0.0,
        decoder_dropout=0.0,
    )


def scenes_of(recipe: SamRecipe, config: SamConfig) -> list[Scene]:
    """Pictures of nothing with discs on them."""
    rng, scenes = np.random.default_rng(0), []
    framing = Framing(config.encoder.image_px, 4 * config.encoder.grid, recipe.habits)
    y, x = np.mgrid[:768, :1024]
    for number in range(recipe.batch):
        discs = [
            rle.encode(np.hypot(x - rng.uniform(90, 930), y - rng.uniform(90, 670)) < 80)
            for _ in range(recipe.masks_per_pass // recipe.batch)
        ]
        objects = replace(framing, needs_pixels=False).scene(
            Sample(str(number), b"", tuple(discs), (None,) * len(discs)), rng
        )
        pixels = rng.integers(0, 256, (768, 1024, 3), dtype=np.uint8)
        scenes.append(replace(objects, pixels=pixels))
    return scenes


def ours(
    case: str, recipe: SamRecipe, device: str, config: SamConfig = SAM_VIT_B
) -> Callable[[], Any]:
    """A step of ``anymask.training``."""
    torch.manual_seed(0)
    model = prepare(Sam(config), recipe).to(device)
    given = Given(torch.randn(1, 256, 64, 64, device=device) * 0.3)
    embeddings = given if case == "head" else None
    learner = SamLearner(model, recipe, World(device=torch.device(device)), embeddings)
    scenes = scenes_of(recipe, model.config)

    def step() -> None:
        assert learner.step(0, [scenes]) is not None

    return step


def loop(case: str, recipe: SamRecipe, device: str, each_round: bool = False) -> Callable[[], Any]:
    """The same step over the official modules."""
    torch.manual_seed(0)
    sam = build("vit_b").to(device).train()
    if case == "head":
        sam.image_encoder.requires_grad_(False)
    learning = [p for p in sam.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=recipe.lr, weight_decay=recipe.weight_decay)
    scenes = scenes_of(recipe, SAM_VIT_B)
    features = torch.randn(1, 256, 64, 64, device=device) * 0.3
    half = torch.autocast(device, torch.bfloat16, enabled=recipe.precision == "bfloat16")

    def step() -> None:
        optimizer.zero_grad()
        for scene in scenes:
            with half:
                seen = features
                if case != "head":
                    assert scene.pixels is not None
                    pixels = torch.from_numpy(scene.pixels).permute(2, 0, 1).to(device)
                    seen = sam.image_encoder(sam.preprocess(pixels.float())[None])
                losses = []
                for loss in _rounds(sam, seen, scene, recipe):
                    if each_round:
                        (loss / recipe.habits.rounds / recipe.batch).backward()
                    else:
                        losses.append(loss)
            if losses:
                (torch.stack(losses).mean() / recipe.batch).backward()
        optimizer.step()

    return step


def _rounds(sam: Any, features: Tensor, scene: Scene, recipe: SamRecipe) -> Iterator[Tensor]:
    """The losses of one image, round by round."""
    objects, habits, device = scene.objects, recipe.habits, features.device
    truth = torch.from_numpy(objects.truth).to(device)
    xy, labels = first_prompts(objects.truth, objects.boxes_xyxy, objects.script, habits, 4)
    image_pe = sam.prompt_encoder.get_dense_pe()
    answer: Tensor | None = None
    for number in range(habits.rounds):
        if answer is not None:
            seen = (answer > 0).cpu().numpy()
            more = next_points(objects.truth, seen, objects.script, number, 4)
            xy, labels = np.concatenate([xy, more[0]], 1), np.concatenate([labels, more[1]], 1)
        sparse, dense = _embedded(sam, xy, labels, answer, device)
        logits, predicted = sam.mask_decoder(
            image_embeddings=features,
            image_pe=image_pe,
            sparse_prompt_embeddings=sparse,
            dense_prompt_embeddings=dense,
            multimask_output=answer is None,
        )
        yield _loss(logits.float(), predicted.float(), truth, recipe)
        best = predicted.argmax(1)
        answer = logits.detach()[torch.arange(len(best)), best].float()


def _embedded(
    sam: Any, xy: np.ndarray, labels: np.ndarray, answer: Tensor | None, device: torch.device
) -> tuple[Tensor, Tensor]:
    """Prompts as the official encoder takes them: a box apart from points, all of one length.

    It has no padding that changes nothing: what is padding here is "not a point" there, in the
    idle rounds as well, which costs the same.
    """
    boxed = bool((labels[:, 0] == BOX_TOP_LEFT).all())
    points = torch.from_numpy(xy).to(device), torch.from_numpy(labels).to(device)
    if boxed:
        box = points[0][:, :2].reshape(-1, 4)
        rest = (points[0][:, 2:], points[1][:, 2:]) if labels.shape[1] > 2 else None
    else:
        box, rest = None, (points[0], points[1].masked_fill(points[1] == PADDING, OBJECT))
    masks = None if answer is None else answer[:, None]
    out: tuple[Tensor, Tensor] = sam.prompt_encoder(points=rest, boxes=box, masks=masks)
    return out


def _loss(logits: Tensor, predicted: Tensor, truth: Tensor, recipe: SamRecipe) -> Tensor:
    """Focal and dice loss of the best mask, and the error of the predicted IoUs."""
    wanted = truth[:, None].expand(-1, logits.shape[1], -1, -1).float()
    p = logits.sigmoid()
    entropy = F.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    right = p * wanted + (1 - p) * (1 - wanted)
    alpha = 0.25 * wanted + 0.75 * (1 - wanted)
    focal = (alpha * (1 - right) ** 2 * entropy).flatten(2).mean(-1)
    both = (p * wanted).flatten(2).sum(-1)
    dice = 1 - (2 * both + 1) / (p.flatten(2).sum(-1) + wanted.flatten(2).sum(-1) + 1)
    shared = ((logits > 0) & (wanted > 0)).flatten(2).sum(-1)
    iou = shared / ((logits > 0) | (wanted > 0)).flatten(2).sum(-1).clamp(min=1)
    masks = recipe.focal_weight * focal + recipe.dice_weight * dice
    return (masks.min(dim=1).values + (predicted - iou).square().mean(dim=1)).mean()


def side(case: str, whose: str, device: str) -> Callable[[], Any]:
    """A step of one side of a case."""
    recipe = recipe_of(case, device)
    if whose == OURS:
        return ours(case, recipe, device)
    return loop(case, recipe, device, each_round=whose == KINDER)


def table(rounds: int) -> list[str]:
    """Sides by turns; a row for each."""
    rows = [
        "| what is trained | whose | s a step | images/s | CPU s | peak MB | ours is faster by |",
        "|---|---|---|---|---|---|---|",
    ]
    for case, (images, _) in CASES.items():
        found: dict[str, list[dict[str, float]]] = {whose: [] for whose in SIDES[case]}
        for _ in range(rounds):
            for whose, results in found.items():
                results.append(in_own_process(__file__, "--side", case, whose))
        rows += list(_rows(case, images, found))
    return rows


def _rows(case: str, images: int, found: dict[str, list[dict[str, float]]]) -> Iterator[str]:
    medians = {
        whose: {key: statistics.median(one[key] for one in results) for key in results[0]}
        for whose, results in found.items()
    }
    for whose, one in medians.items():
        faster = _ratio(found[OURS], found[whose])
        shown = "" if whose == OURS else f"**{faster:.2f}** (wanted {WANTED})"
        yield (
            f"| {case} | {whose} | {one['wall_s']:.1f} | {images / one['wall_s']:.3f} | "
            f"{one['cpu_s']:.1f} | {one['peak_mb']:.0f} | {shown} |"
        )


def _ratio(mine: Sequence[dict[str, float]], other: Sequence[dict[str, float]]) -> float:
    """Of pairs of the same round."""
    return statistics.median(b["wall_s"] / a["wall_s"] for a, b in zip(mine, other))


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    if arguments.side:
        case, whose = arguments.side
        print(json.dumps(measure(side(case, whose, "cpu"), REPEATS)))
        return
    rows = "\n".join(table(arguments.rounds))
    day = time.strftime("%Y-%m-%d")
    text = (
        f"# A training step, {day}\n\n`benchmarks/training.py --rounds {arguments.rounds} --write`"
        f"\n\n{describe(THREADS)}\n\n{rows}\n"
    )
    print(text)
    if arguments.write:
        (HERE / "results" / f"{day}-training.md").write_text(text)


if __name__ == "__main__":
    main()
