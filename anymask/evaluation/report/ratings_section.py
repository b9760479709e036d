"""Ratings section: what people said of masks, as the report has it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from anymask.core.ratings.attention import (
    FAILED_SHARE,
    REPEAT_WITHIN,
    RIGHT_AT_LEAST,
    WRONG_AT_MOST,
    Attention,
)
from anymask.core.ratings.rating import TRUTH
from anymask.evaluation.human_ratings import HumanRatings, ModelRatings
from anymask.evaluation.measures.agreement import Agreement
from anymask.evaluation.measures.bootstrap import Bootstrap, Interval
from anymask.evaluation.report import rating_figures
from anymask.evaluation.report.layout import Blocks, Figure, short_name
from anymask.evaluation.report.markdown import DASH, bare, count, decimals, escaped, per_cent, table

TITLE = "Human ratings"
SMALL_P = 1e-3  # below which a p is written with its power of ten


def ratings_section(rated: HumanRatings) -> Blocks:
    """Means, differences and how far people agree, with figures."""
    raters = len(rated.raters) - len(rated.dropped)
    first, last = rated.dates
    yield (
        f"{raters} rater{'s' * (raters != 1)} gave {count(rated.ratings)} "
        f"rating{'s' * (rated.ratings != 1)} from 1 to 10, of "
        "one mask at a time and without knowing whose it was, as in the paper (§7.1, §E), "
        f"{f'on {first}' if first == last else f'between {first} and {last}'}."
    )
    yield _table(rated)
    yield (
        "A mask that several people rated counts once, with their mean. In brackets the "
        f"{100 * Bootstrap().level:g} % interval of a bootstrap over images; p, two-sided, of the "
        "paired t-test and of Wilcoxon's signed-rank test over objects. mIoU is of the same masks "
        "with the truth."
    )
    yield from _figures(rated)
    yield from _agreement(rated)
    yield _raters(rated)
    yield (
        f"Checks: masks beside their point, to be rated {WRONG_AT_MOST} at most; drawn shapes with "
        f"exact masks, {RIGHT_AT_LEAST} at least; masks seen before, within {REPEAT_WITHIN} of the "
        f"first time. Who fails more than {100 * FAILED_SHARE:g} % of them is marked."
    )


def _table(rated: HumanRatings) -> str:
    """A row a model on a data set."""
    baseline = escaped(_name(rated.baseline, rated.models))
    has_others = any(row.difference for row in rated.models)
    head = ["dataset", "masks of", "masks", "ratings", "mean rating", "mIoU"]
    head += [f"less {baseline}", "p (t)", "p (Wilcoxon)"] * has_others
    rows = []
    for row in rated.models:
        cells = [escaped(bare(row.data)), escaped(_name(row.model, rated.models))]
        cells += [count(row.masks), count(row.ratings)]
        cells += [f"{decimals(row.mean)}{_interval(row.interval)}", per_cent(row.iou)]
        rows.append([*cells, *_difference(row)] if has_others else cells)
    return table(head, rows, texts=2)


def _difference(row: ModelRatings) -> list[str]:
    found = row.difference
    if found is None:
        return [DASH] * 3
    return [f"{found.mean:+.2f}{_interval(found.interval)}", _p(found.t_p), _p(found.wilcoxon_p)]


def _interval(interval: Interval | None) -> str:
    return "" if interval is None else f" ({interval.low:.2f} to {interval.high:.2f})"


def _p(value: float | None) -> str:
    if value is None:
        return DASH
    return f"{value:.3f}" if value >= SMALL_P else f"{value:.0e}"


def _figures(rated: HumanRatings) -> Iterator[Figure]:
    names = [(bare(row.data), _name(row.model, rated.models)) for row in rated.models]
    bars = [
        rating_figures.RatedBar(
            data,
            model,
            row.mean,
            row.interval.low if row.interval else row.mean,
            row.interval.high if row.interval else row.mean,
        )
        for (data, model), row in zip(names, rated.models)
    ]
    yield Figure("ratings", "Mean ratings", partial(rating_figures.means, bars))
    one_set = len({data for data, _ in names}) == 1
    spread = {
        model if one_set else f"{model}, {data}": row.histogram
        for (data, model), row in zip(names, rated.models)
    }
    draw = partial(rating_figures.histograms, spread)
    yield Figure("rating-histograms", "How the ratings spread; the line is their mean", draw)


def _agreement(rated: HumanRatings) -> Iterator[str]:
    parts = (("Between raters", rated.between), ("The same rater again", rated.again))
    sentences = [f"{who}: {_agreed(found)}" for who, found in parts if found is not None]
    if sentences:
        yield " ".join(sentences)


def _agreed(found: Agreement) -> str:
    alpha = "" if found.alpha is None else f", Krippendorff's α {found.alpha:.2f}"
    return (
        f"{count(found.things)} mask{'s' * (found.things != 1)} rated more than once, "
        f"{decimals(found.difference)} apart on average, {per_cent(found.within)} % by one at "
        f"most{alpha}."
    )


def _raters(rated: HumanRatings) -> str:
    rows = [
        [
            escaped(one.rater),
            count(one.ratings),
            f"{one.seconds:.1f}",
            f"{one.checks - one.failed} of {one.checks}",
            _remark(one, rated.dropped),
        ]
        for one in rated.raters
    ]
    head = ["rater", "ratings", "seconds a mask", "checks passed", ""]
    return table(head, rows)


def _remark(one: Attention, dropped: Sequence[str]) -> str:
    if not one.is_inattentive:
        return ""
    return "not attentive: left out" if one.rater in dropped else "not attentive"


def _name(model: str, rows: Sequence[ModelRatings]) -> str:
    """The model's name, with its hash where another has the same."""
    if model == TRUTH:
        return "the truth"
    alike = {row.model for row in rows if short_name(row.model) == short_name(model)}
    return short_name(model) if len(alike) < 2 else bare(model)
