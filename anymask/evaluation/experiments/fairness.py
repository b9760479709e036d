"""Fairness: whether people, or things, of one kind are segmented as well as those of another (§6).

The paper draws the first point at random, looks at 1 and 3 points, and says of which groups the
95 % confidence intervals overlap (§C, fairness in segmenting people).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import combinations, groupby
from pathlib import Path
from typing import Any

from anymask.core.protocol import Segmenter
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import VOID_GROUP, Sample
from anymask.evaluation.experiment import Experiment, Row
from anymask.evaluation.experiments.points import RANDOM, Points
from anymask.evaluation.measures.bootstrap import Bootstrap, Interval
from anymask.evaluation.measures.group_table import GROUP, GroupTable, read_groups

CLICKS = (1, 3)
FEWEST_MASKS, FEWEST_IMAGES = 10, 5
MOST_COMPARED = 12  # values of an attribute: more give more pairs than anybody reads
NAMED = 5


@dataclass(frozen=True)
class Fairness(Experiment):
    """Mean IoU after 1 and 3 clicks by the values of attributes, with bootstrap intervals.

    table: path of a table of groups (``groups.read_groups``), whose masks alone are asked about;
        "": the dataset's own groups are the values of the only attribute.
    first, masks_per_image, smallest_px: as ``Points`` has them.
    fewest, fewest_images: groups of fewer masks or images get no interval. level, resamples:
        ``Bootstrap``. seed: of points and intervals.
    """

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
        _ = self.points, self.bootstrap  # which raise Error for what they can't do

    @property
    def name(self) -> str:
        """As ``anymask evaluate`` calls it."""
        return "fairness"

    @property
    def points(self) -> Points:
        """What is asked about each mask."""
        return Points(CLICKS, self.first, False, self.masks_per_image, self.smallest_px, self.seed)

    @property
    def bootstrap(self) -> Bootstrap:
        """How intervals are made."""
        return Bootstrap(self.level, self.resamples, self.seed)

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
        found = [{**row, "mask": kept[row["mask"]]} for row in self.points.rows(sam, reduced)]
        return [_row(row, known[row["mask"]]) for row in found] + missing

    def metrics(self, rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
        """Mean IoU of each value of each attribute, its interval, and how many masks it is of.

        With a table, also how many of its masks no image had (``unknown_masks``), and of how many
        of its images nothing was found: they were not in the data, not drawn or not readable
        (``unseen_images``).
        """
        for group in by_value(rows):
            yield f"masks/{group.label}", float(len(group.ious[CLICKS[0]]))
            for clicks in CLICKS:
                yield f"miou_{clicks}/{group.label}", group.mean(clicks)
                if group.is_enough(self.fewest, self.fewest_images):
                    interval = group.interval(clicks, self.bootstrap)
                    yield f"miou_{clicks}/{group.label}/low", interval.low
                    yield f"miou_{clicks}/{group.label}/high", interval.high
        if self.groups is not None:
            yield "unknown_masks", float(sum("unknown" in row for row in rows))
            yield "unseen_images", float(len(self.notes({row["image"] for row in rows})))

    def notes(self, names: Collection[str]) -> list[Unread]:
        """The table's images that are none of these samples. Raises ``DatasetError``."""
        unknown = self.groups.images_beyond(names) if self.groups else []
        return [Unread(name, "is in the table, but not in the data") for name in unknown]


@dataclass(frozen=True, eq=False)
class Group:
    """The masks that share a value of an attribute.

    images: of each mask. ious: by the number of clicks, of each mask.
    """

    attribute: str
    value: str
    images: Sequence[str]
    ious: Mapping[int, Sequence[float]]

    @property
    def label(self) -> str:
        """As metrics have it."""
        return f"{self.attribute}={self.value}"

    def mean(self, clicks: int) -> float:
        """Of the IoUs."""
        return float(sum(self.ious[clicks]) / len(self.ious[clicks]))

    def is_enough(self, masks: int, images: int) -> bool:
        """Whether there is enough of it for an interval. Images are what is drawn again."""
        return len(self.images) >= masks and len(set(self.images)) >= max(2, images)

    def interval(self, clicks: int, bootstrap: Bootstrap) -> Interval:
        """Of the mean."""
        return bootstrap.mean(self.ious[clicks], self.images)

    def lead(self, other: Group, clicks: int, bootstrap: Bootstrap) -> Interval:
        """How much higher its mean is than another's."""
        mine, others = self.ious[clicks], other.ious[clicks]
        return bootstrap.difference(mine, self.images, others, other.images)


