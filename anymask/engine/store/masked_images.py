"""Masked images: all images with their masks, one after the other, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from sqlalchemy.orm import Session

from anymask.engine.store.images import ALL, list_images
from anymask.engine.store.masks import masks_of_all
from anymask.engine.store.store import Store
from anymask.engine.store.values import ImageFilter, ImageSummary, MaskedImage

IMAGES_AT_ONCE, MASKS_AT_ONCE = 200, 2_000


def masked_images(store: Store, images: ImageFilter = ALL) -> Iterator[MaskedImage]:
    """The images of a filter in the order of lists, those without masks, too.

    Suggested masks are none yet.

    Each image is of one moment, not all of them: an export of hours holds nobody up. Raises
    ``StoreError``.
    """
    after: str | None = None
    while True:
        page = store.read(list_images, images, after, IMAGES_AT_ONCE)
        for some in _portions(page.images):
            yield from store.read(_masked, some)
        after = page.next
        if after is None:
            return


def _portions(images: Sequence[ImageSummary]) -> Iterator[Sequence[ImageSummary]]:
    """Images in parts of not too many masks, or of one image."""
    some: list[ImageSummary] = []
    for image in images:
        if some and sum(one.masks for one in some) + image.masks > MASKS_AT_ONCE:
            yield some
            some = []
        some.append(image)
    if some:
        yield some


def _masked(session: Session, images: Sequence[ImageSummary]) -> list[MaskedImage]:
    rows = masks_of_all(session, [image.id for image in images], suggested=False)
    masks = {
        image_id: tuple(mask for _, mask in group)
        for image_id, group in groupby(rows, key=lambda row: row[0])
    }
    return [MaskedImage(image, masks.get(image.id, ())) for image in images]
