"""Box AP and AR without categories, by hand."""

from __future__ import annotations

import numpy as np
import pytest

from anymask.core.detecting.figures import JudgedImage, box_figures

TRUE = [[0.0, 0.0, 100.0, 100.0], [200.0, 0.0, 220.0, 20.0]]


def image(
    boxes: list[list[float]],
    scores: list[float],
    true: list[list[float]] = TRUE,
    ignored: tuple[int, ...] = (),
) -> JudgedImage:
    truths = np.array(true, np.float32).reshape(-1, 4)
    return JudgedImage(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array(scores, np.float32),
        truths,
        (truths[:, 2:] - truths[:, :2]).prod(axis=1),
        np.array([number in ignored for number in range(len(truths))], bool),
    )


def test_all_found_exactly() -> None:
    figures = box_figures([image(TRUE, [0.9, 0.8])])
    assert figures["ap"] == figures["ar_100"] == figures["ar_100_50"] == pytest.approx(1)
    assert figures["ar_1"] == 0.5
    assert figures["ar_100_small"] == figures["ar_100_50_large"] == 1
    assert "ap_medium" not in figures


def test_a_box_that_is_too_small_is_found_at_low_thresholds_alone() -> None:
    figures = box_figures([image([[0.0, 0.0, 100.0, 72.0]], [0.9])])
    assert figures["ar_100_50"] == 0.5
    assert figures["ar_100"] == pytest.approx(0.5 * 5 / 10)  # 0.5, 0.55, …, 0.7
    assert figures["ap_75"] == 0


def test_wrong_boxes_lower_precision_and_those_in_ignored_regions_do_not() -> None:
    right, wrong = TRUE[0], [300.0, 300.0, 350.0, 350.0]
    figures = box_figures([image([wrong, right], [0.9, 0.8], [TRUE[0]])])
    assert figures["ap_50"] == pytest.approx(0.5)
    crowd = [290.0, 290.0, 400.0, 400.0]
    figures = box_figures([image([wrong, right], [0.9, 0.8], [TRUE[0], crowd], ignored=(1,))])
    assert figures["ap_50"] == pytest.approx(1)


def test_without_objects_or_boxes() -> None:
    assert box_figures([]) == {}
    assert box_figures([image([], [], [TRUE[0]], ignored=(0,))]) == {}
    assert box_figures([image([], [])])["ar_100_50"] == 0
