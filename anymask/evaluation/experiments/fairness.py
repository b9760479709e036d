"""Fairness: whether people, or things, of one kind are segmented as well as those of another (§6).

The paper draws the first point at random, looks at 1 and 3 points, and says of which groups the
95 % confidence intervals overlap (§C, fairness in segmenting people).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar

from anymask.core.protocol import Segmenter
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import VOID_GROUP, Sample
from anymask.evaluation.click_rounds import ALL_OBJECTS, OPTION_WORDS
from anymask.evaluation.experiment import ImageExperiment
from anymask.evaluation.experiments.points import RANDOM, Points
from anymask.evaluation.measures.bootstrap import Bootstrap, Interval
from anymask.evaluation.measures.group_table import GROUP, GroupTable, read_groups
from anymask.evaluation.measures.groups import (
    CLICKS,
    FEWEST_IMAGES,
    FEWEST_MASKS,
    Comparison,
    MaskGroup,
    by_value,
    statement,
)
from anymask.evaluation.report import figures
from anymask.evaluation.report.departures import PublishedProtocol, notes
from anymask.evaluation.report.figures import GroupMeans
from anymask.evaluation.report.layout import Blocks, Figure, Labels, numbered
from anymask.evaluation.report.markdown import DASH, count, escaped, per_cent, table
from anymask.evaluation.result import Result, Row

PROTOCOL = PublishedProtocol(
    "the paper (§6, §C)",
    {"first": RANDOM, "level": 0.95, **ALL_OBJECTS},
    words={
        "first": "first point",
        "level": "level of intervals",
        "fewest": "fewest masks for an interval",
        "fewest_images": "fewest images for an interval",
        **OPTION_WORDS,
    },
    unsaid=frozenset({"table", "table_sha256"}),
)


@dataclass(frozen=True)
class PublishedInterval:
    """A mean and half the width of its 95 % confidence interval."""

    mean: float
    margin: float


@dataclass(frozen=True)
class PublishedGroup:
    """People (Table 2) or clothes of people (Table 6) who share the value of an attribute."""

    attribute: str
    value: str
    one_point: PublishedInterval
    three_points: PublishedInterval

    @classmethod
    def of_per_cent(
        cls, attribute: str, value: str, one: tuple[float, float], three: tuple[float, float]
    ) -> PublishedGroup:
        """From means and margins after one and three points in per cent, as the tables print."""
        one_point, three_points = (
            PublishedInterval(round(mean / 100, 5), round(margin / 100, 5))
            for mean, margin in (one, three)
        )
        return cls(attribute, value, one_point, three_points)


_group = PublishedGroup.of_per_cent
GENDER, AGE, SKIN = "perceived gender presentation", "perceived age group", "perceived skin tone"
PEOPLE_TABLE = "Table 2"
PEOPLE = (
    _group(GENDER, "feminine", (54.4, 1.7), (90.4, 0.6)),
    _group(GENDER, "masculine", (55.7, 1.7), (90.1, 0.6)),
    _group(AGE, "older", (62.9, 6.7), (92.6, 1.3)),
    _group(AGE, "middle", (54.5, 1.3), (90.2, 0.5)),
    _group(AGE, "young", (54.2, 2.2), (91.2, 0.7)),
    _group(SKIN, "1", (52.9, 2.2), (91.0, 0.9)),
    _group(SKIN, "2", (51.5, 1.4), (91.1, 0.5)),
    _group(SKIN, "3", (52.2, 1.9), (91.4, 0.7)),
    _group(SKIN, "4", (51.5, 2.7), (91.7, 1.0)),
    _group(SKIN, "5", (52.4, 4.2), (92.5, 1.4)),
    _group(SKIN, "6", (56.7, 6.3), (91.2, 2.4)),
)
CLOTHES = (  # Table 6
    _group(GENDER, "feminine", (76.3, 1.1), (90.7, 0.5)),
    _group(GENDER, "masculine", (81.0, 1.2), (92.3, 0.4)),
    _group(AGE, "older", (81.9, 3.8), (92.8, 1.6)),
    _group(AGE, "middle", (78.2, 0.8), (91.3, 0.3)),
    _group(AGE, "young", (77.3, 2.7), (91.5, 0.9)),
)
Intervals = Mapping[int, Interval]  # of a group's means, by the number of clicks; maybe none
COMPARED_BY = ("fewest", "fewest_images", "level", "resamples", "seed")  # options
# What the name of an attribute has in it, to be one of Table 2's.
ATTRIBUTES = {"gender": GENDER, "age": AGE, "skin": SKIN}


@dataclass(frozen=True)
class Fairness(ImageExperiment):
    """Mean IoU after 1 and 3 clicks by the values of attributes, with bootstrap intervals.

    table: path of a table of groups (``measures.group_table``), whose masks alone are asked about;
        "": the dataset's own groups are the values of the only attribute.
    first, masks_per_image, smallest_px: as ``Points`` has them.
    fewest, fewest_images: groups of fewer masks or images get no interval. level, resamples:
        ``Bootstrap``. seed: of points and intervals.
    """

    name: ClassVar[str] = "fairness"
    title: ClassVar[str] = "Fairness"
    summary: ClassVar[str] = "mIoU by group at 1 and 3 clicks, from a table of groups (§6)."
    place: ClassVar[int] = 60
    protocol: ClassVar[PublishedProtocol | None] = PROTOCOL

    table: str = ""
    first: str = RANDOM
    masks_per_image: int | None = None
    smallest_px: int = 0
    fewest: int = FEWEST_MASKS
    fewest_images: int = FEWEST_IMAGES
    level: float = 0.95
    resamples: int = 2000
    seed: int = 0

    def __post_init__(self) -> None:
        _ = self.points, self.comparison  # which raise Error for what they can't do

    @property
    def points(self) -> Points:
        """What is asked about each mask."""
        return Points(CLICKS, self.first, False, self.masks_per_image, self.smallest_px, self.seed)

    @property
    def comparison(self) -> Comparison:
        """Which groups get intervals, and how these are made."""
        bootstrap = Bootstrap(self.level, self.resamples, self.seed)
        return Comparison(self.fewest, self.fewest_images, bootstrap)

    @cached_property
    def groups(self) -> GroupTable | None:
        """The table. Raises ``DatasetError``."""
        return read_groups(Path(self.table)) if self.table else None

    def options(self) -> Mapping[str, Any]:
        """All that a figure depends on besides model and data. Raises ``DatasetError``."""
        return {
            "table": Path(self.table).name if self.table else "",
            **({"table_sha256": self.groups.sha256} if self.groups else {}),
            "first": self.first,
            "masks_per_image": self.masks_per_image,
            "smallest_px": self.smallest_px,
            "fewest": self.fewest,
            "fewest_images": self.fewest_images,
            "level": self.level,
            "resamples": self.resamples,
            "seed": self.seed,
        }

    def rows(self, sam: Segmenter, sample: Sample) -> list[Row]:
        """A row a mask: IoUs and attributes. Nothing is asked about masks without an attribute.

        A mask of the table that the image does not have gives a row that says so.
        """
        if self.groups is None:
            return [
                _row(row, {GROUP: row["group"]} if row["group"] else {})
                for row in self.points.rows(sam, sample)
            ]
        known, unknown = self.groups.attributes_of(sample)
        missing: list[Row] = [{"mask": number, "unknown": True} for number in unknown]
        if not known:
            return missing
        kept, reduced = _reduced(sample, known)
        rows = [{**row, "mask": kept[row["mask"]]} for row in self.points.rows(sam, reduced)]
        return [_row(row, known[row["mask"]]) for row in rows] + missing

    def metrics(self, rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
        """Mean IoU of each value of each attribute, its interval, and how many masks it is of.

        With a table, also how many of its masks no image had (``unknown_masks``), and of how many
        of its images nothing was found: they were not in the data, not drawn or not readable
        (``unseen_images``).
        """
        for group in by_value(rows):
            yield f"masks/{group.label}", float(len(group.ious[CLICKS[0]]))
            intervals = group.intervals(self.comparison)
            for clicks in CLICKS:
                yield f"miou_{clicks}/{group.label}", group.mean(clicks)
                if clicks in intervals:
                    yield f"miou_{clicks}/{group.label}/low", intervals[clicks].low
                    yield f"miou_{clicks}/{group.label}/high", intervals[clicks].high
        if self.groups is not None:
            yield "unknown_masks", float(sum("unknown" in row for row in rows))
            yield "unseen_images", float(len(self.notes({row["image"] for row in rows})))

    def notes(self, names: Collection[str]) -> list[Unread]:
        """The table's images that are none of these samples. Raises ``DatasetError``."""
        unknown = self.groups.images_beyond(names) if self.groups else []
        return [Unread(name, "is in the table, but not in the data") for name in unknown]

    @classmethod
    def section(cls, results: Sequence[Result], labels: Labels) -> Blocks:
        """mIoU of groups beside Table 2, and what can be said of their differences."""
        for number, result in enumerate(results, start=1):
            if len(results) > 1:
                yield f"### {labels.title(result)}"
            yield " ".join(notes([result], PROTOCOL))
            comparison = _comparison(result)
            groups = by_value(result.rows)
            intervals = [group.intervals(comparison) for group in groups]
            yield _table(groups, intervals) if groups else ""
            sentences = statement(result.rows, comparison) or ["No mask has an attribute."]
            yield "\n".join(f"- {escaped(sentence)}" for sentence in sentences)
            if groups:
                means = list(map(_means, groups, intervals))
                draw = partial(figures.fairness, means)
                yield Figure(numbered("fairness", number), "mIoU of groups, and its interval", draw)


