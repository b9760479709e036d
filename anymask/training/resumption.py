"""Resumption: a job of what is asked for now, and of what the folder of a run already holds."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anymask.core.json_object import read_object
from anymask.datasets.dataset_options import AS_IT_SAYS, DatasetOptions
from anymask.errors import RecipeError, TrainingError
from anymask.training.families import find_recipe
from anymask.training.job import PLACES, TrainingJob
from anymask.training.recipe import Recipe, override
from anymask.training.run_folder import RECIPE_FILE


@dataclass(frozen=True)
class Request:
    """What a person asks for; "" for what a run's folder is to say.

    recipe: a name. settings: ``field=value``. The rest as ``TrainingJob`` has it.
    """

    out: Path
    recipe: str = ""
    data: str = ""
    validation: str = ""
    settings: Sequence[str] = ()
    resume: bool = False
    offline: bool | None = None
    options: DatasetOptions = AS_IT_SAYS

    @property
    def missing(self) -> tuple[str, ...]:
        """What a new run can't do without and nobody has said."""
        if self.resume and (self.out / RECIPE_FILE).is_file():
            return ()
        return tuple(name for name in ("recipe", "data") if not getattr(self, name))


def job_of(request: Request) -> TrainingJob:
    """The job; a run that goes on needs not be told again what its folder holds.

    What is said and differs from the folder is found when the run begins
    (``run_folder.RunFolder.begin``). Raises ``RecipeError``, and ``TrainingError`` for a folder
    that holds a run by another recipe, or a damaged one.
    """
    if not request.resume or not (request.out / RECIPE_FILE).is_file():
        return _job(request, find_recipe(request.recipe))
    header = read_object(request.out / RECIPE_FILE, TrainingError)
    recipe = _kept_recipe(request, header)
    if request.recipe not in ("", recipe.name):
        if any(request.out.glob("step-*")):
            raise TrainingError(
                f"{request.out} holds another run: its recipe was {recipe.name} and is "
                f"{request.recipe}"
            )
        recipe = find_recipe(request.recipe)  # it never got to a checkpoint: begun anew
    kept = {name: _place(header, header.get(name, "")) for name in PLACES}
    return _job(
        dataclasses.replace(
            request,
            data=request.data or kept["data"],
            validation=request.validation or kept["validation"],
            options=request.options.completed(kept["images"], header.get("reading") or {}),
        ),
        recipe,
    )


def _job(request: Request, recipe: Recipe) -> TrainingJob:
    return TrainingJob(
        override(recipe, request.settings),
        request.data,
        request.out,
        request.validation,
        request.resume,
        request.offline,
        request.options,
    )


def _kept_recipe(request: Request, header: dict[str, Any]) -> Recipe:
    """The recipe of a run, its paths seen from here."""
    file = request.out / RECIPE_FILE
    plain = header.get("recipe")
    if not isinstance(plain, dict):
        raise TrainingError(f"{file} is damaged: it holds no recipe")
    try:
        recipe = type(find_recipe(str(plain.get("name")))).from_json(plain)
    except RecipeError as error:
        raise TrainingError(f"{file} holds no recipe of this version: {error}") from None
    places: dict[str, Any] = {name: _place(header, getattr(recipe, name)) for name in recipe.places}
    return dataclasses.replace(recipe, **places)


def _place(header: dict[str, Any], path: Any) -> str:
    """A path as it was said in the folder where the run began, as one from here."""
    folder = header.get("folder")
    if not isinstance(folder, str) or not path or "://" in str(path) or os.path.exists(path):
        return str(path)
    there = os.path.join(folder, str(path))
    return there if os.path.exists(there) else str(path)
