"""Tables of words against masks: how often a mask is right, and whether a thing is there.

Shape legend: N masks of an image, f numbers of each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from anymask.core.geometry import Floats
from anymask.core.words.wholes import Weighing

RIGHT = 0.5
DRAWS = 1000


@dataclass(frozen=True)
class Question:
    """One name asked about one image.

    evidence: (N, f). overlaps: (N,) the best IoU with an object of the name, 0 without any.
    """

    image: int
    unseen: bool
    there: bool
    evidence: Floats
    overlaps: Floats
    areas: Floats


def table(asked: Sequence[tuple[Question, Weighing]]) -> str:
    """Markdown: how often each way finds a right mask, and by what IoU."""
    rows = [
        "| way | seen: recall at 1 | mIoU | unseen: recall at 1 | mIoU |",
        "|---|---|---|---|---|",
    ]
    ways = {
        "any mask (chance)": lambda one, _: np.array(
            [(one.overlaps >= RIGHT).mean(), one.overlaps.mean()]
        ),
        "the largest mask": lambda one, _: of_mask(one, int(one.areas.argmax())),
        "the likest mask": lambda one, _: of_mask(one, int(one.evidence[:, 0].argmax())),
        "**the likeliest mask**": lambda one, weighing: of_mask(
            one, int(weighing.chances(one.evidence).argmax())
        ),
        "the best mask there is": lambda one, _: of_mask(one, int(one.overlaps.argmax())),
    }
    found = {}
    for name, way in ways.items():
        cells = []
        for unseen in (False, True):
            kept = [
                (one.image, way(one, each))  # type: ignore[no-untyped-call]
                for one, each in asked
                if one.there and one.unseen == unseen
            ]
            found[name, unseen] = kept
            cells += [f"{mean:.3f} ± {half:.3f}" for mean, half in bootstrapped(kept)]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    cells = []
    for unseen in (False, True):
        best, largest = (
            found[name, unseen] for name in ("**the likeliest mask**", "the largest mask")
        )
        more = [(image, one - other) for (image, one), (_, other) in zip(best, largest)]
        cells += [f"{mean:+.3f} ± {half:.3f}" for mean, half in bootstrapped(more)]
    rows.append("| the likeliest over the largest | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def of_mask(question: Question, place: int) -> Floats:
    """(2,) whether a mask is right, and its IoU."""
    iou = float(question.overlaps[place])
    return np.array([iou >= RIGHT, iou], np.float32)


def bootstrapped(kept: Sequence[tuple[int, Floats]]) -> list[tuple[float, float]]:
    """Mean and half of the 95% interval of each column, images drawn anew."""
    images = sorted({image for image, _ in kept})
    place = {image: number for number, image in enumerate(images)}
    sums, counts = np.zeros((len(images), 2)), np.zeros(len(images))
    for image, values in kept:
        sums[place[image]] += values
        counts[place[image]] += 1
    rng = np.random.default_rng(0)
    drawn = rng.multinomial(len(images), np.full(len(images), 1 / len(images)), DRAWS)
    means = (drawn @ sums) / np.maximum(drawn @ counts, 1)[:, None]
    low, high = np.quantile(means, (0.025, 0.975), axis=0)
    mean = sums.sum(axis=0) / max(counts.sum(), 1)
    return [(float(one), float(half)) for one, half in zip(mean, (high - low) / 2)]


def presence(asked: Sequence[tuple[Question, Weighing]]) -> str:
    """Markdown: is it there at all."""
    rows = [
        "| is it there at all | chance from | precision | recall | half |",
        "|---|---|---|---|---|",
    ]
    for unseen in (False, True):
        own = [(one, each) for one, each in asked if one.unseen == unseen]
        if not own:
            continue
        said = np.array([each.chances(one.evidence).max() >= each.least for one, each in own])
        there = np.array([one.there for one, _ in own])
        recall, false = said[there].mean(), said[~there].mean()
        shares = f"{there[said].mean():.2f} | {recall:.2f} | {recall / (recall + false):.2f}"
        name = f"{'unseen' if unseen else 'seen'} names, {there.mean():.0%} of which are"
        rows.append(f"| {name} | {own[0][1].least} | {shares} |")
    return "\n".join(rows)
