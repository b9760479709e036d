"""Exporting: the finished images of a store as a set to learn from, and another to measure with."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Dataset
from anymask.datasets.writing.annotated import AnnotatedImage
from anymask.datasets.writing.folder import ImageFiles
from anymask.datasets.writing.formats import DatasetFormat, write
from anymask.engine.exporting import annotated_images_of
from anymask.engine.pictures.folder import ImageFolder
from anymask.engine.store.automation.held_out import count_learnable
from anymask.engine.store.images import list_images
from anymask.engine.store.store import Store
from anymask.engine.store.values import FINISHED, ImageFilter
from anymask.errors import StoreError

DATA, HELD_OUT = "data", "held_out"  # folders
NAMED = 3  # of the images that are held out


class FinishedSet:
    """A dataset of finished images, written once. images, masks: how many it has."""

    def __init__(self) -> None:
        self.images = self.masks = 0

    def write(
        self,
        store: Store,
        folder: ImageFolder,
        out: Path,
        *,
        is_held_out: bool,
        automatic_only: bool = False,
    ) -> None:
        """Write COCO's form with links to the images; whole or not at all.

        automatic_only: without the masks that people had a hand in (§7.6). Raises ``StoreError``
        and ``OutputError``.
        """
        wanted = ImageFilter(states=FINISHED, is_held_out=is_held_out)
        images = annotated_images_of(store, folder, wanted)
        write(self._counted(images, automatic_only), out, DatasetFormat.coco, ImageFiles.linked)

    def _counted(
        self, images: Iterator[AnnotatedImage], automatic_only: bool
    ) -> Iterator[AnnotatedImage]:
        """Those that have a mask left."""
        for image in images:
            objects = image.objects
            if automatic_only:
                objects = tuple(one for one in objects if one.stability_score is not None)
            if objects:
                self.images += 1
                self.masks += len(objects)
                yield replace(image, objects=objects)


def write_sets(
    store: Store, folder: ImageFolder, out: Path, *, automatic_only: bool = False
) -> dict[str, int]:
    """Write a set to learn from, and one of what is held out; how many images and masks they have.

    automatic_only: as ``FinishedSet.write``, of the set to learn from. ``masks_then``: how many
    there were to learn from in the store. Raises ``StoreError`` where one of them is empty, and
    ``OutputError``.
    """
    learned, measured = FinishedSet(), FinishedSet()
    _, then = store.read(count_learnable)
    learned.write(store, folder, out / DATA, is_held_out=False, automatic_only=automatic_only)
    measured.write(store, folder, out / HELD_OUT, is_held_out=True)
    _check_enough(store, learned, measured, automatic_only)
    return {
        "masks_then": then,
        "images": learned.images,
        "masks": learned.masks,
        "held_out_images": measured.images,
        "held_out_masks": measured.masks,
    }


def _check_enough(
    store: Store, learned: FinishedSet, measured: FinishedSet, automatic_only: bool
) -> None:
    """Raise ``StoreError`` where there is nothing to learn from, or to measure with."""
    if not learned.images:
        what = "automatic mask" if automatic_only else "mask"
        raise StoreError("not_found", f"no image that is done has a {what} to learn from yet")
    if not measured.images:
        held_out = store.read(list_images, ImageFilter(is_held_out=True), None, NAMED).images
        names = ", ".join(image.name for image in held_out) or "there are none"
        raise StoreError(
            "not_found",
            f"none of the images that are held out is done yet ({names}), and a model has to be "
            "measured: annotate some, or hold out more with --held-out",
        )


def opened(folder: Path) -> Dataset:
    """A set that was written. Raises ``Error``."""
    return open_dataset(str(folder))
