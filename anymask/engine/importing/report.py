"""Report: what an import did, or would do, in numbers and in lines for people."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from anymask.datasets.left_out import first_of
from anymask.datasets.photographs import LeftOut, Missing, Unread
from anymask.engine.store.log.imports import Imported

MOST_NAMED = 20  # of all that are left out for one reason
MOST_REASONS = 50


@dataclass(slots=True)
class LeftOutFor:
    """What is left out for one reason. names: of the first images."""

    images: int = 0
    masks: int = 0
    names: list[str] = field(default_factory=list)

    def add(self, name: str, masks: int = 0) -> None:
        """An image, or masks of it."""
        self.images += 1
        self.masks += masks
        if len(self.names) < MOST_NAMED:
            self.names.append(name)

    def named(self) -> str:
        """``a.jpg, b.jpg, c.jpg and 4 more``."""
        more = self.images - len(self.names)
        return first_of([*self.names, *[""] * more])


@dataclass(slots=True)
class ImportReport:
    """What was added, what was there, what is left out and why; no larger for many images.

    images: those that got masks. masks: those added. already: those that were there. labels: new
    ones. missing: images that are not in the folder. elsewhere: images that were found by the names
    of their files alone. refused: images that get nothing, by reason. lost: masks, by reason.
    unread: annotations that hold no mask or a broken one. notes: what else the files say.
    """

    images: int = 0
    masks: int = 0
    already: int = 0
    labels: dict[str, None] = field(default_factory=dict)
    missing: LeftOutFor = field(default_factory=LeftOutFor)
    elsewhere: LeftOutFor = field(default_factory=LeftOutFor)
    refused: dict[str, LeftOutFor] = field(default_factory=dict)
    lost: dict[str, LeftOutFor] = field(default_factory=dict)
    unread: int = 0
    notes: dict[str, None] = field(default_factory=dict)
    more_notes: int = 0

    def add_image(self, name: str, imported: Imported) -> None:
        """What became of an image."""
        if imported.refused:
            self.refuse(name, imported.refused)
        self.images += imported.added > 0
        self.masks += imported.added
        self.already += imported.already
        for reason, masks in imported.lost.items():
            self.lose(name, reason, masks)

    def add_unread(self, entry: Unread) -> None:
        """What a reader of a dataset can't read, or leaves out."""
        if isinstance(entry, LeftOut):
            self.unread += entry.annotations
            self.note(f"{entry.name} {entry.reason}")
        elif isinstance(entry, Missing):
            self.missing.add(entry.name)
        else:
            self.refuse(entry.name, entry.reason)

    def refuse(self, name: str, reason: str) -> None:
        """An image gets nothing."""
        _of_reason(self.refused, reason).add(name)

    def lose(self, name: str, reason: str, masks: int) -> None:
        """Masks of an image are left out."""
        _of_reason(self.lost, reason).add(name, masks)

    def note(self, line: str) -> None:
        """Something to say; the first are kept, the others counted."""
        if len(self.notes) < MOST_REASONS:
            self.notes[line] = None
        elif line not in self.notes:
            self.more_notes += 1

    def lines(self) -> list[str]:
        """A sentence for each thing, the most important first."""
        return [*self._done(), *self._left_out(), *self.notes, *self._more()]

    def to_json(self) -> dict[str, Any]:
        """The same as plain JSON values."""
        return {
            "images": self.images,
            "masks": self.masks,
            "already": self.already,
            "labels": list(self.labels),
            "missing": {"images": self.missing.images, "names": self.missing.names},
            "refused": _as_json(self.refused),
            "lost": _as_json(self.lost),
            "unread": self.unread,
            "lines": self.lines(),
        }

    def _done(self) -> Iterator[str]:
        yield f"{counted(self.masks, 'mask')} in {counted(self.images, 'image')}"
        if self.already:
            yield f"{counted(self.already, 'mask')} {_are(self.already)} there already"
        if self.labels:
            noun = "label" if len(self.labels) == 1 else "labels"
            yield f"{noun} {first_of(list(self.labels))} {_are(len(self.labels))} new"

    def _left_out(self) -> Iterator[str]:
        if self.missing.images:
            count = self.missing.images
            named = self.missing.named()
            yield f"{counted(count, 'image')} {_are(count)} not in this folder: {named}"
        if self.elsewhere.images:
            named = self.elsewhere.named()
            yield f"found by the file's name alone, in another folder: {named}"
        for reason, left_out in self.refused.items():
            count = left_out.images
            yield f"{counted(count, 'image')} left out: {left_out.named()} {reason}"
        for reason, left_out in self.lost.items():
            masks = counted(left_out.masks, "mask")
            yield f"{masks} left out: {reason} ({left_out.named()})"
        if self.unread:
            yield f"{counted(self.unread, 'annotation')} left out:"

    def _more(self) -> Iterator[str]:
        if self.more_notes:
            yield f"and {self.more_notes:,} more such lines"


def counted(count: int, noun: str) -> str:
    """``1 mask``, ``2 masks``."""
    return f"{count:,} {noun}{'s' * (count != 1)}"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _of_reason(by_reason: dict[str, LeftOutFor], reason: str) -> LeftOutFor:
    """Those of a reason; beyond so many reasons, of all others together."""
    if reason not in by_reason and len(by_reason) >= MOST_REASONS:
        reason = "for other reasons"
    return by_reason.setdefault(reason, LeftOutFor())


def _as_json(by_reason: dict[str, LeftOutFor]) -> list[dict[str, Any]]:
    return [
        {"reason": reason, "images": one.images, "masks": one.masks, "names": one.names}
        for reason, one in by_reason.items()
    ]
