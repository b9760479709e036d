"""Charts: whole SVG, whatever the numbers and the names are."""

from __future__ import annotations

from xml.etree import ElementTree

import numpy as np
import pytest

from anymask.core.drawing.charts import Series, bar_chart, line_chart, maps

SVG = "{http://www.w3.org/2000/svg}"


def heights(text: str) -> list[float]:
    return [float(one.get("height", "0")) for one in ElementTree.fromstring(text).iter(f"{SVG}rect")
            if one.get("height") != "100%"]  # fmt: skip


def test_bars_are_as_high_as_their_values() -> None:
    high, low = heights(bar_chart("t", "x", "y", ["a", "b"], [Series("one", [80, 20])]))
    assert high == pytest.approx(4 * low, abs=0.5)


@pytest.mark.parametrize("log", [True, False])
@pytest.mark.parametrize("values", [[], [0.0, 0.0], [1e-9, 50.0], [0.0, 3.0, 0.0, 1.0]])
def test_lines_of_any_values_are_drawn(log: bool, values: list[float]) -> None:
    series = [Series(f"a <b> & {number}", values) for number in range(9)]
    root = ElementTree.fromstring(line_chart("<t>", "x", "y", series, log))
    text = "".join(ElementTree.tostring(root, encoding="unicode").split())
    assert "nan" not in text
    assert "inf" not in text


def test_maps_are_drawn_of_any_values() -> None:
    text = maps("t", [("a", np.zeros((4, 4))), ("b", np.eye(4)), *[("c" * 99, np.eye(4))] * 4])
    assert len(list(ElementTree.fromstring(text).iter(f"{SVG}image"))) == 6
