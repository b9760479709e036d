"""What a predictor that segments as examples show gives: labels, objects, and how sure it is.

Shape legend: H W pixels of the image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from anymask.core.in_context.palette import LabelledPixels


@dataclass(frozen=True, eq=False)
class FoundObject:
    """One thing like an example. mask: (H, W). label: of the example that it is like.

    score: in 0-1, how likely it is the same thing and well drawn.
    """

    mask: npt.NDArray[np.bool_]
    label: int
    score: float


@dataclass(frozen=True, eq=False)
class InContextAnswer:
    """labelled: each pixel's label, 0 where it is like none of the examples, and how sure.

    objects: its things, the surest first; a predictor that doesn't tell things apart gives one for
    each label that it found. answered_by: the models that answered, in words for people. Nothing
    found is an answer: all labels are 0 and there are no objects.
    """

    labelled: LabelledPixels
    objects: tuple[FoundObject, ...]
    answered_by: str

    @property
    def score(self) -> float:
        """How sure it is of its surest object, 0 where it found none."""
        return max((one.score for one in self.objects), default=0.0)

    def mask(self, label: int = 1) -> npt.NDArray[np.bool_]:
        """(H, W): where one label is."""
        is_there: npt.NDArray[np.bool_] = self.labelled.labels == label
        return is_there
