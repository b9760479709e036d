"""Which images a run learns from, and which it is validated with."""

from __future__ import annotations

from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Dataset
from anymask.errors import RecipeError
from anymask.training.job import TrainingJob


def datasets_of(job: TrainingJob) -> tuple[Dataset, Dataset | None]:
    """What to learn from, and what to validate with, if anything. Raises ``Error``."""
    recipe = job.recipe
    dataset = open_dataset(job.data, split_regions=recipe.split_regions, options=job.options)
    held: Dataset | None = None
    if job.validation:
        held = open_dataset(job.validation, split_regions=recipe.split_regions, options=job.options)
    elif recipe.holdout:
        dataset, held = split(dataset, recipe.holdout, recipe.seed)
    if recipe.share < 1:
        dataset = dataset.drawn(max(1, round(recipe.share * len(dataset))), recipe.seed)
    return dataset, held


def split(dataset: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset]:
    """Learn from most parts, hold a share of them back; which, only names and seed decide.

    Raises ``RecipeError`` if either would be empty.
    """
    count = max(1, round(share * len(dataset)))
    if count >= len(dataset):
        raise RecipeError(f"{dataset.location} is too small to hold {share:g} of it back")
    held = dataset.drawn(count, seed)
    return dataset.without(held), held
