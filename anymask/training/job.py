"""The job of a run: what ``anymask train`` is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.training.recipe import Recipe

PLACES = ("data", "validation", "images")  # of a job, which a run's folder keeps


@dataclass(frozen=True)
class TrainingJob:
    """A recipe, what to learn from, and where to.

    data: where the images and masks are; validation: where those to validate with are, "" for the
    recipe's ``holdout`` of ``data``. out: the run's folder; resume: go on with the run in it.
    offline: forbid the network; None asks ``$ANYMASK_OFFLINE``. images: where images lie that are
    apart from their masks; crowds: what COCO's files mark as such; "" for what the data says;
    options: the page, bands and values looked at in images. The three are as
    ``datasets.recognise.open_dataset`` has them, of ``data`` and ``validation`` alike.
    """

    recipe: Recipe
    data: str
    out: Path
    validation: str = ""
    resume: bool = False
    offline: bool | None = None
    images: str = ""
    crowds: str = ""
    options: ReadOptions = AS_STORED

    @property
    def reading(self) -> dict[str, Any]:
        """How the data is read, where that was said, as plain JSON values."""
        return self.options.to_json() | ({"crowds": self.crowds} if self.crowds else {})
