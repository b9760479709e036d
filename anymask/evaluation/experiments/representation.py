"""Representation: which regions and income groups a dataset's images come from (§6, Table 1, §C).

Counted are images by country; a table says where each was taken, or what its caption is, or how
many there are of each country.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

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
from anymask.evaluation.experiment import Row
from anymask.evaluation.report.published import REPRESENTATION

IMAGE, COUNTRY, CAPTION, IMAGES = "image", "country", "caption", "images"
EXPECTED = "image,country or image,caption, or country,images with numbers of images"
MOST_NAMED = 1000  # images without a country; beyond, they are only counted
DIGITS = 5

PassedOver = list[dict[str, str]]


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


def representation(path: Path) -> tuple[dict[str, float], list[Row], PassedOver]:
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


def beside_published(metrics: Mapping[str, float]) -> list[Row]:
    """A row for each region and income group, as Table 1 has them: this dataset's figures, and the
    paper's of SA-1B, COCO and Open Images, all shares of images as fractions of 1."""
    return [
        {
            "group": one.group,
            "countries": int(metrics[f"countries/{one.group}"]),
            "listed": int(metrics[f"listed/{one.group}"]),
            "images": int(metrics[f"images/{one.group}"]),
            "share": metrics.get(f"share/{one.group}"),
            "sa_1b": one.sa_1b,
            "coco": one.coco,
            "open_images": one.open_images,
        }
        for one in REPRESENTATION
    ]


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
    found = find_country(country)
    if found:
        count.by_country[found.code] += images
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
    yield from _of_groups(count, REGIONS, {code: one.region for code, one in countries().items()})
    yield from _of_groups(count, INCOMES, {code: one.income for code, one in countries().items()})


def _of_groups(
    count: Count, groups: Sequence[str], group_of: Mapping[str, str | None]
) -> Iterator[tuple[str, float]]:
    """Figures of the groups of one kind; countries that are in none of them are left out."""
    members = {
        group: [one for code, one in countries().items() if group_of[code] == group]
        for group in groups
    }
    images = {group: sum(count.by_country[one.code] for one in members[group]) for group in groups}
    listed = {group: _listed(group, members[group]) for group in groups}
    people = {group: sum(one.population for one in members[group]) for group in groups}
    for group in groups:
        seen = [one for one in members[group] if one.is_listed and count.by_country[one.code]]
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
    return economies_in(group) if group in INCOMES else sum(one.is_listed for one in members)
