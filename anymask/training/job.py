"""The job of a run: what ``anymask train`` is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.training.recipe import Recipe


@dataclass(frozen=True)
class TrainingJob:
    """A recipe, what to learn from, and where to.

    data: where the images and masks are; validation: where those to validate with are, "" for the
    recipe's ``holdout`` of ``data``. out: the run's folder; resume: go on with the run in it.
    offline: forbid the network; None asks ``$ANYMASK_OFFLINE``. options: the page, bands and values
    looked at in images.
    """

    recipe: Recipe
    data: str
    out: Path
    validation: str = ""
    resume: bool = False
    offline: bool | None = None
    options: ReadOptions = AS_STORED
