"""Charts as SVG: lines, bars and maps of numbers, for papers and pages.

Colours are those of Okabe and Ito, which stay apart for colour-blind eyes; lines have dashes, too,
so that they stay apart in print. Maps go from light to dark, as they do in grey.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
import numpy.typing as npt
from PIL import Image

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
DASHES = ("", "7 3", "2 3", "9 3 2 3", "12 4", "4 2")
LIGHT_TO_DARK = ("#F7FBFF", "#C6DBEF", "#6BAED6", "#2171B5", "#08306B")
DARK, GREY, FAINT = "#222222", "#666666", "#E4E4E4"
WIDTH_PX, HEIGHT_PX = 640, 360
LEFT_PX, TOP_PX, BOTTOM_PX, LETTER_PX, LINE_PX = 64, 40, 52, 7, 20
LONGEST_LABEL = 32
MAP_PX, MAPS_A_ROW = 200, 3
GAP_PX = 24


@dataclass(frozen=True)
class Series:
    """A line, or the bars of one colour: its name, and a value at each place."""

    name: str
    values: Sequence[float]


@dataclass(frozen=True)
class _Axes:
    """Where numbers lie on the picture. log: whether y is logarithmic."""

    width_px: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    log: bool = False

    @property
    def bottom_px(self) -> float:
        return HEIGHT_PX - BOTTOM_PX

    def x(self, value: float) -> float:
        low, high = self.x_range
        return LEFT_PX + self.width_px * (value - low) / (high - low)

    def y(self, value: float) -> float:
        low, high = self.y_range
        if self.log:
            low, high, value = (math.log10(max(number, 1e-12)) for number in (low, high, value))
        share = min(max((value - low) / (high - low), 0), 1)
        return self.bottom_px - (self.bottom_px - TOP_PX) * share


def line_chart(
    title: str,
    x_label: str,
    y_label: str,
    series: Sequence[Series],
    log: bool = False,
) -> str:
    """Lines of the shares in equal bins from 0 to 1, through the middles of the bins.

    log: a logarithmic y; what is 0 there interrupts a line.
    """
    axes = _axes(series, (0.0, 1.0), log)
    lines = [_line(axes, one.values, number) for number, one in enumerate(series)]
    ticks = [(value, f"{value:g}") for value in _ticks(*axes.x_range)]
    legend = [
        f'<path d="{{place}}h28" stroke="{_colour(number)}" stroke-width="3" '
        f'stroke-dasharray="{DASHES[number % len(DASHES)]}"/>'
        for number in range(len(series))
    ]
    return _chart(axes, (title, x_label, y_label), ticks, (series, legend), lines)


def bar_chart(
    title: str, x_label: str, y_label: str, names: Sequence[str], series: Sequence[Series]
) -> str:
    """Groups of bars, a group for each name, in it a bar for each series."""
    axes = _axes(series, (0, len(names)), log=False)
    width = 0.8 / max(len(series), 1)
    bars = [
        f'<rect x="{axes.x(place + 0.1 + width * number):.1f}" y="{axes.y(value):.1f}" '
        f'width="{axes.width_px / len(names) * width * 0.92:.1f}" '
        f'height="{axes.bottom_px - axes.y(value):.1f}" fill="{_colour(number)}"/>'
        for number, one in enumerate(series)
        for place, value in enumerate(one.values)
    ]
    ticks = [(place + 0.5, name) for place, name in enumerate(names)]
    legend = [
        f'<path d="{{place}}h28" stroke="{_colour(number)}" stroke-width="12"/>'
        for number in range(len(series))
    ]
    return _chart(axes, (title, x_label, y_label), ticks, (series, legend), bars)


def maps(title: str, named: Sequence[tuple[str, npt.NDArray[np.float64]]]) -> str:
    """Maps side by side, each from light at 0 to dark at its own highest value."""
    columns = min(MAPS_A_ROW, max(len(named), 1))
    rows = -(-len(named) // columns)
    cell_h = MAP_PX + LINE_PX + GAP_PX
    width, height = GAP_PX + columns * (MAP_PX + GAP_PX), TOP_PX + rows * cell_h
    parts = []
    for number, (name, values) in enumerate(named):
        x = GAP_PX + (number % columns) * (MAP_PX + GAP_PX)
        y = TOP_PX + (number // columns) * cell_h
        parts += [
            _text(x, y + 8, _short(name), "start", DARK),
            f'<image x="{x}" y="{y + LINE_PX}" width="{MAP_PX}" height="{MAP_PX}" '
            f'preserveAspectRatio="none" style="image-rendering:pixelated" '
            f'href="data:image/png;base64,{_picture(values)}"/>',
            f'<rect x="{x}" y="{y + LINE_PX}" width="{MAP_PX}" height="{MAP_PX}" fill="none" '
            f'stroke="{GREY}"/>',
        ]
    return _svg(width, height, title, parts)


def _axes(series: Sequence[Series], x_range: tuple[float, float], log: bool) -> _Axes:
    letters = max((len(_short(one.name)) for one in series), default=0)
    values = [value for one in series for value in one.values if value > 0]
    high = max(values, default=1.0)
    if log:
        low = 10 ** math.floor(math.log10(min(values, default=0.1)))
        y_range = (low, max(10 ** math.ceil(math.log10(high)), 10 * low))
    else:
        step = _step(0, high)
        y_range = (0.0, step * math.ceil(high / step - 1e-9))
    return _Axes(WIDTH_PX - LEFT_PX - 56 - LETTER_PX * letters, x_range, y_range, log)


def _chart(
    axes: _Axes,
    labels: tuple[str, str, str],
    ticks: Sequence[tuple[float, str]],
    legend: tuple[Sequence[Series], Sequence[str]],
    content: Sequence[str],
) -> str:
    """Axes and what is drawn in them.

    labels: of the chart and both axes. ticks: of the x axis, with what stands there. legend: the
    series, and a sign for each, to be put in its place.
    """
    title, x_label, y_label = labels
    right, bottom = LEFT_PX + axes.width_px, axes.bottom_px
    heights = _decades(*axes.y_range) if axes.log else _ticks(*axes.y_range)
    parts = []
    for value in heights:
        y = axes.y(value)
        parts.append(f'<path d="M{LEFT_PX} {y:.1f}H{right:.1f}" stroke="{FAINT}"/>')
        parts.append(_text(LEFT_PX - 8, y + 4, f"{value:g}", "end", GREY))
    parts += [_text(axes.x(value), bottom + 18, name, "middle", GREY) for value, name in ticks]
    middle = (TOP_PX + bottom) / 2
    parts += [
        *content,
        f'<path d="M{LEFT_PX} {bottom}H{right:.1f}" stroke="{GREY}"/>',
        _text(LEFT_PX + axes.width_px / 2, HEIGHT_PX - 10, x_label, "middle", DARK),
        f'<g transform="translate(16 {middle:.0f}) rotate(-90)">'
        f"{_text(0, 0, y_label, 'middle', DARK)}</g>",
    ]
    for number, (one, sign) in enumerate(zip(*legend)):
        y = TOP_PX + 8 + LINE_PX * number
        parts.append(sign.format(place=f"M{right + 12:.1f} {y}"))
        parts.append(_text(right + 46, y + 4, _short(one.name), "start", DARK))
    return _svg(WIDTH_PX, HEIGHT_PX, title, parts)


def _line(axes: _Axes, values: Sequence[float], number: int) -> str:
    steps, drawing = list[str](), False
    for place, value in enumerate(values):
        if axes.log and value <= 0:
            drawing = False
            continue
        x = axes.x((place + 0.5) / len(values))
        steps.append(f"{'L' if drawing else 'M'}{x:.1f} {axes.y(value):.1f}")
        if not drawing:
            steps.append("h0.1")  # so that a lone value is a dot
        drawing = True
    return (
        f'<path d="{"".join(steps)}" fill="none" stroke="{_colour(number)}" stroke-width="2.2" '
        f'stroke-linejoin="round" stroke-linecap="round" '
        f'stroke-dasharray="{DASHES[number % len(DASHES)]}"/>'
    )


def _svg(width: float, height: float, title: str, parts: Sequence[str]) -> str:
    heading = f'<text x="16" y="22" font-size="15" fill="{DARK}">{escape(title)}</text>'
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
            f'viewBox="0 0 {width} {height}" font-family="DejaVu Sans, Helvetica, sans-serif" '
            'font-size="12">',
            f'<title>{escape(title)}</title><rect width="100%" height="100%" fill="white"/>',
            heading,
            *parts,
            "</svg>\n",
        ]
    )


def _text(x: float, y: float, text: str, anchor: str, colour: str) -> str:
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}">'
        f"{escape(text)}</text>"
    )


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_LABEL else f"{name[: LONGEST_LABEL - 1]}…"


def _colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _step(low: float, high: float) -> float:
    """A round distance, of which about five lie between two numbers."""
    rough = max(high - low, 1e-9) / 5
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)


def _ticks(low: float, high: float) -> list[float]:
    step = _step(low, high)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(number * step, 12) for number in range(first, last + 1)]


def _decades(low: float, high: float) -> list[float]:
    return [10.0**power for power in range(round(math.log10(low)), round(math.log10(high)) + 1)]


def _picture(values: npt.NDArray[np.float64]) -> str:
    """A map as PNG in base 64."""
    highest = float(values.max()) if values.size else 0.0
    shares = values / highest if highest else np.zeros_like(values)
    stops = np.array([[int(colour[i : i + 2], 16) for i in (1, 3, 5)] for colour in LIGHT_TO_DARK])
    places = np.linspace(0, 1, len(stops))
    channels = [np.interp(shares, places, stop) for stop in stops.T]
    pixels = np.stack(channels, axis=-1)
    file = io.BytesIO()
    Image.fromarray(pixels.round().astype(np.uint8)).save(file, "PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode()
