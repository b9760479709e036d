"""Published: tables of papers that results are laid beside, as the experiments hold them.

A metric has the name that results give it, and is a fraction of 1 as there.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

PAPER = "*Segment Anything* (arXiv 2304.02643)"


@dataclass(frozen=True)
class PublishedRow:
    """A method's figures, by the names of metrics; what is missing was not given.

    trained: whether the method learnt from the dataset's own training split.
    """

    method: str
    metrics: Mapping[str, float]
    trained: bool = False


@dataclass(frozen=True)
class PublishedTable:
    """A table of a paper. where: its number; data: what it is about, split included."""

    where: str
    data: str
    rows: tuple[PublishedRow, ...]

    @classmethod
    def of(
        cls,
        where: str,
        data: str,
        metrics: Iterable[str],
        figures: Mapping[str, tuple[float | None, ...]],
        trained: Iterable[str] = (),
    ) -> PublishedTable:
        """From rows of figures by method, in the order of the metrics; None: not given."""
        names, learnt = tuple(metrics), frozenset(trained)
        rows = (
            PublishedRow(
                method,
                {name: value for name, value in zip(names, row, strict=True) if value is not None},
                method in learnt,
            )
            for method, row in figures.items()
        )
        return cls(where, data, tuple(rows))

    @classmethod
    def of_per_cent(
        cls,
        where: str,
        data: str,
        metrics: Iterable[str],
        figures: Mapping[str, tuple[float, ...]],
        trained: Iterable[str] = (),
    ) -> PublishedTable:
        """As ``of``, from figures in per cent."""
        fractions = {
            method: tuple(round(value / 100, 5) for value in row) for method, row in figures.items()
        }
        return cls.of(where, data, metrics, fractions, trained)
