"""What is left out of a file of annotations or of an image in it: a line for each reason."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from anymask.datasets.photographs import LeftOut

NAMED = 3  # of all that are left out for one reason


class Tally:
    """Annotations, or other entries, that are left out, by reason, in the order of their coming."""

    def __init__(self) -> None:
        self._labels: dict[str, list[str]] = {}
        self._details: dict[str, str] = {}

    def add(self, reason: str, label: str, detail: str = "") -> None:
        """Note one. reason: the same for all of a kind; detail: what is special to this one."""
        self._labels.setdefault(reason, []).append(label)
        if detail:
            self._details.setdefault(reason, detail)

    def __bool__(self) -> bool:
        return bool(self._labels)

    def reasons(self) -> Iterator[tuple[str, list[str]]]:
        """Each reason, and the labels of what is left out for it."""
        for reason, labels in self._labels.items():
            detail = self._details.get(reason)
            yield (f"{reason} ({detail})" if detail else reason), labels

    def lines(self, noun: str = "annotation", end: str = "left out") -> Iterator[tuple[str, int]]:
        """For each reason a sentence, and how many it speaks of.

        noun: what labels are of; end: what became of them.
        """
        for reason, labels in self.reasons():
            verb = "is" if len(labels) == 1 else "are"
            yield f"{listed(labels, noun)} {verb} {end}: {reason}", len(labels)

    def notes(self, name: str, noun: str = "annotation", end: str = "left out") -> list[LeftOut]:
        """The sentences about an image or a file."""
        return [LeftOut(name, line, count) for line, count in self.lines(noun, end)]


def listed(labels: Sequence[str], noun: str) -> str:
    """``annotation 2``; ``annotations 2, 3, 4 and 118 more``."""
    return f"{noun}{'s' * (len(labels) > 1)} {first_of(labels)}"


def first_of(labels: Sequence[str]) -> str:
    """``2, 3, 4 and 118 more``."""
    more = len(labels) - NAMED
    return ", ".join(labels[:NAMED]) + (f" and {more} more" if more > 0 else "")
