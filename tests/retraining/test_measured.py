"""What a model gains over another on the same objects, and how sure that is."""

from __future__ import annotations

import pytest

from anymask.retraining.measuring import Measured


def measured(*clicked: float, images: tuple[int, ...] = (0, 0, 1, 2)) -> Measured:
    return Measured({}, {}, clicked, images)


def test_the_gain_is_of_the_same_objects_and_lies_between_limits_over_images() -> None:
    gain = measured(0.5, 0.7, 0.6, 0.9).gain(measured(0.4, 0.4, 0.6, 0.8))
    assert gain["mean"] == pytest.approx(0.125)
    assert 0 <= gain["low"] < 0.125 < gain["high"] <= 0.2
    same = measured(0.5, 0.7, 0.6, 0.9).gain(measured(0.5, 0.7, 0.6, 0.9))
    assert same == {"mean": 0.0, "low": 0.0, "high": 0.0}


def test_of_one_image_nobody_can_tell() -> None:
    one = (0, 0)
    assert measured(0.5, 0.7, images=one).gain(measured(0.4, 0.4, images=one)) == {}
