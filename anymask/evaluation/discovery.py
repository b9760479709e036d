"""The experiments by name, found by listing the folder ``experiments``."""

from __future__ import annotations

import inspect
import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from importlib import import_module
from typing import Any

from anymask.core.settings import changeable, override
from anymask.datasets.sample import Dataset
from anymask.errors import Error
from anymask.evaluation import experiments as folder
from anymask.evaluation.experiment import DataExperiment, Experiment
from anymask.evaluation.report.layout import Section
from anymask.evaluation.source import Source


@cache
def experiments() -> Mapping[str, type[Experiment]]:
    """All of them by name, in the order of their places. Raises ``Error`` for two of one name."""
    named: dict[str, type[Experiment]] = {}
    for kind in sorted(_in_folder(), key=lambda kind: (kind.place, kind.name)):
        if kind.name in named:
            modules = f"{named[kind.name].__module__} and {kind.__module__}"
            raise Error(f"{modules} both hold an experiment {kind.name!r}")
        named[kind.name] = kind
    return named


@cache
def image_experiments() -> Mapping[str, DataExperiment[Any]]:
    """Those that ask a model about data, as they are without settings, in order."""
    return {
        name: kind() for name, kind in experiments().items() if issubclass(kind, DataExperiment)
    }


def sections() -> dict[str, Section]:
    """The sections of the report by the experiment's name, in the order of the page."""
    return {name: Section(kind.title, kind.section) for name, kind in experiments().items()}


def find(name: str) -> DataExperiment[Any]:
    """The experiment of a name, as it is without settings. Raises ``Error``."""
    known = image_experiments()
    if name not in known:
        raise Error(f"there is no experiment {name!r}: take one of {', '.join(known)}")
    return known[name]


def prepare(
    name: str, source: Source, settings: Sequence[str] = (), seed: int = 0
) -> tuple[DataExperiment[Any], Dataset]:
    """An experiment with ``field=value`` settings, and its data. Raises ``Error``.

    seed: of the experiment, where it has one and no setting says otherwise.
    """
    experiment = find(name)
    if "seed" in changeable(experiment):
        settings = [f"seed={seed}", *settings]
    return override(experiment, settings, name).open(source)


def _in_folder() -> Iterator[type[Experiment]]:
    """The classes that a file of the folder defines, not those that it imports."""
    for file in pkgutil.iter_modules(folder.__path__):
        module = import_module(f"{folder.__name__}.{file.name}")
        for _, kind in inspect.getmembers(module, inspect.isclass):
            is_own = kind.__module__ == module.__name__
            if is_own and issubclass(kind, Experiment) and not inspect.isabstract(kind):
                yield kind
