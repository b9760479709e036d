"""Auditing: which images annotators correct, and what that says of automatic masks (§5)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from anymask.core import rle
from anymask.engine.stages.audit_figures import Pairs, Spread, figures_of
from anymask.engine.store.automation.audits import (
    NOTHING_TO_AUDIT,
    Audit,
    AuditedMask,
    auditable,
    audited_images,
    audited_masks,
    check_none_runs,
    put_figures,
    start_audit,
)
from anymask.engine.store.store import Store
from anymask.engine.store.values import FINISHED, State
from anymask.errors import StoreError


@dataclass(frozen=True)
class Started:
    """An audit that began. masks: how many are to be corrected in how many images. of: how many
    images there were to draw from.
    """

    audit: Audit
    images: int
    masks: int
    of: int


def start(store: Store, images: int, seed: int) -> Started:
    """Draw images whose masks the engine made alone, and put them before annotators.

    Raises ``StoreError`` where there are none, and while another audit runs.
    """
    store.read(check_none_runs)
    choices = store.read(auditable)
    if not choices:
        raise StoreError("invalid", NOTHING_TO_AUDIT)
    audit, masks = store.write(start_audit, drawn(choices, images, seed), seed)
    return Started(audit, len(masks), sum(masks.values()), len(choices))


def drawn(masks: Mapping[int, int], count: int, seed: int) -> list[int]:
    """A random sample of images, stratified by how many masks they have; ids, rising.

    masks: of each image. Each image is as likely as any other: they lie in the order of their masks
    (those of as many in a random one), and every so manieth is taken, from a random one on. So
    crowded and empty images are there as often as in the whole.
    """
    dice = random.Random(seed)
    shuffled = dice.sample(sorted(masks), len(masks))
    ordered = sorted(shuffled, key=lambda image_id: masks[image_id])
    count = min(count, len(ordered))
    step = len(ordered) / max(count, 1)
    begin = dice.random() * step
    return sorted(ordered[min(int(begin + step * k), len(ordered) - 1)] for k in range(count))


def report(store: Store, audit: Audit, spread: Spread, wanted: float) -> dict[str, Any]:
    """The figures of the images that annotators are done with, which are kept in the store.

    Those that are kept of an audit that is ended: its masks may be others since. spread, wanted: as
    ``figures_of`` takes them. Raises ``StoreError``.
    """
    if audit.ended_at is not None and audit.figures is not None:
        return dict(audit.figures)
    states = store.read(audited_images, audit.id)
    counts: Counter[State] = Counter(states.values())
    finished = [image_id for image_id, state in states.items() if state in FINISHED]
    waiting = len(states) - len(finished) - counts["skipped"]
    pairs = pairs_of([one for i in finished for one in store.read(audited_masks, audit.id, i)])
    figures = figures_of(pairs, spread, wanted)
    figures |= {"images": len(finished), "waiting": waiting, "skipped": counts["skipped"]}
    store.write(put_figures, audit.id, figures)
    return figures


def pairs_of(masks: Sequence[AuditedMask]) -> Pairs:
    """The masks as numbers."""
    return Pairs(
        np.array([mask.image_id for mask in masks], np.int64),
        np.array([_iou(mask) for mask in masks], np.float64),
        np.array([mask.found.area for mask in masks], np.float64),
        np.array([_or_nan(mask.found.predicted_iou) for mask in masks], np.float64),
        np.array([_or_nan(mask.found.stability_score) for mask in masks], np.float64),
    )


def _iou(mask: AuditedMask) -> float:
    """Of the automatic mask and its correction; NaN for one that was deleted."""
    if mask.corrected is None:
        return np.nan
    found, corrected = mask.found.segmentation, mask.corrected.segmentation
    if found["counts"] == corrected["counts"]:
        return 1.0
    return float(rle.iou([found], [corrected])[0, 0])


def _or_nan(score: float | None) -> float:
    return np.nan if score is None else score
