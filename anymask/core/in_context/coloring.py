"""Coloring: random colours for labels, so that only the context tells what they mean (§3.1)."""

from __future__ import annotations

import numpy as np

from anymask.core.in_context.palette import BRIGHTEST, Colors, palette

APART = 48.0  # distance of colours in RGB, at least, as long as there is room for it
TRIES = 20


def random_colors(count: int, plain: float, rng: np.random.Generator) -> Colors:
    """Colours of background and ``count`` labels, (count + 1, 3) RGB in 0-255.

    The background is black, as at inference; each label has any colour that is ``APART`` from those
    before, if one of ``TRIES`` is. plain: how often the colours are ``palette``'s instead, in its
    order: those that inference paints with.
    """
    if rng.random() < plain:
        return palette(count)
    colors = np.zeros((count + 1, 3), np.float32)
    for label in range(1, count + 1):
        drawn = rng.uniform(0, BRIGHTEST, (TRIES, 3)).astype(np.float32)
        gaps = np.linalg.norm(drawn[:, None] - colors[:label], axis=-1).min(axis=1)
        far = np.flatnonzero(gaps >= APART)
        colors[label] = drawn[far[0] if len(far) else gaps.argmax()]
    return colors
