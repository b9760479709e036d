"""Light: pictures that are too dark to see masks on, made lighter for people."""

from __future__ import annotations

import math

import cv2
import numpy as np

from anymask.core.image import RGB

LIGHT_ENOUGH = 70  # mean of what is seen well, of 255
STRONGEST = 0.45  # exponent: noise of a picture that is all but black stays noise


def lightened(image: RGB) -> RGB:
    """The image, or, where it is dark on the whole, one whose shadows show; white stays white.

    Night photographs and fluorescence microscopy have a few bright spots, so the curve is bent and
    not stretched.
    """
    mean = float(cv2.mean(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY))[0])
    if mean >= LIGHT_ENOUGH or mean <= 0:
        return image
    exponent = max(math.log(LIGHT_ENOUGH / 255) / math.log(mean / 255), STRONGEST)
    curve = np.round(255 * (np.arange(256) / 255) ** exponent).astype(np.uint8)
    return np.asarray(cv2.LUT(image, curve), np.uint8)
