"""Words: what a job looks for where it looks for what words name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from anymask.core.annotations import Annotations
from anymask.core.image import RGB
from anymask.core.words.phrases import things_of
from anymask.predict.words.load import WordsFinder


@dataclass(frozen=True)
class Words:
    """texts: whose things are all looked for. Raises ``PromptError`` for one without a name."""

    texts: tuple[str, ...]

    def __post_init__(self) -> None:
        for text in self.texts:
            things_of(text)

    def to_json(self) -> dict[str, Any]:
        """What results depend on, as plain JSON values."""
        return {"text": list(self.texts)}

    def annotations(self, finder: WordsFinder, pixels: RGB) -> Annotations:
        """What is so named in an image, with its names. Raises ``Error``."""
        return finder.find(pixels, self.texts).masks
