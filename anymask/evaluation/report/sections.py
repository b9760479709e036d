"""Sections of the report: results of an experiment beside the paper's figures.

Each takes the results of its experiment, at least one, and gives Markdown and pictures.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np

from anymask.datasets.benchmarks.suite import SUITE
from anymask.errors import Error, MissingExtraError
from anymask.evaluation.measures.bootstrap import Bootstrap
from anymask.evaluation.report import pictures, published
from anymask.evaluation.report.departures import OF_MODELS, notes, variants
from anymask.evaluation.report.layout import (
    Blocks,
    Column,
    Labels,
    Picture,
    by_model,
    by_number,
    has,
    heading,
    mean,
    numbered,
    own_table,
    table_beside,
)
from anymask.evaluation.report.markdown import (
    DASH,
    bare,
    count,
    decimals,
    escaped,
    per_cent,
    table,
    three_decimals,
)
from anymask.evaluation.report.pictures import PrecisionRecall
from anymask.evaluation.report.published import SUITE_DATASETS
from anymask.evaluation.result import Result

NUMBERS = (1, 2, 3, 5, 9)
AFTER = (1, 3, 5, 10, 20)
TRUE_BOXES = "true boxes"
AT_ONE_POINT = (
    Column("oracle", "oracle_1"),
    Column("single", "single_1"),
    Column("boundary", "boundary_iou_1"),
)
NOC = (
    Column("NoC@85", "noc_85", decimals),
    Column("NoC@90", "noc_90", decimals),
    Column("failures@85", "failures_85"),
    Column("failures@90", "failures_90"),
    Column("worse", "worse_share"),
    Column("by", "worse_by"),
)
MIOU_AFTER = tuple(Column(f"mIoU after {number}", f"miou_after_{number}") for number in AFTER)
EDGES = tuple(Column(name.upper(), name, three_decimals) for name in ("ods", "ois", "ap", "r50"))
PARTS = ("small", "medium", "large", "frequent", "common", "rare")
RECALL = (Column("all", "ar_1000"), *(Column(part, f"ar_1000_{part}") for part in PARTS))
FEWER = (
    Column("AR@10", "ar_10"),
    Column("AR@100", "ar_100"),
    Column("proposals an image", "proposals_per_image", count),
)
PRECISION = (Column("AP", "ap"), *(Column(part, f"ap_{part}") for part in PARTS[:3]))
MORE_PRECISION = (
    Column("AP50", "ap_50"),
    Column("AP75", "ap_75"),
    *(Column(part, f"ap_{part}") for part in PARTS[3:]),
)


def points(results: Sequence[Result], labels: Labels) -> Blocks:
    """§7.1: mIoU after some points, dataset by dataset."""
    for number, (title, members) in enumerate(variants(results), start=1):
        yield from heading(title)
        datasets = len({(one.data, one.data_fingerprint) for one in members})
        unlike = [f"{datasets} dataset{'s' * (datasets > 1)} instead of {SUITE_DATASETS}"]
        yield " ".join(notes(members, unlike * (datasets != SUITE_DATASETS)))
        yield _points_table(members, labels)
        yield (
            f"In brackets the {100 * Bootstrap().level:g} % interval of a bootstrap over images. "
            "After one point also: oracle, the best of three masks; single, the one mask for clear "
            "prompts; boundary, the boundary IoU of the surest mask."
        )
        yield from _points_pictures(members, labels, number)


def _points_table(results: Sequence[Result], labels: Labels) -> str:
    numbers = sorted({*NUMBERS, *(n for one in results for n in by_number(one, "miou_"))})
    columns = [Column(f"{n} point{'s' * (n > 1)}", f"miou_{n}") for n in numbers]
    columns += AT_ONE_POINT
    deltas = {row.name.lower(): row.sam_minus_ritm for row in SUITE}
    beside = any(bare(one.data).lower() in deltas for one in results)
    head = [*labels.heads, "masks", *(column.head for column in columns)]
    rows = []
    for one in results:
        cells = [column.of(one.metrics) for column in columns]
        cells[numbers.index(1)] += _interval(one)
        delta = deltas.get(bare(one.data).lower())
        cells += [DASH if delta is None else f"{100 * delta:+.1f}"] * beside
        rows.append([*labels.cells(one), count(len(one.rows)), *cells])
    for members in by_model(results, labels).values():
        if len(members) > 1:
            name = [escaped(labels.model(members[0]))] * labels.compared
            means = [column.show(mean(members, column.metric)) for column in columns]
            rows.append([f"**mean of {len(members)}**", *name, "", "", *means, *[""] * beside])
    return table([*head, *["SAM less RITM (Fig. 9a)"] * beside], rows, labels.texts)


def _interval(result: Result) -> str:
    """Of the mIoU at one point, where there are images enough to tell."""
    rows = [row for row in result.rows if "iou_1" in row]
    try:
        found = Bootstrap().mean([row["iou_1"] for row in rows], [row["image"] for row in rows])
    except MissingExtraError:
        raise
    except Error:
        return ""
    return f" ({per_cent(found.low)}–{per_cent(found.high)})"


def _points_pictures(results: Sequence[Result], labels: Labels, number: int) -> Blocks:
    lines = labels.lines(results)
    series = {name: by_number(one, "miou_") for name, one in lines.items()}
    means = {n: mean(results, f"miou_{n}") for n in NUMBERS if len(lines) > 1}
    shown = {n: value for n, value in means.items() if value is not None and not labels.compared}
    if any(series.values()):
        draw = partial(pictures.single_point, series, shown)
        yield Picture(numbered("single-point", number), "mIoU by the number of points", draw)
    ious = {name: [row["iou_1"] for row in x.rows if "iou_1" in row] for name, x in lines.items()}
    if any(ious.values()):
        draw = partial(pictures.histograms, {name: some for name, some in ious.items() if some})
        caption = "How the IoUs after one point spread; the line is their mean"
        yield Picture(numbered("iou-histograms", number), caption, draw)


def clicks(results: Sequence[Result], labels: Labels) -> Blocks:
    """How many clicks a good mask takes."""
    for number, (title, members) in enumerate(variants(results), start=1):
        yield from heading(title)
        yield " ".join(notes(members))
        most = members[0].options.get("clicks", max(AFTER))
        yield own_table(members, labels, NOC)
        yield (
            f"NoC: clicks until the IoU is 85 or 90 %, {most} where they don't bring it there; "
            "failures: the share of these. worse: the share of clicks, the first excepted, that "
            "lowered the IoU, and by how much these did."
        )
        yield own_table(members, labels, MIOU_AFTER)
        series = {x: by_number(one, "miou_after_") for x, one in labels.lines(members).items()}
        if any(series.values()):
            draw = partial(pictures.interactive, series)
            yield Picture(numbered("interactive", number), "mIoU by the number of clicks", draw)


def edges(results: Sequence[Result], labels: Labels) -> Blocks:
    """§7.2: contours on BSDS500, with those of classical detectors beside."""
    unlike = ["detector", *OF_MODELS]
    for number, (title, members) in enumerate(variants(results, unlike), start=1):
        yield from heading(title)
        yield " ".join(notes(members))
        models = [one for one in members if not one.options.get("detector")]
        by_name = _told_apart(models, labels) + [
            (f"{labels.model(one)}, computed here", one) for one in members if one not in models
        ]
        yield table_beside(by_name, published.EDGES, EDGES)
        curves = [_curve(name, one) for name, one in by_name]
        drawn = [curve for curve in curves if curve is not None]
        if drawn:
            draw = partial(pictures.edges, drawn)
            yield Picture(numbered("edges", number), "Precision and recall of edges", draw)


def _told_apart(results: Sequence[Result], labels: Labels) -> list[tuple[str, Result]]:
    """Results with names: the model's and, where they differ in it, what it was asked."""
    return [
        (", ".join(filter(None, [labels.model(one), title])), one)
        for title, members in variants(results)
        for one in members
    ]


