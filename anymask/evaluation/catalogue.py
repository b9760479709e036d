"""Experiments by name, and the data that each of them reads."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from anymask.core.settings import changeable, override
from anymask.datasets.benchmarks import bsds
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Dataset
from anymask.errors import DatasetError, Error
from anymask.evaluation.experiment import Experiment
from anymask.evaluation.experiments.boxes import Boxes
from anymask.evaluation.experiments.clicks import Clicks
from anymask.evaluation.experiments.edges import Edges
from anymask.evaluation.experiments.fairness import Fairness
from anymask.evaluation.experiments.points import Points
from anymask.evaluation.experiments.proposals import Proposals
from anymask.evaluation.measures.coco_truth import frequencies_of


@dataclass(frozen=True)
class Source:
    """Where the data is, and how it is to be read (``datasets.recognise.open_dataset``).

    images: a folder where images are that lie apart from their masks.
    """

    data: str
    split_regions: bool = False
    void: tuple[int, ...] | None = None
    images: str = ""

    def open(self) -> Dataset:
        """The dataset. Raises ``DatasetError``."""
        return open_dataset(
            self.data, split_regions=self.split_regions, void=self.void, images=self.images or None
        )


DEFAULTS: Mapping[str, Experiment] = {
    one.name: one
    for one in (Points(), Clicks(), Edges(), Proposals(), Boxes(annotations=""), Fairness())
}


def prepare(
    name: str, source: Source, settings: Sequence[str] = (), seed: int = 0
) -> tuple[Experiment, Dataset]:
    """An experiment with ``field=value`` settings, and its data. Raises ``Error``."""
    experiment = find(name)
    if "seed" in changeable(experiment):
        settings = [f"seed={seed}", *settings]
    experiment = override(experiment, settings, name)
    if isinstance(experiment, Edges):
        return experiment, bsds.read(source.data, experiment.split)
    dataset = source.open()
    if isinstance(experiment, Proposals) and dataset.annotations:
        experiment = replace(experiment, frequencies=frequencies_of(dataset.annotations))
    if isinstance(experiment, Boxes):
        if not dataset.annotations:
            raise DatasetError(
                f"boxes are those of a COCO or LVIS file; {source.data} is {dataset.kind}"
            )
        experiment = replace(experiment, annotations=dataset.annotations)
    return experiment, dataset


def find(name: str) -> Experiment:
    """The experiment of a name, as it is without settings. Raises ``Error``."""
    if name not in DEFAULTS:
        raise Error(f"there is no experiment {name!r}: take one of {', '.join(DEFAULTS)}")
    return DEFAULTS[name]
