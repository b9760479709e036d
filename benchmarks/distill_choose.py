"""How much of a training to keep: weights between old and new on images nobody learned from.

    .venv/bin/python benchmarks/distill_choose.py CHOOSE OLD NEW... [--shares 0.25,0.5,0.75,1]
        [--images 12] [--masks 8] [--out FOLDER] [--device cpu]

CHOOSE: the folder that ``distill_sets.py`` writes. OLD, NEW: checkpoints or rows. Each row of the
table is the mean over the sets in CHOOSE, compared at the size of mask logits; ``--out`` keeps the
table, and the best mixture with its thresholds as a checkpoint: the one with the most at one click
among those that lose at most 0.3 with three clicks and with a box.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from anymask.core.calibration import found_share, suggested_thresholds
from anymask.core.prompts import BOX_BOTTOM_RIGHT, BOX_TOP_LEFT
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from anymask.models.sam import Sam
from anymask.predict.predictor import IMAGE_EMBED, Predictor
from anymask.training.sam.interactive import CLEAR, ask
from anymask.training.sam.losses import mask_iou
from anymask.training.sam.mixing import mixed
from anymask.training.sam.recipes import distill_decoder
from anymask.training.sam.scenes import Scene, framing_of
from anymask.training.sam.validation import validate
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.load import load_checkpoint

MEASURES = ("one click", "three clicks", "box")
MOST_LOST = 0.3  # points of mIoU
OFFICIAL = {"pred_iou_thresh": 0.88, "stability_score_thresh": 0.95}
PROMPTS = 64
Features = dict[str, Tensor]


def scenes_of(folder: Path, model: Sam, images: int, masks: int) -> dict[str, list[Scene]]:
    """Of each set in the folder the first images, with so many masks by chance."""
    framing = replace(framing_of(model.config, distill_decoder()), masks_per_image=masks, flip=0.0)
    found: dict[str, list[Scene]] = {}
    for sample in samples(folder):
        scenes = found.setdefault(sample.name.split("-")[0], [])
        if len(scenes) < images:
            scenes.append(framing.scene(sample, np.random.default_rng(0)))
    return found


def samples(folder: Path) -> Iterator[Sample]:
    """All of a folder, by name."""
    for part in sorted(open_dataset(str(folder)).parts, key=lambda part: part.name):
        yield from (one for one in part.samples() if isinstance(one, Sample))


def embeddings(encoder: Predictor, scenes: Sequence[Scene]) -> Features:
    """(1, C, h, w) of each image, by name."""
    kept = {}
    for scene in scenes:
        array = encoder.encode(scene.sample.pixels()).arrays[IMAGE_EMBED]
        kept[scene.sample.name] = torch.from_numpy(array)[None].to(encoder.device)
    return kept


@torch.no_grad()
def boxed(model: Sam, features: Tensor, scene: Scene) -> list[float]:
    """The IoU of the answer to each object's box."""
    objects = scene.objects
    labels = np.tile([BOX_TOP_LEFT, BOX_BOTTOM_RIGHT], (len(objects), 1))
    prompts = objects.boxes_xyxy.reshape(-1, 2, 2).astype(np.float32), labels
    asked = prompts, objects.image_index, None
    logits, _ = ask(model, features, model.positions(), *asked, which=CLEAR)
    truth = torch.from_numpy(objects.truth).to(features.device)
    return mask_iou(logits, truth)[:, 0].tolist()


def scores(
    model: Sam, found: dict[str, list[Scene]], kept: Features, at_least: float | None = None
) -> tuple[dict[str, list[float]], list[float], dict[str, float]]:
    """Points of mIoU by set; shares found at official thresholds and at those suggested; these."""
    table, masks = {}, []
    for which, scenes in found.items():
        seen = validate(model, scenes, lambda several: kept[several[0].sample.name], PROMPTS)
        boxes = [iou for scene in scenes for iou in boxed(model, kept[scene.sample.name], scene)]
        table[which] = [100 * seen.miou[0], 100 * seen.miou[2], 100 * float(np.mean(boxes))]
        masks.append((seen.predicted_iou, seen.stability, seen.actual_iou))
    predicted, stability, actual = (np.concatenate(parts) for parts in zip(*masks))
    together = predicted, stability, actual
    found_now = found_share(*together, OFFICIAL)
    suggested = suggested_thresholds(*together, found_now if at_least is None else at_least)
    return table, [found_now, found_share(*together, suggested)], suggested


def line(name: str, table: dict[str, list[float]], shares: list[float], more: object = "") -> str:
    """A row of the printed table."""
    means = np.mean([*table.values()], axis=0)
    each = ["/".join(f"{value:.1f}" for value in table[which]) for which in table]
    numbers = [f"{value:.2f}" for value in means] + [f"{100 * share:.1f}" for share in shares]
    return f"| {' | '.join([name, *numbers, *each])} | {more} |"


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("choose", type=Path)
    parser.add_argument("old")
    parser.add_argument("new", nargs="+")
    parser.add_argument("--shares", default="0.25,0.5,0.75,1")
    parser.add_argument("--images", type=int, default=12)
    parser.add_argument("--masks", type=int, default=8)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    device = torch.device(asked.device)
    old = load_checkpoint(asked.old)
    model = old.build_sam().to(device)
    found = scenes_of(asked.choose, model, asked.images, asked.masks)
    kept = embeddings(Predictor(old, device), [scene for each in found.values() for scene in each])
    table, shares, _ = scores(model, found, kept)
    before, at_least = np.mean([*table.values()], axis=0), shares[0]
    head = ["", *MEASURES, "found", "found, own thresholds", *found, "thresholds"]
    rows = [
        f"| {' | '.join(head)} |",
        "|---|" + "---|" * (len(head) - 1),
        line("old", table, shares),
    ]
    print("\n".join(rows), flush=True)
    best: tuple[float, Checkpoint | None] = (0.0, None)
    for new in asked.new:
        after = load_checkpoint(new)
        for share in map(float, asked.shares.split(",")):
            state = mixed(old.state, after.state, share)
            model.load_state_dict(state)
            table, shares, own = scores(model, found, kept, at_least)
            means = np.mean([*table.values()], axis=0) - before
            rows.append(line(f"{Path(new).parent.name} {share:g}", table, shares, own))
            print(rows[-1], flush=True)
            if means[1:].min() >= -MOST_LOST and means[0] > best[0]:
                made_by = {**after.made_by, "mix": share}
                best = means[0], replace(after, state=state, everything=own, made_by=made_by)
    if asked.out:
        asked.out.mkdir(parents=True, exist_ok=True)
        (asked.out / "choice.md").write_text("\n".join(rows) + "\n")
        if best[1] is not None:
            head_only = {k: v for k, v in best[1].state.items() if not k.startswith("image_enc")}
            print("kept", best[1].made_by["mix"], f"{best[0]:+.2f}", len(head_only))
            replace(best[1]).save(asked.out / "best")


if __name__ == "__main__":
    main()
