"""Which models may be used, by hand."""

from __future__ import annotations

import math

import pytest

from anymask.retraining.promoting import DETECTOR_FIGURES, SAM_FIGURES, surely_worse, worse

OLD = {"miou_clicks": 0.5, "found": 0.4, "calibration_error": 0.2}


@pytest.mark.parametrize(
    ("changes", "reasons"),
    [
        ({}, []),
        ({"miou_clicks": 0.6, "found": 0.5, "calibration_error": 0.1}, []),
        ({"miou_clicks": 0.4951, "found": 0.381, "calibration_error": 0.219}, []),
        ({"miou_clicks": 0.49}, ["mIoU over 1, 2 and 3 clicks was 0.500 and is 0.490"]),
        ({"miou_clicks": 0.9, "found": 0.3}, ["everything-mode finds was 0.400 and is 0.300"]),
        ({"miou_clicks": 0.9, "calibration_error": 0.3}, ["predicted IoU was 0.200 and is 0.300"]),
        ({"miou_clicks": math.nan}, ["mIoU over 1, 2 and 3 clicks can't be told"]),
        ({"miou_clicks": 0.1, "found": 0.1}, ["mIoU", "everything-mode"]),
    ],
)
def test_a_model_is_used_if_no_figure_is_worse(
    changes: dict[str, float], reasons: list[str]
) -> None:
    said = worse(OLD, OLD | changes, SAM_FIGURES)
    assert len(said) == len(reasons)
    for line, reason in zip(said, reasons):
        assert reason in line


def test_a_figure_that_is_new_is_not_compared_and_one_that_is_gone_counts() -> None:
    assert worse({}, OLD, SAM_FIGURES) == []
    assert worse({"ar_100_50": 0.5}, {}, DETECTOR_FIGURES) == ["AR@100 at IoU 0.5 can't be told"]


def test_one_click_counts_where_chance_can_not_have_done_it() -> None:
    assert surely_worse({}) == []
    assert surely_worse({"mean": -0.009, "low": -0.073, "high": 0.069}) == []
    [line] = surely_worse({"mean": -0.03, "low": -0.05, "high": -0.012})
    assert line == "one click is worth less, by 1.2 to 5.0 points of mIoU"
