"""Which images a run learns from, which it is validated with, and how to tell them from others."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import islice

from anymask.datasets.sample import Dataset, Sample
from anymask.training.job import TrainingJob

PARTS_COMPARED = 16  # whose content is looked at to tell two datasets apart
SAMPLES_TRIED = 4  # of a part, until one can be read


@dataclass(frozen=True)
class TrainingData:
    """What to learn from, and what to validate with, if anything."""

    learning: Dataset
    held_out: Dataset | None

    @property
    def is_one(self) -> bool:
        """Whether it is validated with what it learns from."""
        held = self.held_out
        return held is not None and (
            (held.location, held.fingerprint) == (self.learning.location, self.learning.fingerprint)
        )


def datasets_of(job: TrainingJob) -> TrainingData:
    """The data of a job. Raises ``Error``."""
    recipe = job.recipe
    dataset = _opened(job.data, job)
    held: Dataset | None = None
    if job.validation:
        held = _opened(job.validation, job)
    elif recipe.holdout:
        dataset, held = split(dataset, recipe.holdout, recipe.seed)
    if recipe.share < 1:
        dataset = dataset.drawn(max(1, round(recipe.share * len(dataset))), recipe.seed)
    return TrainingData(dataset, held)


def _opened(location: str, job: TrainingJob) -> Dataset:
    return job.options.open(location, split_regions=job.recipe.split_regions)


def split(dataset: Dataset, share: float, seed: int) -> tuple[Dataset, Dataset]:
    """Learn from most parts, hold a share of them back; which, only names and seed decide.

    At least one part is on each side. Where there is only one, it is on both.
    """
    if len(dataset) < 2:
        return dataset, dataset
    held = dataset.drawn(min(max(1, round(share * len(dataset))), len(dataset) - 1), seed)
    return dataset.without(held), held


def content_fingerprint(dataset: Dataset) -> str:
    """16 hex digits that tell datasets of the same names apart, by what some of their parts hold.

    The first sample of each of ``PARTS_COMPARED`` parts is read; which, their names decide.
    """
    digest = hashlib.sha256()
    for part in dataset.drawn(PARTS_COMPARED, 0).parts:
        samples = islice(part.samples(), SAMPLES_TRIED)
        sample = next((sample for sample in samples if isinstance(sample, Sample)), None)
        digest.update(part.name.encode(errors="surrogateescape"))
        if sample is not None:
            digest.update(hashlib.sha256(sample.content).digest())
            digest.update("".join(mask["counts"] for mask in sample.masks).encode())
    return digest.hexdigest()[:16]


def notes_on(data: TrainingData) -> list[str]:
    """What is left out of datasets as a whole, and what was decided about them, once each."""
    datasets = (data.learning, data.held_out)
    notes = [note for dataset in datasets if dataset for note in dataset.notes]
    return list(dict.fromkeys(f"{note.name}: {note.reason}" for note in notes))