def _curve(name: str, result: Result) -> PrecisionRecall | None:
    """Over all images, if the rows have counts of pixels."""
    kinds = ("cnt_r", "sum_r", "cnt_p", "sum_p")
    rows = [row for row in result.rows if all(kind in row for kind in kinds)]
    if not rows or "ods" not in result.metrics:
        return None
    found, drawn, right, all_found = (
        np.sum([row[kind] for row in rows], axis=0, dtype=np.float64) for kind in kinds
    )
    recall, precision = found / np.maximum(drawn, 1), right / np.maximum(all_found, 1)
    return PrecisionRecall(name, recall.tolist(), precision.tolist(), result.metrics["ods"])


def proposals(results: Sequence[Result], labels: Labels) -> Blocks:
    """§7.3: average recall of everything-mode."""
    for title, members in variants(results, unlike=["frequencies"]):
        yield from heading(title)
        yield " ".join(notes(members))
        yield "Mask AR@1000, by the size of objects and how frequent their category is:"
        ours = [(labels.model(one), one) for one in members]
        yield table_beside(ours, published.PROPOSALS, RECALL)
        yield own_table(members, labels, FEWER)


def boxes(results: Sequence[Result], labels: Labels) -> Blocks:
    """§7.4: average precision of masks for boxes."""
    for title, members in variants(results):
        yield from heading(title)
        whose = str(members[0].options.get("boxes", ""))
        yield " ".join(notes(members, [f"{escaped(whose)} instead of ViTDet-H's"]))
        if whose == TRUE_BOXES:
            yield "True boxes are an upper bound: what a detector without errors would reach."
        paper = published.BOXES_LVIS if members[0].options.get("lvis") else published.BOXES_COCO
        ours = [(labels.model(one), one) for one in members]
        yield table_beside(ours, paper, PRECISION)
        yield own_table(members, labels, [one for one in MORE_PRECISION if has(members, one)])