def by_value(rows: Sequence[Row]) -> list[Group]:
    """The groups of rows, sorted by attribute and value."""
    members: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        for attribute, value in row.get("attributes", {}).items():
            members.setdefault((attribute, value), []).append(row)
    return [
        Group(
            *key,
            [row["image"] for row in members[key]],
            {number: [row[f"iou_{number}"] for row in members[key]] for number in CLICKS},
        )
        for key in sorted(members)
    ]


def statement(
    rows: Sequence[Row],
    fewest: int = FEWEST_MASKS,
    fewest_images: int = FEWEST_IMAGES,
    bootstrap: Bootstrap = Bootstrap(),  # noqa: B008 — a frozen value
) -> list[str]:
    """What the rows say of overlap, attribute by attribute, in sentences; all mIoUs in per cent.

    Intervals that overlap don't prove that groups are served alike, and even then the interval of
    their difference may leave out 0. No correction is made for the number of pairs.
    """
    sentences = []
    for attribute, members in groupby(by_value(rows), lambda group: group.attribute):
        groups = list(members)
        enough = [group for group in groups if group.is_enough(fewest, fewest_images)]
        if len(enough) > 1:
            for clicks in CLICKS:
                sentences += _compared(attribute, enough, clicks, bootstrap)
        elif len(groups) > 1 or not enough:
            sentences.append(f"{attribute}: too few masks to compare its values.")
        few = [group for group in groups if group not in enough]
        if few:
            sentences.append(f"{attribute}: no interval for {_listed(map(_counted, few))}.")
    missing = [f"{row['image']} {row['mask']}" for row in rows if "unknown" in row]
    if missing:
        sentences.append(f"Masks of the table that their images don't have: {_listed(missing)}.")
    return sentences


def _compared(
    attribute: str, groups: Sequence[Group], clicks: int, bootstrap: Bootstrap
) -> list[str]:
    """Sentences about the pairs of an attribute's values."""
    where = f"{attribute} at {clicks} point{'s' * (clicks > 1)}"
    ranked = sorted(groups, key=lambda group: -group.mean(clicks))
    intervals = {group.value: group.interval(clicks, bootstrap) for group in ranked}
    shown = [f"{value} {_per_cent(interval)}" for value, interval in intervals.items()]
    if len(ranked) > MOST_COMPARED:
        shown = [*shown[:3], f"{len(shown) - 6} others", *shown[-3:]]
    sentences = [f"{where}: mIoU in per cent {', '.join(shown)}."]
    pairs = list(combinations(ranked, 2))
    apart = [(a, b) for a, b in pairs if not intervals[a.value].overlaps(intervals[b.value])]
    if not apart:
        sentences.append(
            f"{where}: {'the' if len(pairs) == 1 else 'all'} intervals overlap. That does not show "
            f"that the values are equal, only that these masks don't tell them apart for certain."
        )
    elif len(pairs) > 1:
        sentences.append(
            f"{where}: of {len(pairs)} pairs of intervals, {len(apart)} do not overlap, which "
            f"chance alone brings about now and then where many pairs are compared."
        )
    if len(ranked) > MOST_COMPARED:
        return sentences
    for a, b in pairs:
        lead = a.lead(b, clicks, bootstrap)
        said = f"{a.value} is {_per_cent(lead)} above {b.value}"
        if (a, b) in apart:
            sentences.append(f"{where}: {a.value} and {b.value} don't overlap: {said}.")
        elif not lead.holds(0):
            sentences.append(
                f"{where}: {a.value} and {b.value} overlap, but the interval of their difference "
                f"leaves out 0: {said}."
            )
    return sentences


def _per_cent(interval: Interval) -> str:
    mean, low, high = (100 * one for one in (interval.mean, interval.low, interval.high))
    return f"{mean:.1f} ({low:.1f} to {high:.1f})"


def _counted(group: Group) -> str:
    return f"{group.value} ({len(group.images)} masks in {len(set(group.images))} images)"


def _listed(names: Iterable[str]) -> str:
    several = list(names)
    more = [f"{len(several) - NAMED} others"] if len(several) > NAMED else []
    return ", ".join([*several[:NAMED], *more])


def _reduced(sample: Sample, known: Collection[int]) -> tuple[list[int], Sample]:
    """A sample of some masks and, so that they go on not to count, of undecided pixels; and which
    numbers its masks had."""
    kept = [
        number
        for number, group in enumerate(sample.groups)
        if number in known or group == VOID_GROUP
    ]
    masks = tuple(sample.masks[number] for number in kept)
    groups = tuple(sample.groups[number] for number in kept)
    return kept, replace(sample, masks=masks, groups=groups)


def _row(row: Row, attributes: Mapping[str, str]) -> Row:
    ious = {f"iou_{number}": row[f"iou_{number}"] for number in CLICKS}
    return {"mask": row["mask"], "group": row["group"], **ious, "attributes": dict(attributes)}
