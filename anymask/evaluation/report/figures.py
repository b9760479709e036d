"""Figures: what results look like, as PNGs drawn with matplotlib.

Each function takes plain numbers, fractions of 1, and draws per cent. Lines are labelled where they
end. All raise ``MissingExtraError`` where matplotlib is missing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from anymask.evaluation.report.drawing import (
    COLOURS,
    DARK,
    FAINT,
    FONT_PT,
    GREY,
    LETTER_IN,
    LINE_IN,
    SMALL_PT,
    WIDTH_IN,
    End,
    axes_within,
    colours_of,
    drawing,
    label_right,
    row_of_axes,
    shades_of,
    short,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

F_MEASURES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
IOU_BINS = 20
HISTOGRAMS_A_ROW = 3

Series = Mapping[int, float]  # mIoU by number of clicks
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PrecisionRecall:
    """An edge detector on a dataset, threshold by threshold. ods: the best F of the curve."""

    label: str
    recall: Sequence[float]
    precision: Sequence[float]
    ods: float


@dataclass(frozen=True)
class GroupMeans:
    """A group's mean IoU after some numbers of clicks: mean, low and high end of its interval."""

    attribute: str
    value: str
    by_clicks: Mapping[int, tuple[float, float, float]]


@dataclass(frozen=True)
class AblatedModel:
    """A model of a panel of Fig. 13. x: where it stands there; miou: by the number of clicks."""

    label: str
    x: float
    miou: Mapping[int, float]


def single_point(datasets: Mapping[str, Series], mean: Series | None = None) -> bytes:
    """mIoU by the number of points, a line a dataset. mean: of the datasets, a thick line."""
    return _by_clicks(datasets, mean, "Number of points")


def interactive(datasets: Mapping[str, Series]) -> bytes:
    """Mean IoU after each click, a line a dataset."""
    return _by_clicks(datasets, None, "Number of clicks")


def edges(curves: Sequence[PrecisionRecall]) -> bytes:
    """Precision over recall, with lines of equal F-measure and a dot where a curve's F is best."""
    names = [f"{_three(curve.ods)}  {short(curve.label)}" for curve in curves]
    right_in = 0.9 + LETTER_IN * max(map(len, names), default=0)
    side_in = min(4.6, WIDTH_IN - 0.8 - right_in)
    with drawing(side_in + 1.1) as (figure, content):
        axes = axes_within(figure, left=0.8, right=WIDTH_IN - 0.8 - side_in, bottom=0.75, top=0.35)
        axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="Recall", ylabel="Precision")
        _draw_equal_f(axes)
        _write_right(axes, 0, "ODS", "#555555")
        for number, (curve, colour) in enumerate(zip(curves, colours_of(len(curves)))):
            _draw_curve(axes, curve, colour)
            _write_right(axes, number + 1, names[number], DARK if colour == GREY else colour)
    return content.getvalue()


def fairness(groups: Sequence[GroupMeans]) -> bytes:
    """Mean IoU of groups with intervals, attribute below attribute."""
    attributes = list(dict.fromkeys(group.attribute for group in groups))
    clicks = sorted({number for group in groups for number in group.by_clicks})
    names = [*attributes, *(group.value for group in groups)]
    left_in = 0.4 + LETTER_IN * max((len(short(name)) for name in names), default=0)
    with drawing(1.2 + 0.28 * len(names)) as (figure, content):
        axes = axes_within(figure, left=left_in, right=0.3, bottom=0.75, top=0.4)
        colours = colours_of(len(clicks))
        _draw_groups(axes, groups, attributes, dict(zip(clicks, colours)))
        _name_clicks(axes, clicks, colours)
        axes.set_xlabel("mIoU and its interval (%)")
        axes.grid(axis="x")
    return content.getvalue()


def ablations(panels: Mapping[str, Sequence[AblatedModel]]) -> bytes:
    """Fig. 13: panels of models that differ in one thing, a line a number of clicks.

    panels: by title. Models stand in the order of their places, at equal distances.
    """
    sorted_panels = {
        title: sorted(models, key=lambda model: model.x) for title, models in panels.items()
    }
    clicks = sorted(
        {n for models in sorted_panels.values() for model in models for n in model.miou}
    )
    with drawing(4.0) as (figure, content):
        margins = {"left": 0.75, "right": 1.05, "bottom": 0.95, "top": 0.5}
        every = row_of_axes(figure, len(sorted_panels), **margins)
        for axes, (title, models) in zip(every, sorted_panels.items()):
            _draw_panel(axes, title, models, clicks)
        if every:
            every[0].set_ylabel("mIoU (%)")
            _name_lines(every[-1], clicks)
    return content.getvalue()


