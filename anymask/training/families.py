"""The families of models that can be trained, a row each: their recipes, and how they learn.

A new family is a folder beside ``training/sam`` and a row here.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from anymask.errors import RecipeError
from anymask.training.detector.recipe import RECIPES as DETECTOR_RECIPES
from anymask.training.detector.recipe import DetectorRecipe
from anymask.training.learner import FamilyTraining
from anymask.training.recipe import Recipe
from anymask.training.sam.recipe import SamRecipe
from anymask.training.sam.recipes import RECIPES as SAM_RECIPES
from anymask.training.seggpt.recipe import RECIPES as SEGGPT_RECIPES
from anymask.training.seggpt.recipe import SegGPTRecipe
from anymask.training.seggpt.tuning_recipe import RECIPES as PROMPT_RECIPES
from anymask.training.seggpt.tuning_recipe import PromptRecipe


@dataclass(frozen=True)
class Row:
    """recipes: by name. training: gives the rest; imports the model only when called."""

    recipes: Mapping[str, Callable[[], Recipe]]
    training: Callable[[], FamilyTraining]


def _sam() -> FamilyTraining:
    from anymask.training.sam.family import SAM

    return SAM


def _detector() -> FamilyTraining:
    from anymask.training.detector.family import DETECTOR

    return DETECTOR


def _seggpt() -> FamilyTraining:
    from anymask.training.seggpt.family import SEGGPT

    return SEGGPT


def _prompt() -> FamilyTraining:
    from anymask.training.seggpt.tuning import PROMPT

    return PROMPT


FAMILIES: dict[str, Row] = {
    SamRecipe.family: Row(SAM_RECIPES, _sam),
    DetectorRecipe.family: Row(DETECTOR_RECIPES, _detector),
    SegGPTRecipe.family: Row(SEGGPT_RECIPES, _seggpt),
    PromptRecipe.family: Row(PROMPT_RECIPES, _prompt),
}


def recipe_names() -> list[str]:
    """The names of all recipes of all families."""
    return [name for row in FAMILIES.values() for name in row.recipes]


def find_recipe(name: str) -> Recipe:
    """The recipe of a name. Raises ``RecipeError`` for an unknown one, with the nearest."""
    for row in FAMILIES.values():
        if name in row.recipes:
            return row.recipes[name]()
    names = recipe_names()
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
    raise RecipeError(f"there is no recipe {name!r}; {hint}")


def training_of(recipe: Recipe) -> FamilyTraining:
    """How a recipe's model learns."""
    return FAMILIES[recipe.family].training()
