"""Figures of human ratings, as PNGs drawn with matplotlib."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from anymask.core.ratings.rating import HIGHEST, LOWEST
from anymask.evaluation.report.drawing import (
    DARK,
    FAINT,
    FONT_PT,
    LETTER_IN,
    SMALL_PT,
    axes_within,
    colours_of,
    drawing,
    short,
)

STEPS = range(LOWEST, HIGHEST + 1)
HISTOGRAMS_A_ROW = 3


@dataclass(frozen=True)
class RatedBar:
    """The mean rating of a model on a data set, with the ends of its interval."""

    data: str
    model: str
    mean: float
    low: float
    high: float


def means(bars: Sequence[RatedBar]) -> bytes:
    """Mean ratings with their intervals, data set below data set, a colour a model."""
    data = list(dict.fromkeys(bar.data for bar in bars))
    models = list(dict.fromkeys(bar.model for bar in bars))
    colours = dict(zip(models, colours_of(len(models))))
    left_in = 0.4 + LETTER_IN * max(len(short(name)) for name in data)
    with drawing(1.3 + 0.26 * len(bars) + 0.22 * len(data)) as (figure, content):
        axes = axes_within(figure, left=left_in, right=0.6, bottom=0.75, top=0.4)
        y, names = 0.0, dict[float, str]()
        for name in data:
            members = [bar for bar in bars if bar.data == name]
            names[y - (len(members) - 1) / 2] = short(name)
            for bar in members:
                axes.axhline(y, color=FAINT, lw=0.8, zorder=0)
                axes.plot([bar.low, bar.high], [y] * 2, color=colours[bar.model], lw=2.5, zorder=3)
                axes.plot(bar.mean, y, "o", color=colours[bar.model], ms=7, zorder=4)
                axes.annotate(
                    f"{bar.mean:.2f}", (bar.high, y), (6, 0), textcoords="offset points",
                    va="center", size=SMALL_PT - 1, color=DARK,
                )  # fmt: skip
                y -= 1
            y -= 0.8
        axes.set_yticks(list(names), list(names.values()))
        axes.tick_params(axis="y", length=0)
        axes.spines["left"].set_visible(False)
        axes.set(ylim=(y + 1.2, 0.8), xlim=(LOWEST, HIGHEST), xlabel="Mean rating and its interval")
        axes.set_xticks(list(STEPS))
        shift = 0.0
        for model, colour in colours.items():
            text = f"● {short(model)}"
            axes.annotate(
                text, (0, 1), (shift, 6), xycoords="axes fraction",
                textcoords="offset points", color=colour, size=SMALL_PT,
            )  # fmt: skip
            shift += 72 * LETTER_IN * (len(text) + 3)
    return content.getvalue()


def histograms(counts: Mapping[str, Sequence[int]]) -> bytes:
    """How often each rating was given, a panel a model on a data set, as shares in per cent."""
    columns = min(HISTOGRAMS_A_ROW, len(counts))
    rows = -(-len(counts) // columns)
    with drawing(0.7 + 1.6 * rows) as (figure, content):
        every = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
        for axes, (name, of_one) in zip(every, counts.items()):
            numbers = np.asarray(of_one, np.float64)
            total = max(float(numbers.sum()), 1.0)
            mean = float((numbers * list(STEPS)).sum() / total)
            axes.bar(list(STEPS), 100 * numbers / total, width=0.8, color=colours_of(1)[0])
            axes.axvline(mean, color=DARK, lw=1.2)
            axes.set_title(f"{short(name)}   mean {mean:.1f}", loc="left", size=SMALL_PT)
            axes.set_xticks(list(STEPS))
        for axes in every[len(counts) :]:
            axes.set_visible(False)
        figure.supxlabel("Rating", size=FONT_PT)
        figure.supylabel("Ratings (%)", size=FONT_PT)
        figure.set_layout_engine("constrained")
    return content.getvalue()