def histograms(ious: Mapping[str, Sequence[float]]) -> bytes:
    """How the IoUs of each dataset's masks spread, as shares of them, and their mean."""
    names = list(ious)
    columns = min(HISTOGRAMS_A_ROW, max(len(names), 1))
    rows = -(-len(names) // columns) or 1
    with drawing(0.7 + 1.6 * rows) as (figure, content):
        every = list(figure.subplots(rows, columns, squeeze=False, sharey=True).flat)
        for axes, name in zip(every, names):
            _draw_histogram(axes, name, np.asarray(ious[name], np.float64))
        for axes in every[len(names) :]:
            axes.set_visible(False)
        figure.supxlabel("IoU after one point (%)", size=FONT_PT)
        figure.supylabel("Masks (%)", size=FONT_PT)
        figure.set_layout_engine("constrained")
    return content.getvalue()


def _three(value: float) -> str:
    return f"{value:.3f}".removeprefix("0")


def _by_clicks(datasets: Mapping[str, Series], mean: Series | None, x_label: str) -> bytes:
    lines = [(name, series) for name, series in datasets.items() if series]
    widest = max((len(short(name)) for name, _ in lines), default=0)
    with drawing(max(4.5, 1.3 + LINE_IN * len(lines))) as (figure, content):
        axes = axes_within(figure, left=0.75, right=0.9 + LETTER_IN * widest, bottom=0.7)
        ends = [
            _draw_series(axes, short(name), series, colour, width=1.0 if colour == GREY else 2.0)
            for (name, series), colour in zip(lines, colours_of(len(lines)))
        ]
        if mean:
            ends.append(_draw_series(axes, "mean", mean, DARK, width=3.5))
        ticks = sorted({number for _, series in lines for number in series})
        axes.set_xticks(ticks if len(ticks) <= 10 else [n for n in ticks if n == 1 or n % 5 == 0])
        axes.set(xlabel=x_label, ylabel="mIoU (%)")
        axes.grid(axis="y")
        _set_round_limits(axes)
        label_right(axes, ends)
    return content.getvalue()


def _draw_series(axes: Axes, name: str, series: Series, colour: str, width: float) -> End:
    """A line, of which the end is given."""
    clicks = sorted(series)
    values = [100 * series[number] for number in clicks]
    marker = "o" if len(clicks) <= 10 and colour != GREY else None
    axes.plot(clicks, values, color=colour, lw=width, marker=marker, ms=width + 3, zorder=3)
    return f"{name}  {values[-1]:.1f}", clicks[-1], values[-1], colour


def _set_round_limits(axes: Axes) -> None:
    """From a multiple of ten below the data to one above, at most to 100."""
    low, high = axes.dataLim.y0, axes.dataLim.y1
    if np.isfinite([low, high]).all():
        bottom = max(0.0, 10 * np.floor((low - 1) / 10))
        axes.set_ylim(bottom, min(100.0, 10 * np.ceil((high + 0.5) / 10)))


def _f_measure(recall: Floats, precision: Floats) -> Floats:
    total = recall + precision
    return np.divide(2 * recall * precision, total, np.zeros_like(total), where=total > 0)


def _draw_equal_f(axes: Axes) -> None:
    for f in F_MEASURES:
        recall = np.linspace(f / (2 - f), 1, 100)
        axes.plot(recall, f * recall / (2 * recall - f), color="#D5D5D5", lw=0.8, zorder=1)
        axes.annotate(
            f"F {f:.1f}", (1, f / (2 - f)), (4, 0), textcoords="offset points",
            color=GREY, size=SMALL_PT - 1, va="center", annotation_clip=False,
        )  # fmt: skip


def _write_right(axes: Axes, line: int, text: str, colour: str) -> None:
    """A line of a column right of the axes, from their top."""
    axes.annotate(
        text, (1, 1), (52, -1.2 * 72 * LINE_IN * line), xycoords="axes fraction",
        textcoords="offset points", va="center", color=colour,
    )  # fmt: skip


def _draw_curve(axes: Axes, curve: PrecisionRecall, colour: str) -> None:
    """Without thresholds at which nothing was found: their precision is none."""
    recall, precision = (np.asarray(x, np.float64) for x in (curve.recall, curve.precision))
    recall, precision = recall[precision > 0], precision[precision > 0]
    if len(recall):
        axes.plot(recall, precision, color=colour, zorder=3)
        best = int(np.argmax(_f_measure(recall, precision)))
        axes.plot(recall[best], precision[best], "o", color=colour, ms=9, mec="white", zorder=4)


def _draw_groups(
    axes: Axes,
    groups: Sequence[GroupMeans],
    attributes: Sequence[str],
    colours: Mapping[int, str],
) -> None:
    """From the top: an attribute's name, and below it its groups."""
    y, names = 0.0, dict[float, str]()
    for attribute in attributes:
        axes.annotate(
            short(attribute), (0, y), (-6, 0), xycoords=("axes fraction", "data"),
            textcoords="offset points", ha="right", va="center", weight="bold", size=SMALL_PT,
        )  # fmt: skip
        for group in [group for group in groups if group.attribute == attribute]:
            y -= 1
            names[y] = short(group.value)
            axes.axhline(y, color=FAINT, lw=0.8, zorder=0)
            for clicks, (mean, low, high) in group.by_clicks.items():
                colour = colours[clicks]
                beside = y + 0.26 * ((len(colours) - 1) / 2 - list(colours).index(clicks))
                axes.plot([100 * low, 100 * high], [beside] * 2, color=colour, lw=2.5, zorder=3)
                axes.plot(100 * mean, beside, "o", color=colour, ms=6, zorder=4)
        y -= 1
    axes.set_yticks(list(names), list(names.values()))
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.set_ylim(y + 0.4, 0.6)


def _name_clicks(axes: Axes, clicks: Sequence[int], colours: Sequence[str]) -> None:
    """Above the axes, in the colours of the dots."""
    shift = 0.0
    for number, colour in zip(clicks, colours):
        text = f"● {_points(number)}"
        axes.annotate(
            text, (0, 1), (shift, 6), xycoords="axes fraction", textcoords="offset points",
            color=colour, size=SMALL_PT,
        )  # fmt: skip
        shift += 72 * LETTER_IN * (len(text) + 3)


def _draw_panel(
    axes: Axes, title: str, models: Sequence[AblatedModel], clicks: Sequence[int]
) -> None:
    for number, colour in zip(clicks, shades_of(len(clicks))):
        values = [100 * model.miou.get(number, np.nan) for model in models]
        axes.plot(range(len(models)), values, "o-", color=colour, ms=5, zorder=3)
    labels = [short(model.label) for model in models]
    axes.set_xticks(range(len(models)), labels)
    width_in = axes.get_position().width * WIDTH_IN
    if LETTER_IN * (sum(map(len, labels)) + len(labels)) > width_in:
        axes.tick_params(axis="x", labelrotation=30)
        for tick in axes.get_xticklabels():
            tick.set(ha="right", rotation_mode="anchor")
    axes.set_xlim(-0.3, max(len(models) - 0.7, 0.3))
    axes.set_title(title, loc="left", size=SMALL_PT)
    axes.grid(axis="y")
    axes.margins(y=0.08)


def _name_lines(axes: Axes, clicks: Sequence[int]) -> None:
    """At the right end of the lines of a panel."""
    ends = []
    for line, number in zip(axes.get_lines(), clicks):
        y = np.asarray(line.get_ydata(), np.float64)
        if np.isfinite(y).any():
            last = int(np.flatnonzero(np.isfinite(y))[-1])
            ends.append((_points(number), last, float(y[last]), str(line.get_color())))
    label_right(axes, ends)


def _points(number: int) -> str:
    return f"{number} point" + "s" * (number > 1)


def _draw_histogram(axes: Axes, name: str, ious: Floats) -> None:
    shares, edges = np.histogram(ious, bins=IOU_BINS, range=(0, 1))
    percent = 100 * shares / max(len(ious), 1)
    axes.bar(100 * edges[:-1], percent, width=88 / IOU_BINS, align="edge", color=COLOURS[0])
    axes.set_xlim(0, 100)
    mean = f"   mean {100 * ious.mean():.1f}" if len(ious) else ""
    axes.set_title(f"{short(name)}{mean}", loc="left", size=SMALL_PT)
    if len(ious):
        axes.axvline(100 * float(ious.mean()), color=DARK, lw=1.2)
