"""Representation: which regions and income groups a dataset's images come from (§6, Table 1, §C).

Counted are images by country; a table says where each was taken, or what its caption is, or how
many there are of each country.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from anymask.datasets.captions import How, place_of
from anymask.datasets.csv_table import Cells, columns_of, missing, read_table
from anymask.datasets.geography import (
    INCOMES,
    REGIONS,
    Country,
    countries,
    economies_in,
    find_country,
)
from anymask.errors import DatasetError
from anymask.evaluation.experiment import Experiment
from anymask.evaluation.provenance import stamp
from anymask.evaluation.report.layout import Blocks, Labels
from anymask.evaluation.report.markdown import DASH, bare, decimals, escaped, per_cent, table
from anymask.evaluation.report.markdown import count as shown
from anymask.evaluation.result import NO_MODEL, Result, Row
from anymask.weights.fetch import sha256_of

IMAGE, COUNTRY, CAPTION, IMAGES = "image", "country", "caption", "images"
EXPECTED = "image,country or image,caption, or country,images with numbers of images"
MOST_NAMED = 1000  # images without a country; beyond, they are only counted
DIGITS = 5

HASH_DIGITS = 16

PassedOver = list[dict[str, str]]
Metrics = dict[str, float]


@dataclass(frozen=True)
class PublishedShare:
    """Images of a region or an income group (Table 1).

    countries, images, masks: of SA-1B, the latter two as rounded there. The shares are of images:
    in COCO and Open Images, of those (24 % and 18 % of the training set) with a known location.
    """

    group: str
    countries: int
    images: int
    masks: float
    sa_1b: float
    coco: float
    open_images: float


PUBLISHED = (
    PublishedShare("Africa", 54, 300_000, 28e6, 0.028, 0.030, 0.017),
    PublishedShare("Asia & Oceania", 70, 3_900_000, 423e6, 0.362, 0.114, 0.143),
    PublishedShare("Europe", 47, 5_400_000, 540e6, 0.498, 0.342, 0.362),
    PublishedShare("Latin America & Caribbean", 42, 380_000, 36e6, 0.035, 0.031, 0.050),
    PublishedShare("North America", 4, 830_000, 80e6, 0.077, 0.483, 0.428),
    PublishedShare("high income", 81, 5_800_000, 598e6, 0.540, 0.891, 0.875),
    PublishedShare("middle income", 108, 4_900_000, 499e6, 0.450, 0.105, 0.120),
    PublishedShare("low income", 28, 100_000, 9.4e6, 0.009, 0.004, 0.005),
)


@dataclass
class Count:
    """What was counted. by_country: images by code. unplaced: images by the reason.

    passed_over: which those are, the first ``MOST_NAMED`` of them.
    """

    by_country: Counter[str] = field(default_factory=Counter)
    unplaced: Counter[str] = field(default_factory=Counter)
    passed_over: PassedOver = field(default_factory=list)

    def leave_out(self, name: str, kind: str, reason: str, images: int = 1) -> None:
        """Count images of which no country is known."""
        self.unplaced[kind] += images
        if len(self.passed_over) < MOST_NAMED:
            self.passed_over.append({"name": name, "reason": reason})


class Representation(Experiment):
    """Images by country, region and income group. It asks no model and needs no image: ``result``
    makes all of it from a table."""

    name: ClassVar[str] = "representation"
    title: ClassVar[str] = "Representation"
    place: ClassVar[int] = 70

    @classmethod
    def result(cls, path: Path, command: str = "") -> Result:
        """What ``representation`` finds, with all that it came from. Raises ``DatasetError``.

        command: that asked for it.
        """
        metrics, rows, passed_over = representation(path)
        return Result(
            experiment=cls.name,
            options={},
            data=path.name,
            data_kind="table of countries",
            data_fingerprint=sha256_of(path)[:HASH_DIGITS],
            model=NO_MODEL,
            images=int(metrics["images/placed"]),
            metrics=metrics,
            command=command,
            **stamp(),
            passed_over=passed_over,
            rows=rows,
        )

    @classmethod
    def section(cls, results: Sequence[Result], labels: Labels) -> Blocks:
        """Where images come from, by region and income, beside Table 1."""
        for result in results:
            if len(results) > 1:
                yield f"### {labels.title(result)}"
            placed, unplaced = (result.metrics.get(f"images/{x}") for x in ("placed", "unplaced"))
            yield (
                f"{escaped(bare(result.data))}: the country of {shown(placed)} images is known, "
                f"that of {shown(unplaced)} is not. Shares are of the former. by people: the share "
                f"of images to that of the world's people; 1 is in proportion."
            )
            yield _table(result.metrics)


def representation(path: Path) -> tuple[Metrics, list[Row], PassedOver]:
    """Where a dataset's images come from, by a CSV table of them: metrics, rows, passed over.

    path: columns ``image,country`` (ISO 3166 alpha-2 or alpha-3 code, or English name) or
    ``image,caption``, or both: the caption is asked where there is no country; or
    ``country,images``. A row a country: its region and income group, how many images, which share.

    Metrics, of each region and income group: ``images/…``, ``share/…`` of the images that are of
    any; ``countries/…``: of how many of its countries there are images, ``listed/…``: how many it
    has; ``by_countries/…``: its share of images to that of countries, ``by_population/…``: to that
    of people; 1 is in proportion. ``images/placed`` and ``images/unplaced`` count all; the latter
    also by the reason, ``unplaced/…``.

    Raises ``DatasetError`` for a table that can't be read or lacks columns, for a number of images
    that is none, and where no image has a country; ``MissingExtraError``.
    """
    count = _counted(path)
    total = count.by_country.total()
    if not total:
        raise DatasetError(
            f"{path}: no image's country is known; {sum(count.unplaced.values())} are unplaced"
        )
    rows = [
        _row(countries()[code], images, total)
        for code, images in count.by_country.most_common()
        if images
    ]
    return dict(_metrics(count)), rows, count.passed_over


def _counted(path: Path) -> Count:
    columns = columns_of(path)
    count = Count()
    if {COUNTRY, IMAGES} <= set(columns):
        for line, cells in read_table(path):
            _add(count, cells[COUNTRY], cells[COUNTRY], _number(path, line, cells[IMAGES]))
        return count
    if IMAGE not in columns or not {COUNTRY, CAPTION} & set(columns):
        raise missing(path, columns, EXPECTED)
    for _, cells in read_table(path):
        _place(count, cells)
    return count


def _place(count: Count, cells: Cells) -> None:
    """An image by its country or, if it has none, by its caption."""
    name, caption = cells[IMAGE], cells.get(CAPTION, "")
    if cells.get(COUNTRY) or not caption:
        _add(count, name, cells.get(COUNTRY, ""), 1)
        return
    place = place_of(caption)
    if place.country:
        count.by_country[place.country] += 1
    elif place.how == How.ambiguous:
        count.leave_out(name, "ambiguous", "has a caption that may mean more than one country")
    else:
        count.leave_out(name, "nowhere", "has a caption in which no country is known")


def _add(count: Count, name: str, country: str, images: int) -> None:
    known = find_country(country)
    if known:
        count.by_country[known.code] += images
    elif country:
        reason = f"is of {country!r}, which is no country's code or English name"
        count.leave_out(name, "unknown", reason, images)
    else:
        count.leave_out(name, "empty", "has no country", images)


def _number(path: Path, line: int, cell: str) -> int:
    if not (cell.isascii() and cell.isdigit()):
        raise DatasetError(f"{path}, line {line}: {cell!r} is no number of images")
    return int(cell)


def _row(country: Country, images: int, total: int) -> Row:
    return {
        "country": country.code,
        "name": country.name,
        "region": country.region,
        "income": country.income,
        "images": images,
        "share": round(images / total, DIGITS),
    }


def _metrics(count: Count) -> Iterator[tuple[str, float]]:
    yield "images/placed", float(count.by_country.total())
    yield "images/unplaced", float(count.unplaced.total())
    for kind, images in sorted(count.unplaced.items()):
        yield f"unplaced/{kind}", float(images)
    regions = {code: country.region for code, country in countries().items()}
    yield from _of_groups(count, REGIONS, regions)
    incomes = {code: country.income for code, country in countries().items()}
    yield from _of_groups(count, INCOMES, incomes)


def _of_groups(
    count: Count, groups: Sequence[str], group_of: Mapping[str, str | None]
) -> Iterator[tuple[str, float]]:
    """Figures of the groups of one kind; countries that are in none of them are left out."""
    members = {
        group: [country for code, country in countries().items() if group_of[code] == group]
        for group in groups
    }
    images = {
        group: sum(count.by_country[country.code] for country in members[group]) for group in groups
    }
    listed = {group: _listed(group, members[group]) for group in groups}
    people = {group: sum(country.population for country in members[group]) for group in groups}
    for group in groups:
        seen = [
            country
            for country in members[group]
            if country.is_listed and count.by_country[country.code]
        ]
        yield f"images/{group}", float(images[group])
        yield f"countries/{group}", float(len(seen))
        yield f"listed/{group}", float(listed[group])
        if sum(images.values()):
            share = images[group] / sum(images.values())
            yield f"share/{group}", share
            yield f"by_countries/{group}", share / (listed[group] / sum(listed.values()))
            yield f"by_population/{group}", share / (people[group] / sum(people.values()))


def _listed(group: str, members: Sequence[Country]) -> int:
    """How many countries Table 1 has in a region, or economies in an income group."""
    if group in INCOMES:
        return economies_in(group)
    return sum(country.is_listed for country in members)


def _table(metrics: Mapping[str, float]) -> str:
    """A row for each region and income group, beside those of Table 1."""
    published = {row.group: row for row in PUBLISHED}
    rows = []
    for group in (*REGIONS, *INCOMES):
        if f"countries/{group}" not in metrics:
            continue
        seen, listed = (metrics.get(f"{kind}/{group}") for kind in ("countries", "listed"))
        rows.append(
            [
                escaped(group),
                per_cent(metrics.get(f"share/{group}")),
                shown(metrics.get(f"images/{group}")),
                f"{shown(seen)} of {shown(listed)}",
                decimals(metrics.get(f"by_population/{group}")),
                *_published_cells(published.get(group)),
            ]
        )
    beside = [f"Table 1: {name}" for name in ("SA-1B", "its countries", "COCO", "Open Images")]
    return table(["group", "share", "images", "countries", "by people", *beside], rows)


def _published_cells(row: PublishedShare | None) -> list[str]:
    if row is None:
        return [DASH] * 4
    return [
        per_cent(row.sa_1b),
        shown(row.countries),
        per_cent(row.coco),
        per_cent(row.open_images),
    ]
