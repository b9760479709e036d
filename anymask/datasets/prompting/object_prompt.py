"""What is said of one object: points, a box, a rough mask or a scribble, before any is read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from anymask.core.prompts import OBJECT, Prompts
from anymask.errors import PromptError

Point = tuple[float, float, int]
Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class ObjectPrompt:
    """Points X, Y, label; a box XYXY; files of a rough mask or of strokes. Not all may be absent.

    source: where it was said, for errors: "prompts.csv, line 7"; "" on the command line.
    Raises ``PromptError`` for a prompt that says nothing, or twice the same.
    """

    points: tuple[Point, ...] = ()
    box: Box | None = None
    mask: Path | None = None
    scribble: Path | None = None
    source: str = ""

    def __post_init__(self) -> None:
        if not (self.points or self.box or self.mask or self.scribble):
            raise PromptError("of an object nothing is said: give a point of it, a box or a mask")
        if self.mask and self.scribble:
            raise PromptError("a mask and a scribble say the same of an object: give one of them")

    @property
    def shows_object(self) -> bool:
        """Whether anything is about the object itself, and not what lies beside it."""
        on_object = any(label == OBJECT for *_, label in self.points)
        return on_object or any(part is not None for part in (self.box, self.mask, self.scribble))

    @property
    def files(self) -> list[Path]:
        """The files that it names."""
        return [path for path in (self.mask, self.scribble) if path is not None]

    def sparse(self) -> Prompts | None:
        """Points and box as one prompt; None if there are neither. Raises ``PromptError``."""
        prompt = None
        if self.points:
            xy, labels = [point[:2] for point in self.points], [point[2] for point in self.points]
            prompt = Prompts.of_points(xy, labels)
        if self.box is None:
            return prompt
        return Prompts.of_boxes([self.box]) if prompt is None else prompt.with_boxes([self.box])
