"""Crowds: whether ``iscrowd`` says that a mask is of many objects, or only how it is written.

In COCO a crowd is a region of many objects that were not told apart; its evaluation counts a mask
in it neither for nor against. supervision (0.31) and datumaro (1.13), and so CVAT, write the same
mark for every object whose mask is kept as run lengths, because of a hole or of several parts.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from anymask.datasets.coco.segmentation import is_empty, is_runs
from anymask.datasets.left_out import listed
from anymask.errors import DatasetError

OBJECTS, IGNORE = "objects", "ignore"
CHOICES = (OBJECTS, IGNORE)
OTHER_MARKS = ("ignore", "is_crowd", "isCrowd")  # which COCO's own code does not look at
# As COCO names its photographs; in 2014 with the split before the number.
COCO_NAME = re.compile(r"(?:COCO_\w+_)?[0-9]{12}\.jpg")


@dataclass
class Marks:
    """What a file's annotations show of its use of ``iscrowd``, gathered one by one.

    labels: of those that are marked. places: their image and category. names: of their images'
    files. runs, others: how many that are marked are run lengths, and how many polygons; unmarked,
    unmarked_runs: how many masks are not marked, and how many of these are run lengths.
    """

    labels: list[str] = field(default_factory=list)
    places: Counter[tuple[Any, Any]] = field(default_factory=Counter)
    names: list[str] = field(default_factory=list)
    runs: int = 0
    others: int = 0
    unmarked: int = 0
    unmarked_runs: int = 0

    def add(
        self, label: str, place: tuple[Any, Any], name: str, segmentation: Any, marked: bool
    ) -> None:
        """An annotation. place: its image's and its category's id."""
        if marked:
            self.labels.append(label)
            self.places[place] += 1
            self.names.append(name)
            self.runs += is_runs(segmentation)
            self.others += not is_runs(segmentation) and not is_empty(segmentation)
        elif is_runs(segmentation):
            self.unmarked += 1
            self.unmarked_runs += 1
        elif not is_empty(segmentation):
            self.unmarked += 1


@dataclass(frozen=True)
class Decision:
    """What marked annotations are, and why. note: for people; "" where none is marked."""

    are_objects: bool
    note: str = ""


def is_marked(iscrowd: Any) -> bool:
    """Whether ``iscrowd`` says yes, in whatever spelling."""
    if isinstance(iscrowd, str):
        return iscrowd.strip().lower() in ("1", "1.0", "true", "yes")
    return isinstance(iscrowd, (int, float)) and iscrowd == 1


def other_marks(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """The keys by which an annotation says something like ``iscrowd`` 1 in other words."""
    return tuple(key for key in OTHER_MARKS if is_marked(entry.get(key)))


def check_choice(crowds: str | None) -> None:
    """Raises ``DatasetError`` for what is no choice."""
    if crowds is not None and crowds not in CHOICES:
        raise DatasetError(f"crowds are {' or '.join(CHOICES)}, not {crowds!r} (--crowds)")


def decide(marks: Marks, choice: str | None = None) -> Decision:
    """What the marks of a file mean. choice: ``objects`` or ``ignore``, of the user; None: decide.

    Where nothing tells, the masks are objects: outside COCO's own files the mark is most often that
    of a tool, and an object that vanishes is missed less easily than a crowd that is seen.
    """
    if not marks.labels:
        return Decision(choice == OBJECTS)
    are_objects, why = (choice == OBJECTS, "as asked for") if choice else _told(marks)
    what = "taken as objects" if are_objects else "left out as crowds"
    other, does = (IGNORE, "leaves them out") if are_objects else (OBJECTS, "takes them as objects")
    count = len(marks.labels)
    advice = "" if choice else f"; --crowds {other} {does}"
    return Decision(
        are_objects,
        f"{count} of its annotations {'is' if count == 1 else 'are'} marked iscrowd 1 and {what}, "
        f"{why}{advice} ({listed(marks.labels, 'annotation')})",
    )


def _told(marks: Marks) -> tuple[bool, str]:
    """Whether they are objects, and what tells so."""
    if not marks.unmarked and marks.runs + marks.others:
        return True, "because every mask of the file is marked"
    if marks.others or not marks.runs:
        return (
            False,
            "because not only run lengths are marked",
        )
    if marks.unmarked_runs:
        return False, "because other run lengths are not marked"
    if _most(marks.places) > 1:
        return True, "because one image has several of one category, which crowds have not"
    if _share(marks.names) > 0.5:
        return False, "because they lie in COCO's own photographs"
    return (
        True,
        "because all run lengths are marked and nothing else, as tools do",
    )


def _most(places: Counter[tuple[Any, Any]]) -> int:
    return max(places.values(), default=0)


def _share(names: Sequence[str]) -> float:
    """How many of the images have names of COCO's."""
    hits = sum(bool(COCO_NAME.fullmatch(name.rpartition("/")[2])) for name in names)
    return hits / len(names)
