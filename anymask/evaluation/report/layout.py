"""Layout: what the report's sections are made of: labels, tables, figures.

A metric has the name that results give it, and is a fraction of 1 there and in published tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from anymask.evaluation.report.markdown import bare, count, escaped, per_cent, table
from anymask.evaluation.result import NO_MODEL, Result


@dataclass(frozen=True)
class Figure:
    """A PNG to be drawn. name: of its file, without the ending."""

    name: str
    caption: str
    draw: Callable[[], bytes]


Block = str | Figure
Blocks = Iterator[Block]


@dataclass(frozen=True)
class Column:
    """Of a table: its head, which metric, and how it is shown."""

    head: str
    metric: str
    show: Callable[[float | None], str] = per_cent

    def of(self, metrics: Mapping[str, float]) -> str:
        """A row's cell, of its metrics."""
        return self.show(metrics.get(self.metric))


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


@dataclass(frozen=True)
class Labels:
    """What rows and lines are called. models: the ids of those that results are of."""

    models: tuple[str, ...] = ()

    @property
    def compared(self) -> bool:
        """Whether there are several models."""
        return len(self.models) > 1

    @property
    def heads(self) -> list[str]:
        """The heads of the columns that ``cells`` fills."""
        return ["dataset", *["model"] * self.compared, "images"]

    @property
    def texts(self) -> int:
        """How many of the heads are above texts."""
        return 1 + self.compared

    def model(self, result: Result) -> str:
        """The model's name, or the detector's that stands for one; with its hash if need be."""
        if result.model == NO_MODEL:
            return str(result.options.get("detector") or "no model")
        name = short_name(result.model)
        alike = [model for model in self.models if short_name(model) == name]
        return name if len(alike) < 2 else bare(result.model)

    def title(self, result: Result) -> str:
        """What is said of one result alone: its data, how many images, and of which model."""
        model = f", {escaped(self.model(result))}" if self.compared else ""
        return f"{escaped(bare(result.data))}{model} ({count(result.images)} images)"

    def cells(self, result: Result) -> list[str]:
        """The first cells of a result's row: data, model if there are several, images."""
        model = [escaped(self.model(result))] * self.compared
        return [escaped(bare(result.data)), *model, count(result.images)]

    def lines(self, results: Sequence[Result]) -> dict[str, Result]:
        """The results by names that tell them apart."""
        named: dict[str, Result] = {}
        for result in results:
            name = bare(result.data)
            name = f"{name}, {self.model(result)}" if self.compared else name
            name = f"{name}, {result.images} images" if name in named else name
            while name in named:
                name += " (again)"
            named[name] = result
        return named


@dataclass(frozen=True)
class Section:
    """Of the report, about one experiment. blocks: lays its results out, at least one."""

    title: str
    blocks: Callable[[Sequence[Result], Labels], Blocks]


def short_name(model: str) -> str:
    """Of a model id: without its hash."""
    return bare(model.rpartition("@")[0] or model)


def own_table(results: Sequence[Result], labels: Labels, columns: Sequence[Column]) -> str:
    """A table of results alone, a row each."""
    rows = [
        [*labels.cells(result), *(column.of(result.metrics) for column in columns)]
        for result in results
    ]
    return table([*labels.heads, *(column.head for column in columns)], rows, labels.texts)


def table_beside(
    ours: Sequence[tuple[str, Result]], paper: PublishedTable, columns: Sequence[Column]
) -> str:
    """Results by what they are called, above the rows of a table of the paper."""
    rows = [
        [f"**{escaped(name)}**", _data(result), *(column.of(result.metrics) for column in columns)]
        for name, result in ours
    ]
    for row in paper.rows:
        name = f"{paper.where}: {row.method}{', trained on it' if row.trained else ''}"
        rows.append([name, paper.data, *(column.of(row.metrics) for column in columns)])
    return table(["method", "data", *(column.head for column in columns)], rows, texts=2)


def has(results: Sequence[Result], column: Column) -> bool:
    """Whether one of them has the figure."""
    return any(column.metric in result.metrics for result in results)


def heading(title: str) -> list[str]:
    """Of a part of a section, if it needs one."""
    return [f"### {title[:1].upper()}{title[1:]}"] if title else []


def numbered(name: str, number: int) -> str:
    """The name of a figure of the first, second, … part of a section."""
    return name if number == 1 else f"{name}-{number}"


def by_model(results: Sequence[Result], labels: Labels) -> dict[str, list[Result]]:
    """Results of a model each; all together where there is but one."""
    models: dict[str, list[Result]] = {}
    for result in results:
        models.setdefault(result.model if labels.compared else "", []).append(result)
    return models


def mean(results: Sequence[Result], metric: str) -> float | None:
    """Over results, each counting alike; None if one lacks the metric."""
    values = [result.metrics[metric] for result in results if metric in result.metrics]
    return sum(values) / len(values) if len(values) == len(results) else None


def by_number(result: Result, prefix: str, numbers: Iterable[int]) -> dict[int, float]:
    """Metrics whose names end in one of these numbers, by it; those that the result has."""
    return {
        number: result.metrics[f"{prefix}{number}"]
        for number in numbers
        if f"{prefix}{number}" in result.metrics
    }


def _data(result: Result) -> str:
    split = result.options.get("split")
    names = [escaped(bare(result.data)), *[escaped(f"{split} split")] * bool(split)]
    return f"{', '.join(names)} ({count(result.images)} images)"
