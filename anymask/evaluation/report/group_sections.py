"""Sections of the report on groups: of people, of countries (§6, §C); and on what is no table's."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial

from anymask.evaluation.experiments.fairness import FEWEST_IMAGES, FEWEST_MASKS, statement
from anymask.evaluation.measures.bootstrap import Bootstrap
from anymask.evaluation.report import pictures, published
from anymask.evaluation.report.departures import notes, variants
from anymask.evaluation.report.layout import Blocks, Labels, Picture, numbered
from anymask.evaluation.report.markdown import DASH, bare, count, decimals, escaped, per_cent, table
from anymask.evaluation.report.pictures import GroupFigure
from anymask.evaluation.report.published import Group, Interval, Share
from anymask.evaluation.result import Result

POINTS = (1, 3)
LOW, HIGH = "/low", "/high"
# What the name of an attribute has in it, to be one of Table 2's.
ATTRIBUTES = {"gender": published.GENDER, "age": published.AGE, "skin": published.SKIN}


def fairness(results: Sequence[Result], labels: Labels) -> Blocks:
    """§6: mIoU of groups, and what can be said of their differences."""
    for number, result in enumerate(results, start=1):
        if len(results) > 1:
            yield f"### {_title(result, labels)}"
        yield " ".join(notes([result]))
        groups = groups_of(result.metrics)
        yield _group_table(result, groups) if groups else ""
        yield "\n".join(f"- {escaped(sentence)}" for sentence in _statement(result))
        if groups:
            draw = partial(pictures.fairness, groups)
            yield Picture(numbered("fairness", number), "mIoU of groups, and its interval", draw)


def groups_of(metrics: Mapping[str, float]) -> list[GroupFigure]:
    """Of the figures of fairness. A group without an interval has its mean for both ends."""
    start = f"miou_{POINTS[0]}/"
    names = [name.removeprefix(start) for name in metrics if name.startswith(start)]
    groups = []
    for name in (one for one in names if not one.endswith((LOW, HIGH))):
        attribute, _, value = name.partition("=")
        by_clicks = {}
        for clicks in POINTS:
            key = f"miou_{clicks}/{name}"
            if key in metrics:
                low, high = (metrics.get(key + end, metrics[key]) for end in (LOW, HIGH))
                by_clicks[clicks] = (metrics[key], low, high)
        groups.append(GroupFigure(attribute, value, by_clicks))
    return groups


def _group_table(result: Result, groups: Sequence[GroupFigure]) -> str:
    alike = [_alike(one) for one in groups]
    beside = any(alike)
    rows = []
    for group, paper in zip(groups, alike):
        masks = result.metrics.get(f"masks/{group.attribute}={group.value}")
        cells = [_shown(result.metrics, group, clicks) for clicks in POINTS]
        if beside:
            cells += [_published(paper.one_point) if paper else DASH]
            cells += [_published(paper.three_points) if paper else DASH]
        rows.append([escaped(group.attribute), escaped(group.value), count(masks), *cells])
    where = published.PEOPLE_TABLE
    head = ["attribute", "group", "masks", "1 point", "3 points"]
    return table([*head, *[f"{where}: 1 point", f"{where}: 3 points"] * beside], rows, texts=2)


def _shown(metrics: Mapping[str, float], group: GroupFigure, clicks: int) -> str:
    if clicks not in group.by_clicks:
        return DASH
    mean, low, high = group.by_clicks[clicks]
    name = f"miou_{clicks}/{group.attribute}={group.value}{LOW}"
    interval = f" ({per_cent(low)}–{per_cent(high)})" if name in metrics else ""
    return per_cent(mean) + interval


def _published(one: Interval) -> str:
    return f"{per_cent(one.mean)} ± {per_cent(one.margin)}"


def _alike(group: GroupFigure) -> Group | None:
    """The group of Table 2 that has this name."""
    words, values = _words(group.attribute), _words(group.value)
    attributes = [name for word, name in ATTRIBUTES.items() if word in words]
    for one in published.PEOPLE:
        if attributes == [one.attribute] and one.value in values:
            return one
    return None


def _words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def _statement(result: Result) -> list[str]:
    options = result.options
    bootstrap = Bootstrap(
        options.get("level", 0.95), options.get("resamples", 2000), options.get("seed", 0)
    )
    fewest = options.get("fewest", FEWEST_MASKS)
    return statement(
        result.rows, fewest, options.get("fewest_images", FEWEST_IMAGES), bootstrap
    ) or ["No mask has an attribute."]


def representation(results: Sequence[Result], labels: Labels) -> Blocks:
    """§6: where images come from, by region and income."""
    for result in results:
        if len(results) > 1:
            yield f"### {_title(result, labels)}"
        placed, unplaced = (result.metrics.get(f"images/{one}") for one in ("placed", "unplaced"))
        yield (
            f"{escaped(bare(result.data))}: the country of {count(placed)} images is known, that "
            f"of {count(unplaced)} is not. Shares are of the former. by people: the share of "
            f"images to that of the world's people; 1 is in proportion."
        )
        yield _share_table(result)


def _share_table(result: Result) -> str:
    metrics = result.metrics
    starts = ("share/", "countries/")
    names = dict.fromkeys(
        name.removeprefix(start) for start in starts for name in metrics if name.startswith(start)
    )
    paper = {one.group: one for one in published.REPRESENTATION}
    rows = [
        [
            escaped(name),
            per_cent(metrics.get(f"share/{name}")),
            count(metrics.get(f"images/{name}")),
            f"{count(metrics.get(f'countries/{name}'))} of {count(metrics.get(f'listed/{name}'))}",
            decimals(metrics.get(f"by_population/{name}")),
            *_shares(paper.get(name)),
        ]
        for name in names
    ]
    where = published.REPRESENTATION_TABLE
    beside = [f"{where}: {name}" for name in ("SA-1B", "its countries", "COCO", "Open Images")]
    return table(["group", "share", "images", "countries", "by people", *beside], rows)


def _shares(one: Share | None) -> list[str]:
    if one is None:
        return [DASH] * 4
    shares = [per_cent(one.sa_1b), count(one.countries)]
    return [*shares, per_cent(one.coco), per_cent(one.open_images)]


def other(results: Sequence[Result], labels: Labels) -> Blocks:
    """What the paper has no table of: all metrics as they are."""
    for title, members in variants(results):
        if title:
            yield f"### {title}"
        for result in members:
            yield f"{_title(result, labels)}:"
            rows = [[escaped(name), f"{value:.4g}"] for name, value in result.metrics.items()]
            yield table(["metric", "figure"], rows)


def _title(result: Result, labels: Labels) -> str:
    model = f", {escaped(labels.model(result))}" if labels.compared else ""
    return f"{escaped(bare(result.data))}{model} ({count(result.images)} images)"
