"""Named questions: the names of categories as words, asked of an image that has them or has not.

Shape legend: N candidates, H W pixels of the image.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from anymask.core import rle
from anymask.core.annotations import Annotation, Annotations
from anymask.core.geometry import Floats
from anymask.core.in_context.features import Mask
from anymask.core.words.crops import Pixels
from anymask.datasets.sample import Sample
from anymask.evaluation.episodes import class_mask
from anymask.predict.words.answer import annotation

if TYPE_CHECKING:
    from anymask.predict.words.candidates import Candidates
    from anymask.predict.words.predictor import Named


class NamesAsked(Protocol):
    """What finds names among an image's candidates."""

    @property
    def model_id(self) -> str:
        """Names and hashes of all that answers depend on."""
        ...

    def candidates(self, pixels: Pixels) -> Candidates:
        """Everything in an (H, W, 3) image."""
        ...

    def candidates_of(self, pixels: Pixels, masks: Annotations) -> Candidates:
        """Given masks of an image, without tiny ones and copies."""
        ...

    def named(self, candidates: Candidates, names: Sequence[str]) -> list[Named]:
        """What is like each name, each thing once."""
        ...


@dataclass
class TimedNames:
    """Passes every question on. seconds: what the answers took, all together."""

    asked: NamesAsked
    seconds: float = field(default=0.0)

    @property
    def model_id(self) -> str:
        """Of all that answers depend on."""
        return self.asked.model_id

    def candidates(self, pixels: Pixels) -> Candidates:
        """Look."""
        with self._counted():
            return self.asked.candidates(pixels)

    def candidates_of(self, pixels: Pixels, masks: Annotations) -> Candidates:
        """Look at what is given."""
        with self._counted():
            return self.asked.candidates_of(pixels, masks)

    def named(self, candidates: Candidates, names: Sequence[str]) -> list[Named]:
        """Answer."""
        with self._counted():
            return self.asked.named(candidates, names)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - start


@dataclass(frozen=True)
class NamedQuestion:
    """A name, and whether the image has it."""

    name: str
    is_there: bool


def questions_of(
    sample: Sample, names: Sequence[str], absent: int | None, smallest_px: int, seed: int
) -> Iterator[NamedQuestion]:
    """What is asked about an image: each name that it has, then some that it has not.

    names: all of the dataset. absent: how many of those that it has not, drawn by the seed and the
    image's name; None: as many as it has. smallest_px: of the longer side of an object; names of
    smaller ones alone are not asked.
    """
    is_large: dict[str, bool] = {}
    for mask, name, is_object in zip(sample.masks, sample.groups, sample.is_object):
        if is_object and name is not None:
            large = max(rle.bbox_xywh(mask)[2:]) >= smallest_px
            is_large[name] = is_large.get(name, False) or large
    there = sorted(name for name, large in is_large.items() if large)
    yield from (NamedQuestion(name, True) for name in there)
    others = [name for name in names if name not in is_large]
    digest = hashlib.sha256(sample.name.encode(errors="surrogateescape")).digest()
    drawn = np.random.default_rng([seed, int.from_bytes(digest[:4], "big")]).permutation(others)
    wanted = len(there) if absent is None else absent
    yield from (NamedQuestion(str(name), False) for name in drawn[:wanted])


def true_masks(sample: Sample) -> Annotations:
    """An image's objects as candidates."""
    height, width = sample.masks[0]["size"]
    each = zip(sample.masks, sample.is_object)
    return Annotations([annotation(mask) for mask, is_object in each if is_object], (height, width))


def overlaps(candidates: Annotations, sample: Sample, name: str) -> Floats:
    """(N,) each candidate's best IoU with an object of a name."""
    each = zip(sample.masks, sample.groups, sample.is_object)
    truths = [mask for mask, group, is_object in each if is_object and group == name]
    given = [one["segmentation"] for one in candidates]
    if not given:
        return np.zeros(0, np.float32)
    each_pair = np.asarray(rle.iou(given, truths), np.float32)
    return np.asarray(each_pair.reshape(len(given), -1).max(axis=1), np.float32)


def iou_of_all(answers: Sequence[Annotation], sample: Sample, name: str) -> float:
    """IoU of the union of answers with that of all objects of a name, where it is decided."""
    truth, decided = class_mask(sample, name)
    found: Mask = np.zeros(truth.shape, bool)
    for one in answers:
        found |= rle.decode(one["segmentation"]).astype(bool)
    found &= decided
    truth &= decided
    return float((found & truth).sum() / max((found | truth).sum(), 1))
