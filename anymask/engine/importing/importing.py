"""Importing: masks of other tools' files added to a store, a few images a transaction."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from anymask.engine.importing.reading import MaskFiles, given_images
from anymask.engine.importing.report import ImportReport
from anymask.engine.store.log.imports import GivenImage, import_images
from anymask.engine.store.store import Store
from anymask.engine.store.values import Annotator

IMAGES_AT_ONCE, MASKS_AT_ONCE = 20, 300  # those who work meanwhile wait for no longer


def import_masks(
    store: Store,
    annotator: Annotator,
    files: MaskFiles,
    report: ImportReport,
    *,
    is_trial: bool = False,
    on_image: Callable[[], None] = lambda: None,
) -> None:
    """Add the masks of a dataset to the images of a store.

    What is added is so at once, a few images at a time; who is interrupted does the same again, and
    what is there is not added twice. report: gets what was done. is_trial: only say what would be.
    on_image: called for each that is done. Raises ``StoreError``.
    """
    for batch in batches(given_images(files, report)):
        work = store.read if is_trial else store.write
        outcome = work(import_images, annotator, batch, is_trial=is_trial)
        report.labels |= dict.fromkeys(outcome.labels)
        for image, imported in zip(batch, outcome.images):
            report.add_image(image.name, imported)
            on_image()


def batches(images: Iterator[GivenImage]) -> Iterator[Sequence[GivenImage]]:
    """Images in groups of not too many masks, or of one image; none has an image twice."""
    batch: dict[str, GivenImage] = {}
    masks = 0
    for image in images:
        is_full = len(batch) >= IMAGES_AT_ONCE or masks + len(image.masks) > MASKS_AT_ONCE
        if batch and (is_full or image.name in batch):
            yield list(batch.values())
            batch, masks = {}, 0
        batch[image.name] = image
        masks += len(image.masks)
    if batch:
        yield list(batch.values())
