"""Which images a run learns from, and which it is validated with."""

from __future__ import annotations

import hashlib
from dataclasses import replace

from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Dataset
from anymask.errors import RecipeError
from anymask.training.job import Job


def datasets_of(job: Job) -> tuple[Dataset, Dataset | None]:
    """What to learn from, and what to validate with, if anything. Raises ``Error``."""
    regions = job.recipe.split_regions
    dataset = open_dataset(job.data, split_regions=regions)
    if job.validation:
        return dataset, open_dataset(job.validation, split_regions=regions)
    if not job.recipe.holdout:
        return dataset, None
    return split(dataset, job.recipe.holdout, job.recipe.seed)


def split(dataset: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset]:
    """Learn from most parts, hold a share of them back; which, only names and seed decide.

    Raises ``RecipeError`` if either would be empty.
    """
    order = sorted(
        dataset.parts, key=lambda part: hashlib.sha256(f"{seed} {part.name}".encode()).digest()
    )
    count = max(1, round(share * len(order)))
    if count >= len(order):
        raise RecipeError(f"{dataset.location} is too small to hold {share:g} of it back")
    held = {part.name for part in order[:count]}
    return (
        replace(dataset, parts=tuple(part for part in dataset.parts if part.name not in held)),
        replace(dataset, parts=tuple(part for part in dataset.parts if part.name in held)),
    )


def fingerprint(dataset: Dataset) -> str:
    """Tells one set of parts from another."""
    names = "\n".join(part.name for part in dataset.parts)
    return hashlib.sha256(names.encode(errors="surrogateescape")).hexdigest()[:16]
