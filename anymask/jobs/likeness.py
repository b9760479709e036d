"""Likeness: what a job looks for where it looks for what is like examples, not for everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from anymask.core.annotations import Annotations
from anymask.core.image import RGB
from anymask.datasets.prompting.examples import Examples
from anymask.predict.in_context.annotations import annotations_of
from anymask.predict.in_context.predictor import InContextPredictor


@dataclass(frozen=True, eq=False)
class Likeness:
    """Examples, read already: they are sent to other processes and machines as they are."""

    examples: Examples

    def to_json(self) -> dict[str, Any]:
        """What results depend on, as plain JSON values."""
        return self.examples.to_json()

    def annotations(self, predictor: InContextPredictor, pixels: RGB) -> Annotations:
        """What is like the examples in an image, with their labels. Raises ``Error``."""
        answer = predictor.segment(pixels, self.examples.shown, rejected=self.examples.rejected)
        return annotations_of(answer, self.examples.names)
