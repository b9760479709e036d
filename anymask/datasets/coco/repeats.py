"""Repeats: annotations that a COCO file has twice, and masks that several of its annotations have.

An entry that is the same in all, its id included, was written twice and is one object. The same
mask under another id may be an object that somebody marked twice, or two that cover each other: it
stays, and is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from anymask.datasets.coco.ids import Id, is_id
from anymask.datasets.coco.segmentation import is_empty
from anymask.datasets.left_out import listed


class Repeats:
    """What a file's annotations have been so far.

    same_masks: the labels of those whose mask one of another id has, too.
    """

    def __init__(self) -> None:
        self.same_masks: list[str] = []
        self._entries: dict[Id, Mapping[str, Any]] = {}
        self._masks: dict[object, list[Any]] = {}

    def is_again(self, entry: Mapping[str, Any]) -> bool:
        """Whether an entry was there before, the same in all."""
        number = entry.get("id")
        return (
            is_id(number)
            and self._entries.setdefault(number, entry) is not entry
            and (self._entries[number] == entry)
        )

    def add(self, label: str, kind: tuple[object, ...], bbox: Any, segmentation: Any) -> None:
        """An annotation that is none again. kind: its image, its category, whether it is marked."""
        if is_empty(segmentation):
            return
        # Boxes only make lists short, in which masks are compared.
        before = self._masks.setdefault((kind, repr(bbox)), [])
        if segmentation in before:
            self.same_masks.append(label)
        else:
            before.append(segmentation)

    def note(self) -> str:
        """Which masks are there more than once; "" where none is."""
        if not self.same_masks:
            return ""
        verb = "has" if len(self.same_masks) == 1 else "have"
        return (
            f"{listed(self.same_masks, 'annotation')} {verb} the mask and the category of another "
            f"one of the same image; all are taken as objects"
        )
