"""Figures: that they can be drawn of whatever there is, and disturb nobody's matplotlib."""

from __future__ import annotations

import sys
from collections.abc import Callable
from io import BytesIO

import matplotlib as mpl
import numpy as np
import pytest
from PIL import Image

from anymask.errors import MissingExtraError
from anymask.evaluation.report import figures
from anymask.evaluation.report.drawing import WIDTH_IN, spread
from anymask.evaluation.report.figures import AblatedModel, GroupMeans, PrecisionRecall

SERIES = {1: 0.5, 2: 0.6, 9: 0.9}
CURVE = PrecisionRecall("Canny", (0.9, 0.5, 0.0), (0.2, 0.8, 0.0), 0.6)
GROUP = GroupMeans("age", "older", {1: (0.5, 0.4, 0.6), 3: (0.9, 0.9, 0.9)})
MODEL = AblatedModel("ViT-B", 91.0, SERIES)
DRAWN: dict[str, Callable[[], bytes]] = {
    "single point": lambda: figures.single_point({"coins": SERIES, "leaves": SERIES}, SERIES),
    "one dataset": lambda: figures.single_point({"$coins^": SERIES}),
    "one number": lambda: figures.single_point({"coins": {1: 1.0}}),
    "no dataset": lambda: figures.single_point({}),
    "many datasets": lambda: figures.single_point({f"set {n}": SERIES for n in range(23)}, SERIES),
    "a long name": lambda: figures.single_point({"coins " * 30: SERIES}),
    "clicks": lambda: figures.interactive({"coins": {n: n / 21 for n in range(1, 21)}}),
    "edges": lambda: figures.edges([CURVE, CURVE]),
    "an edge map of nothing": lambda: figures.edges([PrecisionRecall("x", (0.0,), (0.0,), 0.0)]),
    "fairness": lambda: figures.fairness([GROUP, GROUP]),
    "ablation": lambda: figures.ablations({"Encoder": [MODEL], "Data": [MODEL, MODEL]}),
    "ablation with a gap": lambda: figures.ablations(
        {"Data": [MODEL, AblatedModel("ViT-L", 308.0, {})]}
    ),
    "histograms": lambda: figures.histograms({f"set {n}": [0.1, 0.9] for n in range(4)}),
}


@pytest.mark.parametrize("draw", DRAWN.values(), ids=DRAWN)
def test_all_are_pngs_that_a_page_can_show(draw: Callable[[], bytes]) -> None:
    picture = Image.open(BytesIO(draw()))
    picture.load()
    assert picture.format == "PNG"
    assert picture.width >= 800
    assert 0.2 < picture.height / picture.width < 1.5
    assert len(np.unique(np.asarray(picture.convert("L")))) > 2


def test_nothing_of_matplotlib_is_left_changed() -> None:
    before = dict(mpl.rcParams)
    figures.single_point({"coins": SERIES})
    assert dict(mpl.rcParams) == before


def test_a_users_style_changes_no_figure() -> None:
    plain = figures.single_point({"coins": SERIES})
    with mpl.rc_context({"axes.facecolor": "black", "font.size": 30}):
        assert figures.single_point({"coins": SERIES}) == plain


def test_a_missing_matplotlib_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match="evaluate"):
        figures.single_point({"coins": SERIES})


def test_labels_keep_their_places_where_there_is_room() -> None:
    assert spread([0.9, 0.1, 0.5], 0.1, 0, 1) == pytest.approx([0.9, 0.1, 0.5])


def test_labels_that_would_lie_on_each_other_move_apart_about_their_middle() -> None:
    assert spread([0.5, 0.5, 0.1], 0.1, 0, 1) == pytest.approx([0.45, 0.55, 0.1])
    assert spread([0.5, 0.52, 0.54], 0.1, 0, 1) == pytest.approx([0.42, 0.52, 0.62])


def test_labels_stay_within_their_limits() -> None:
    assert spread([1.0, 1.0, 0.99], 0.1, 0, 1) == pytest.approx([0.9, 1.0, 0.8])
    assert spread([0.0, 0.0], 0.1, 0, 1) == pytest.approx([0.0, 0.1])
    assert spread([], 0.1, 0, 1) == []


def test_labels_of_any_number_keep_their_order_and_their_distance() -> None:
    positions = np.random.default_rng(0).random(20)
    placed = np.array(spread(list(positions), 0.05, 0, 1))
    order = np.argsort(positions)
    assert np.diff(placed[order]).min() > 0.05 - 1e-9
    assert placed.min() >= 0
    assert placed.max() <= 1


def test_the_width_is_that_of_the_page() -> None:
    assert Image.open(BytesIO(figures.edges([CURVE]))).width == WIDTH_IN * 150
