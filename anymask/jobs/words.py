"""Words: what a job looks for where it looks for what words name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from anymask.core.annotations import Annotations
from anymask.core.image import RGB
from anymask.core.words.phrases import things_of
from anymask.datasets.photographs import Photograph
from anymask.datasets.prompting.candidate_file import CandidateFile
from anymask.predict.words.given import candidates_of_file
from anymask.predict.words.load import WordsFinder


@dataclass(frozen=True)
class Words:
    """texts: whose things are all looked for. among: what they are chosen from; None: everything.

    Raises ``PromptError`` for a text without a name.
    """

    texts: tuple[str, ...]
    among: CandidateFile | None = None

    def __post_init__(self) -> None:
        for text in self.texts:
            things_of(text)

    def to_json(self) -> dict[str, Any]:
        """What results depend on, as plain JSON values."""
        asked: dict[str, Any] = {"text": list(self.texts)}
        return asked if self.among is None else {**asked, "among": self.among.digest}

    def annotations(
        self, finder: WordsFinder, photograph: Photograph, pixels: RGB
    ) -> tuple[Annotations, tuple[str, ...]]:
        """What is so named in an image, with its names; why something is not. Raises ``Error``.

        Of an image of which the file of candidates says nothing the answer is empty.
        """
        if self.among is None:
            found = finder.find(pixels, self.texts)
            return found.masks, found.reasons
        given = self.among.find(photograph)
        if given is None:
            nothing = Annotations([], (pixels.shape[0], pixels.shape[1]))
            return nothing, (self.among.silence(photograph),)
        candidates = candidates_of_file(finder, pixels, given)
        found = finder.find(pixels, self.texts, among=candidates)
        return found.masks, found.reasons
