"""Drawing: the style of our figures, and where labels go, for matplotlib.

Colours are those of Okabe and Ito, which stay apart for colour-blind eyes; where there are more
lines than colours, all are grey. Nothing here touches pyplot, whose figures and style are the
user's.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from anymask.errors import MissingExtraError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH_IN, DPI = 8.0, 150  # 1200 px, for pages that show 800
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
GREY, DARK, FAINT = "#9A9A9A", "#222222", "#E4E4E4"
SHADES = ("#8FC1E3", "#5FA2D0", "#3A80BA", "#1F5F9E", "#08306B")  # of few clicks to many
FONT_PT, SMALL_PT = 11, 10
LETTER_IN, LINE_IN = 0.083, 0.18  # about, of a label
LONGEST_LABEL = 32
STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": FONT_PT,
    "axes.titlesize": FONT_PT,
    "axes.labelsize": FONT_PT,
    "axes.labelcolor": DARK,
    "axes.edgecolor": "#777777",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.8,
    "xtick.color": "#555555",
    "ytick.color": "#555555",
    "xtick.labelsize": SMALL_PT,
    "ytick.labelsize": SMALL_PT,
    "text.color": DARK,
    "text.parse_math": False,
    "lines.linewidth": 2.0,
    "lines.solid_capstyle": "round",
}
End = tuple[str, float, float, str]  # of a line: what to write there, x and y, its colour


@contextmanager
def drawing(height_in: float) -> Iterator[tuple[Figure, io.BytesIO]]:
    """A figure in our style, whose PNG is there once it has been filled.

    Raises ``MissingExtraError`` where matplotlib is missing.
    """
    try:
        from matplotlib import style
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        raise MissingExtraError("matplotlib", "evaluate") from None
    content = io.BytesIO()
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(WIDTH_IN, height_in), dpi=DPI)
        FigureCanvasAgg(figure)
        yield figure, content
        figure.savefig(content, format="png", facecolor="white")


def axes_within(figure: Figure, left: float, right: float, bottom: float, top: float = 0.3) -> Axes:
    """Axes with these margins in inches."""
    width, height = figure.get_size_inches()
    size = ((width - left - right) / width, (height - bottom - top) / height)
    return figure.add_axes((left / width, bottom / height, *size))


def colours_of(count: int) -> Sequence[str]:
    return COLOURS[:count] if count <= len(COLOURS) else [GREY] * count


def short(label: str) -> str:
    return label if len(label) <= LONGEST_LABEL else label[: LONGEST_LABEL - 1] + "…"


def row_of_axes(
    figure: Figure, count: int, left: float, right: float, bottom: float, top: float
) -> list[Axes]:
    """Axes side by side with one scale, and margins about them in inches."""
    if not count:
        return []
    width, height = figure.get_size_inches()
    row = figure.subplots(1, count, sharey=True, squeeze=False)[0]
    figure.subplots_adjust(
        left / width, bottom / height, 1 - right / width, 1 - top / height, wspace=0.18
    )
    return list(row)


def shades_of(count: int) -> Sequence[str]:
    """From few clicks to many."""
    if count > len(SHADES):
        return [SHADES[-1]] * count
    return [SHADES[round(place)] for place in np.linspace(0, len(SHADES) - 1, count)]


def label_right(axes: Axes, ends: Sequence[End]) -> None:
    """Write labels right of the axes, apart from each other; (label, x, y, colour) each."""
    bottom, top = axes.get_ylim()
    figure = axes.get_figure(root=True)
    assert figure is not None
    height_in = axes.get_position().height * figure.get_figheight()
    shares = [(y - bottom) / (top - bottom) for _, _, y, _ in ends]
    for (label, x, y, colour), share in zip(ends, spread(shares, LINE_IN / height_in, 0, 1)):
        line = {"arrowstyle": "-", "color": colour, "lw": 0.8, "shrinkA": 1, "shrinkB": 4}
        axes.annotate(
            label,
            (x, y),
            (1.03, share),
            textcoords="axes fraction",
            color=DARK if colour in (GREY, *SHADES) else colour,
            size=SMALL_PT,
            va="center",
            annotation_clip=False,
            arrowprops={**line, "relpos": (0, 0.5)},
        )


def spread(positions: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions at least a gap apart and, where they all fit, between two limits.

    The sum of squared moves is least: without the gaps it would be isotonic regression, which pools
    neighbours that are out of order into their mean.
    """
    order = np.argsort(positions, kind="stable")
    steps = gap * np.arange(len(positions))
    pools: list[tuple[float, int]] = []  # the mean of each, and of how many
    for target in np.asarray(positions, np.float64)[order] - steps:
        mean, count = float(target), 1
        while pools and pools[-1][0] > mean:
            before, more = pools.pop()
            mean, count = (mean * count + before * more) / (count + more), count + more
        pools.append((mean, count))
    pooled = np.repeat([mean for mean, _ in pools], [count for _, count in pools])
    placed = np.empty(len(positions))
    placed[order] = np.clip(pooled, low, max(low, high - steps[-1:].sum())) + steps
    return [float(position) for position in placed]
