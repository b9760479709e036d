"""FewShotSet: classes, the images that show each, and the folds that figures are given by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from anymask.datasets.photographs import LeftOut
from anymask.datasets.sample import Part


@dataclass(frozen=True)
class FewShotSet:
    """Images by what they show.

    kind: whose protocol it is, in words. folds: the classes of each; a figure is a mean over folds.
    images: the images that show a class, a part each with one sample, whose masks of the class have
    its name as group; in the order of names. is_listed: whether each image of each class is asked
    about by turns; else a class is drawn, then one of its images. notes: what was passed over.
    """

    location: str
    kind: str
    folds: tuple[tuple[str, ...], ...]
    images: Mapping[str, tuple[Part, ...]]
    is_listed: bool = False
    notes: tuple[LeftOut, ...] = ()
