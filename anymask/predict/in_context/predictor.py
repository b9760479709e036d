"""InContextPredictor: what everything that segments as examples show can do."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

from anymask.core.in_context.example import Example
from anymask.core.in_context.palette import Labels, Pixels
from anymask.predict.in_context.answer import InContextAnswer


class InContextPredictor(Protocol):
    """Segments an image as examples show, whichever models it asks."""

    @property
    def model_id(self) -> str:
        """Names and hashes of all that answers depend on."""
        ...

    def segment(
        self, pixels: Pixels, examples: Sequence[Example], *, rejected: Sequence[Example] = ()
    ) -> InContextAnswer:
        """The labels of the examples in another image.

        pixels: (H, W, 3) RGB. rejected: what looks alike and is not meant. Raises ``PromptError``.
        """
        ...


class VideoPredictor(Protocol):
    """Follows labels of the first frame through a film."""

    @property
    def model_id(self) -> str:
        """Names and hashes of all that answers depend on."""
        ...

    def follow(
        self,
        frames: Iterable[Pixels],
        first: Labels,
        also: Sequence[Example] = (),
        *,
        known: Sequence[InContextAnswer] = (),
    ) -> Iterator[InContextAnswer]:
        """An answer for each frame after the first, which ``first`` (H, W) labels.

        also: other frames whose labels are known. known: the answers for the frames right after the
        first, where there are some from before: they are remembered, and not given again.
        """
        ...
