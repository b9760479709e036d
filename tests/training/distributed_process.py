"""One process of several: runs the job that it is told. Started by ``test_distributed``."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from anymask.training.distributed import join_world, leave_world
from anymask.training.job import TrainingJob
from anymask.training.loop import train
from anymask.training.recipe import override
from anymask.training.sam.recipe import SamRecipe


def main() -> None:
    """Arguments: data, out, then settings of the recipe."""
    torch.set_num_threads(1)
    data, out, *settings = sys.argv[1:]
    recipe = override(SamRecipe(name="test"), settings)
    world = join_world(torch.device("cpu"))
    try:
        train(TrainingJob(recipe, data, Path(out), resume=True), world)
    finally:
        leave_world()


if __name__ == "__main__":
    main()
