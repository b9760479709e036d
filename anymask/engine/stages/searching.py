"""Searching: the engine goes through the images that are being worked on, and suggests (§4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from anymask.core import rle
from anymask.engine.model.suggestion import Suggestion, suggestion
from anymask.engine.pictures.folder import ImageFile, ImageFolder
from anymask.engine.stages.holding import holder_of
from anymask.engine.stages.suggesting import OPEN_STATES, Suggested, suggest
from anymask.engine.store.automation.searches import count_open, unsearched
from anymask.engine.store.images import set_size
from anymask.engine.store.store import Store
from anymask.engine.store.values import ImageSummary
from anymask.errors import ImageError, StoreError

AT_ONCE = 100


@dataclass(frozen=True)
class Found:
    """What is in an image. hw: its upright size, pixels."""

    hw: tuple[int, int]
    suggestions: Sequence[Suggestion]

    @classmethod
    def of_masks(cls, hw: tuple[int, int], masks: Iterable[tuple[rle.RLE, float]]) -> Found:
        """Of masks with their predicted IoU; those without pixels are left out."""
        found = (suggestion(mask, predicted_iou) for mask, predicted_iou in masks)
        return cls(hw, [one for one in found if one is not None])


@dataclass(frozen=True)
class Finder:
    """What looks for masks. source: a word for it. model_id: of what it runs on.

    label_id: of all that it finds, if it knows.
    """

    source: str
    model_id: str
    find: Callable[[ImageFile], Found]
    label_id: int | None = None


@dataclass(frozen=True)
class Searched:
    """What became of one image. suggested: None where it was passed over, for a reason."""

    name: str
    suggested: Suggested | None
    reason: str = ""


def count_unsearched(store: Store, finder: Finder) -> int:
    """How many images ``search`` would look through. Raises ``StoreError``."""
    return store.read(count_open, finder.source, finder.model_id, OPEN_STATES)


def search(store: Store, folder: ImageFolder, finder: Finder) -> Iterator[Searched]:
    """Look through each image that is open and was not looked through with this model.

    Ended at any moment, it goes on there when it is called again. An image that somebody is at
    work on, or that can't be read, is passed over, and comes again the next time. Raises
    ``StoreError`` where the store can't be had.
    """
    after = 0
    while images := store.read(
        unsearched, finder.source, finder.model_id, OPEN_STATES, after, AT_ONCE
    ):
        for image in images:
            yield _search_image(store, folder, finder, image)
            after = image.id


def _search_image(
    store: Store, folder: ImageFolder, finder: Finder, image: ImageSummary
) -> Searched:
    if holder := holder_of(image):
        return Searched(image.name, None, f"{holder} is at work on it")
    try:
        found = finder.find(folder.file(image.name))
        height, width = found.hw
        store.write(set_size, image.id, width, height)
    except (ImageError, StoreError) as error:
        if isinstance(error, StoreError) and error.kind in ("storage", "busy"):
            raise
        return Searched(image.name, None, str(error))
    suggested = suggest(
        store, image.id, found.suggestions, finder.source, finder.model_id, finder.label_id
    )
    reason = "" if suggested is not None else "somebody began to work on it"
    return Searched(image.name, suggested, reason)
