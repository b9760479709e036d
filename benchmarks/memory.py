"""Memory of the fine-tuning recipes: what ``--dry-run`` estimates, and what a run takes.

    .venv/bin/python benchmarks/memory.py [--write]

Two steps of each recipe as it is, but for ``batch`` (one pass), on pictures of nothing; the peak of
the process, less what it has when the model is ready to learn and has not begun, is beside the
estimate of the same. Encoders of random weights. ViT-H is estimated only.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from dataclasses import replace
from pathlib import Path

import torch

from anymask.models.sam import MOBILE_SAM, SAM_VIT_B, SAM_VIT_H, Sam
from anymask.training.distributed import World
from anymask.training.sam.learner import SamLearner
from anymask.training.sam.memory import estimate
from anymask.training.sam.recipe import SamRecipe
from anymask.training.sam.recipes import RECIPES
from anymask.training.sam.start import prepare

from machine import describe
from pages import show
from timing import in_own_process
from training import Given, scenes_of

HERE = Path(__file__).resolve().parent
NAMES = ("finetune_decoder", "finetune_lora", "finetune_all")
CONFIGS = {"TinyViT": MOBILE_SAM, "ViT-B": SAM_VIT_B, "ViT-H": SAM_VIT_H}
MEASURED = ("TinyViT", "ViT-B")
GB, KB = 1e9, 1024


def recipe_of(name: str) -> SamRecipe:
    """One pass a step."""
    recipe = RECIPES[name]()
    return replace(recipe, batch=recipe.images_per_pass)


def measured(name: str, encoder: str) -> float:
    """Bytes that two steps take beyond what the process had with the model's weights."""
    recipe, config = recipe_of(name), CONFIGS[encoder]
    model = prepare(Sam(config), recipe)
    given = Given(torch.randn(1, 256, 64, 64)) if recipe.freezes_embeddings else None
    scenes = scenes_of(recipe, config)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KB
    learner = SamLearner(model, recipe, World(), given)
    for number in range(2):
        learner.step(number, [scenes])
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * KB - before


def table() -> list[str]:
    """A row for each recipe and encoder."""
    rows = [
        "| recipe | encoder | weights | gradients, optimiser | encoder's pass | head's pass | all "
        "| without weights: estimated | measured |",
        "|---|" + "---|" * 8,
    ]
    for name in NAMES:
        for encoder, config in CONFIGS.items():
            guess = estimate(recipe_of(name), config)
            parts = [guess.weights, guess.gradients, guess.encoder, guess.head, guess.total]
            cells = [f"{one / GB:.2f}" for one in [*parts, guess.total - guess.weights]]
            found = ""
            if encoder in MEASURED:
                found = f"{in_own_process(__file__, '--side', name, encoder)['bytes'] / GB:.2f}"
            rows.append("| " + " | ".join([f"`{name}`", encoder, *cells, found]) + " |")
            print(rows[-1], flush=True)
    return rows


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--side", nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        name, encoder = arguments.side
        print(json.dumps({"bytes": measured(name, encoder)}))
        return
    rows = "\n".join(table())
    day = time.strftime("%Y-%m-%d")
    text = (
        f"# Memory of a training step, {day}\n\n`benchmarks/memory.py --write`\n\n{describe(2)}\n\n"
        f"GB.\n\n{rows}\n"
    )
    if arguments.write:
        (HERE / "results" / f"{day}-memory.md").write_text(text)
        show(HERE.parent / "docs" / "training.md", "memory", rows)


if __name__ == "__main__":
    main()
