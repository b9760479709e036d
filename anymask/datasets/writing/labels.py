"""Labels by number, in the order in which they are met."""

from __future__ import annotations

from anymask.datasets.writing.annotated import AnnotatedObject

UNLABELLED = "object"  # what formats that ask for a label call an object without one


class Labels:
    """The labels of a dataset as they come.

    first: the number of the first one.
    """

    def __init__(self, first: int) -> None:
        self._first = first
        self._numbers: dict[str, int] = {}

    def number(self, labelled: AnnotatedObject) -> int:
        """The number of an object's label, a new one if it is."""
        label = label_of(labelled)
        return self._numbers.setdefault(label, self._first + len(self._numbers))

    def items(self) -> list[tuple[int, str]]:
        """All numbers with their labels, rising."""
        return [(number, label) for label, number in self._numbers.items()]


def label_of(labelled: AnnotatedObject) -> str:
    """An object's label, or what stands for one."""
    return labelled.label or UNLABELLED