def _reduced(sample: Sample, known: Collection[int]) -> tuple[list[int], Sample]:
    """A sample of some masks and, so that they go on not to count, of undecided pixels; and which
    numbers its masks had before."""
    kept = [
        number
        for number, group in enumerate(sample.groups)
        if number in known or group is VOID_GROUP
    ]
    masks = tuple(sample.masks[number] for number in kept)
    groups = tuple(sample.groups[number] for number in kept)
    return kept, replace(sample, masks=masks, groups=groups, details=())


def _row(row: Row, attributes: Mapping[str, str]) -> Row:
    ious = {f"iou_{number}": row[f"iou_{number}"] for number in CLICKS}
    return {"mask": row["mask"], "group": row["group"], **ious, "attributes": dict(attributes)}


def _comparison(result: Result) -> Comparison:
    """How the groups of a result were compared, by its options."""
    known = Fairness()
    options = {key: result.options.get(key, getattr(known, key)) for key in COMPARED_BY}
    return replace(known, **options).comparison


def _table(groups: Sequence[MaskGroup], intervals: Sequence[Intervals]) -> str:
    """A row a group, beside the group of Table 2 that has its name."""
    published = [_alike(group) for group in groups]
    beside = any(published)
    rows = []
    for group, by_clicks, paper in zip(groups, intervals, published):
        cells = [per_cent(group.mean(clicks)) for clicks in CLICKS]
        if by_clicks:
            ends = [(by_clicks[clicks].low, by_clicks[clicks].high) for clicks in CLICKS]
            cells = [
                f"{cell} ({per_cent(low)}–{per_cent(high)})"
                for cell, (low, high) in zip(cells, ends)
            ]
        if beside:
            cells += [_shown(paper.one_point) if paper else DASH]
            cells += [_shown(paper.three_points) if paper else DASH]
        names = [escaped(group.attribute), escaped(group.value)]
        rows.append([*names, count(len(group.images)), *cells])
    head = ["attribute", "group", "masks", "1 point", "3 points"]
    paper_head = [f"{PEOPLE_TABLE}: 1 point", f"{PEOPLE_TABLE}: 3 points"]
    return table([*head, *paper_head * beside], rows, texts=2)


def _means(group: MaskGroup, intervals: Intervals) -> GroupMeans:
    """For the figure; a group without an interval has its mean for both ends."""
    by_clicks = {clicks: (group.mean(clicks),) * 3 for clicks in CLICKS}
    for clicks, interval in intervals.items():
        by_clicks[clicks] = (interval.mean, interval.low, interval.high)
    return GroupMeans(group.attribute, group.value, by_clicks)


def _shown(interval: PublishedInterval) -> str:
    return f"{per_cent(interval.mean)} ± {per_cent(interval.margin)}"


def _alike(group: MaskGroup) -> PublishedGroup | None:
    """The group of Table 2 that has this name."""
    words, values = _words(group.attribute), _words(group.value)
    attributes = [name for word, name in ATTRIBUTES.items() if word in words]
    for published in PEOPLE:
        if attributes == [published.attribute] and published.value in values:
            return published
    return None


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())
