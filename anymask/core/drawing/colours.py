"""Colours of masks: bright, and each unlike its neighbours'."""

from __future__ import annotations

import colorsys

Colour = tuple[int, int, int]

FIRST_HUE, GOLDEN_RATIO = 0.58, 0.618034  # successive hues far apart, whatever their number


def colour(number: int) -> Colour:
    """The colour of the mask with this number."""
    hue = (FIRST_HUE + number * GOLDEN_RATIO) % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)
