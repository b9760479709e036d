"""The job of a run: what ``anymask train`` is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from anymask.datasets.dataset_options import AS_IT_SAYS, DatasetOptions
from anymask.training.recipe import Recipe

PLACES = ("data", "validation", "images")


@dataclass(frozen=True)
class TrainingJob:
    """A recipe, what to learn from, and where to.

    data: where the images and masks are; validation: where those to validate with are, "" for the
    recipe's ``holdout`` of ``data``. out: the run's folder; resume: go on with the run in it.
    offline: forbid the network; None asks ``$ANYMASK_OFFLINE``. options: how ``data`` and
    ``validation`` are read.
    """

    recipe: Recipe
    data: str
    out: Path
    validation: str = ""
    resume: bool = False
    offline: bool | None = None
    options: DatasetOptions = AS_IT_SAYS

    @property
    def places(self) -> dict[str, str]:
        """Where the data is, which a run's folder keeps."""
        places = (self.data, self.validation, self.options.images)
        return dict(zip(PLACES, places))
