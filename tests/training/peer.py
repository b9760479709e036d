"""One process of several: runs the job that it is told. Started by ``test_peers``."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from anymask.training.job import Job
from anymask.training.loop import train
from anymask.training.peers import join_peers, leave_peers
from anymask.training.recipe import Recipe, override


def main() -> None:
    """Arguments: data, out, then settings of the recipe."""
    torch.set_num_threads(1)
    data, out, *settings = sys.argv[1:]
    recipe = override(Recipe(name="test"), settings)
    peers = join_peers(torch.device("cpu"))
    try:
        train(Job(recipe, data, Path(out), resume=True), peers)
    finally:
        leave_peers()


if __name__ == "__main__":
    main()
