"""Soft masks: pictures of one object whose edges have values between 0 and its own.

Smoothed, resized and compressed with losses, a mask has such values at its edges alone: each leads
up to the object, none fills a place of its own. Labels do, down to cells of a few pixels.

Shape legend: H W pixels, L levels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from anymask.errors import ImageError

FEW_LEVELS = 8  # which classes may have, too, as the borders of cells have one
LEAST_STEEP = 64  # value of an object whose few levels are grey rather than numbers
INSIDE = 0.9  # of the plateau; noise and overshoot lie above
FAINT = 0.1  # of the plateau; in what has losses, noise lies below
MOST_BETWEEN = 0.5  # of all pixels
MOST_FLAT = 0.05  # of those between; of labels about half and more
LEAST_CLIMBING = 0.5, 0.9  # of those between, where levels are many, and few
DARKEST = 32  # that losses of 8 bits leave something of
SAME_COLOUR = 48
EXACT = 1 << 24  # up to which float32 has whole numbers
AROUND = np.ones((3, 3), np.uint8)

Values = npt.NDArray[Any]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Edges:
    """What lies between black and the object, if there were one object.

    plateau: its value. between: share of all pixels. flat: share of these whose neighbours all have
    the same value; climbing: that have a brighter one.
    """

    plateau: float
    between: float
    flat: float
    climbing: float


def soft_object(values: Values, name: str) -> Mask | None:
    """(H, W) the object in a picture with soft edges, where it is brighter than half; else None.

    values: (H, W), 0 and more. Raises ``ImageError`` where a few levels may be edges or classes.
    """
    levels = len(np.unique(values[values > 0]))
    if levels < 3 or values.max() >= EXACT:
        return None
    edges = _edges(values)
    if not 0 < edges.between <= MOST_BETWEEN or edges.flat > MOST_FLAT:
        return None
    many, few = LEAST_CLIMBING
    if levels > FEW_LEVELS and edges.climbing >= many:
        return np.asarray(values > edges.plateau / 2)
    if levels <= FEW_LEVELS and edges.climbing >= few and edges.plateau >= LEAST_STEEP:
        raise ImageError(
            f"{name} has {levels} values, all but the highest at edges alone, which may be the "
            f"soft edges of one object, or classes: save it with two values, or say that each is "
            f"one (anymask evaluate --void 0)"
        )
    return None


def soft_colour(colours: Values, name: str) -> Mask | None:
    """(H, W) the object of one colour that has soft edges; None where colours are labels.

    colours: (H, W, 3). Raises ``ImageError`` where several have soft edges.
    """
    brightest = colours.max(axis=2)
    shown = soft_object(brightest, name) if len(np.unique(brightest)) > FEW_LEVELS else None
    if shown is not None and _are_several(colours, brightest):
        raise ImageError(
            f"{name} has objects of several colours with soft edges, which are colours of their "
            f"own; save it without smoothing"
        )
    return shown


def lossy_object(colours: Values, name: str) -> Mask:
    """(H, W) the object in a picture that is compressed with losses: brighter than half of it.

    colours: (H, W, C). Raises ``ImageError`` for what may be more than one object, or no mask.
    """
    brightest = colours.max(axis=2)
    if not brightest.any():
        return np.zeros(brightest.shape, bool)
    edges = _edges(brightest, FAINT)
    if edges.plateau < DARKEST:
        raise ImageError(
            f"{name} is compressed with losses and has no value above {brightest.max()}, of which "
            f"they leave nothing certain; save pictures of masks as PNG"
        )
    is_of_one = edges.between <= MOST_BETWEEN and edges.flat <= MOST_FLAT
    if not is_of_one or _are_several(colours, brightest):
        raise ImageError(
            f"{name} is compressed with losses and shows more than one value or colour, which they "
            f"mix; save pictures of masks as PNG"
        )
    return np.asarray(brightest > edges.plateau / 2)


def _edges(values: Values, faint: float = 0) -> Edges:
    """faint: of the plateau; what is less bright is black."""
    present, areas = np.unique(values[values >= max(values.max() / 2, 1)], return_counts=True)
    plateau = float(present[areas.argmax()])
    inside = INSIDE * plateau
    clipped = np.minimum(values, inside).astype(np.float32)
    clipped[clipped <= faint * plateau] = 0
    between = (clipped > 0) & (clipped < np.float32(inside))
    count = max(int(between.sum()), 1)
    brightest = cv2.dilate(clipped, AROUND)
    is_flat = between & (brightest == cv2.erode(clipped, AROUND))
    is_climbing = between & (brightest > clipped)
    return Edges(
        plateau,
        between=float(between.mean()),
        flat=float(is_flat.sum() / count),
        climbing=float(is_climbing.sum() / count),
    )


def _are_several(colours: Values, brightest: Values) -> bool:
    """Whether what is bright, away from edges, has more than one colour."""
    bright = (brightest > brightest.max() / 2).astype(np.uint8)
    inner = cv2.erode(bright, AROUND, iterations=2) > 0
    inner = inner if inner.any() else bright > 0
    shown = colours[inner].astype(np.int64)
    far = np.abs(shown - np.median(shown, axis=0)).max(axis=1) > SAME_COLOUR
    return bool(far.mean() > MOST_FLAT)
