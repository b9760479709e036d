"""Groups: masks that share the value of an attribute, and whether their mean IoUs differ (§6, §C).

The paper says of which groups the 95 % confidence intervals overlap.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations, groupby

from anymask.evaluation.measures.bootstrap import Bootstrap, Interval
from anymask.evaluation.result import Row

CLICKS = (1, 3)  # after which the paper looks
FEWEST_MASKS, FEWEST_IMAGES = 10, 5
MOST_COMPARED = 12  # values of an attribute: more give more pairs than anybody reads
NAMED = 5


@dataclass(frozen=True)
class Comparison:
    """How groups are compared. fewest, fewest_images: of fewer masks or images, no interval."""

    fewest: int = FEWEST_MASKS
    fewest_images: int = FEWEST_IMAGES
    bootstrap: Bootstrap = field(default_factory=Bootstrap)


DEFAULT = Comparison()


@dataclass(frozen=True, eq=False)
class MaskGroup:
    """The masks that share a value of an attribute.

    images: of each mask. ious: by the number of clicks, of each mask.
    """

    attribute: str
    value: str
    images: Sequence[str]
    ious: Mapping[int, Sequence[float]]

    @property
    def label(self) -> str:
        """What metrics call it."""
        return f"{self.attribute}={self.value}"

    def mean(self, clicks: int) -> float:
        """The mean IoU after so many clicks."""
        return float(sum(self.ious[clicks]) / len(self.ious[clicks]))

    def is_enough(self, comparison: Comparison) -> bool:
        """Whether there is enough of it for an interval. Images are what is drawn again."""
        images = max(2, comparison.fewest_images)
        return len(self.images) >= comparison.fewest and len(set(self.images)) >= images

    def interval(self, clicks: int, bootstrap: Bootstrap) -> Interval:
        """The mean IoU after so many clicks, and where it may lie."""
        return bootstrap.mean(self.ious[clicks], self.images)

    def intervals(self, comparison: Comparison) -> dict[int, Interval]:
        """``interval`` by the number of clicks; none where there is not enough of the group."""
        if not self.is_enough(comparison):
            return {}
        return {clicks: self.interval(clicks, comparison.bootstrap) for clicks in self.ious}

    def lead(self, other: MaskGroup, clicks: int, bootstrap: Bootstrap) -> Interval:
        """How much higher its mean is than another's."""
        mine, others = self.ious[clicks], other.ious[clicks]
        return bootstrap.difference(mine, self.images, others, other.images)


def by_value(rows: Sequence[Row]) -> list[MaskGroup]:
    """The groups of rows with ``attributes``, sorted by attribute and value."""
    members: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        for attribute, value in row.get("attributes", {}).items():
            members.setdefault((attribute, value), []).append(row)
    return [
        MaskGroup(
            *key,
            [row["image"] for row in members[key]],
            {clicks: [row[f"iou_{clicks}"] for row in members[key]] for clicks in CLICKS},
        )
        for key in sorted(members)
    ]


def statement(rows: Sequence[Row], comparison: Comparison = DEFAULT) -> list[str]:
    """What the rows say of overlap, attribute by attribute, in sentences; all mIoUs in per cent.

    Intervals that overlap don't prove that groups are served alike, and even then the interval of
    their difference may leave out 0. No correction is made for the number of pairs.
    """
    sentences = []
    for attribute, members in groupby(by_value(rows), lambda group: group.attribute):
        groups = list(members)
        enough = [group for group in groups if group.is_enough(comparison)]
        if len(enough) > 1:
            for clicks in CLICKS:
                sentences += _compared(attribute, enough, clicks, comparison.bootstrap)
        elif len(groups) > 1 or not enough:
            sentences.append(f"{attribute}: too few masks to compare its values.")
        few = [group for group in groups if group not in enough]
        if few:
            sentences.append(
                f"{attribute}: no interval for {_listed([_counted(group) for group in few])}."
            )
    missing = [f"{row['image']} {row['mask']}" for row in rows if "unknown" in row]
    if missing:
        sentences.append(f"Masks of the table that their images don't have: {_listed(missing)}.")
    return sentences


def _compared(
    attribute: str, groups: Sequence[MaskGroup], clicks: int, bootstrap: Bootstrap
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
        above = f"{a.value} is {_per_cent(lead)} above {b.value}"
        if (a, b) in apart:
            sentences.append(f"{where}: {a.value} and {b.value} don't overlap: {above}.")
        elif not lead.holds(0):
            sentences.append(
                f"{where}: {a.value} and {b.value} overlap, but the interval of their difference "
                f"leaves out 0: {above}."
            )
    return sentences


def _per_cent(interval: Interval) -> str:
    mean, low, high = (100 * end for end in (interval.mean, interval.low, interval.high))
    return f"{mean:.1f} ({low:.1f} to {high:.1f})"


def _counted(group: MaskGroup) -> str:
    return f"{group.value} ({len(group.images)} masks in {len(set(group.images))} images)"


def _listed(names: Sequence[str]) -> str:
    first, rest = list(names)[:NAMED], list(names)[NAMED:]
    return ", ".join([*first, *[f"{len(rest)} others"] * bool(rest)])
