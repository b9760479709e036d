"""Masks: those of an image as they are now, and any version that they ever had."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import and_, select
from sqlalchemy.orm import Session

from anymask.core.rle import RLE
from anymask.engine.store.checks import checked_id
from anymask.engine.store.images import no_image
from anymask.engine.store.tables import ImageRow, MaskRow, VersionRow
from anymask.engine.store.values import Mask, Version
from anymask.errors import StoreError

Size = tuple[int, int]
MOST_VERSIONS = 10_000  # at once
CURRENT = and_(MaskRow.image_id == VersionRow.image_id, MaskRow.version_id == VersionRow.id)


def masks_of(session: Session, image_id: int) -> list[Mask]:
    """The masks of an image, from the back on."""
    return [mask for _, mask in masks_of_all(session, [image_id])]


def masks_of_all(
    session: Session, image_ids: Collection[int], *, suggested: bool = True
) -> Iterator[tuple[int, Mask]]:
    """The masks of images with the images' ids, from the back on within each.

    suggested: those that are suggested, too.
    """
    query = (
        select(VersionRow, ImageRow.height, ImageRow.width)
        .join(MaskRow, CURRENT)
        .join(ImageRow, ImageRow.id == MaskRow.image_id)
        .where(MaskRow.image_id.in_(image_ids))
        .order_by(VersionRow.image_id, VersionRow.order, VersionRow.mask_id)
    )
    if not suggested:
        query = query.where(VersionRow.is_suggested.is_(False))
    for row, height, width in session.execute(query):
        yield row.image_id, Mask(row.mask_id, version_value(row, (height or 0, width or 0)))


def masks_named(
    session: Session, image_id: int, mask_ids: Collection[str]
) -> dict[str, Mask | None]:
    """What each of these masks is now; None for one that is deleted or was never there."""
    size = _size(session, image_id)
    query = (
        select(VersionRow)
        .join(MaskRow, CURRENT)
        .where(MaskRow.image_id == image_id, MaskRow.id.in_(mask_ids))
    )
    masks = {
        row.mask_id: Mask(row.mask_id, version_value(row, size)) for row in session.scalars(query)
    }
    return {mask_id: masks.get(mask_id) for mask_id in mask_ids}


def versions_of(session: Session, image_id: int, version_ids: Sequence[str]) -> list[Version]:
    """Versions that a log names, in the order of the ids. Raises ``StoreError`` for an unknown."""
    if len(version_ids) > MOST_VERSIONS:
        raise StoreError("invalid", f"{len(version_ids)} versions at once; ask for fewer")
    ids = [checked_id(version_id, "a version") for version_id in version_ids]
    size = _size(session, image_id)
    query = select(VersionRow).where(VersionRow.image_id == image_id, VersionRow.id.in_(ids))
    versions = {row.id: version_value(row, size) for row in session.scalars(query)}
    unknown = [version_id for version_id in ids if version_id not in versions]
    if unknown:
        raise StoreError("not_found", f"image {image_id} has no version {unknown[0]}")
    return [versions[version_id] for version_id in ids]


def version_value(row: VersionRow, hw: Size) -> Version:
    """A version as a value. hw: the image's."""
    return Version(
        id=row.id,
        segmentation=RLE(size=[*hw], counts=row.counts),
        label_id=row.label_id,
        group=row.group,
        order=row.order,
        source=row.source,
        predicted_iou=row.predicted_iou,
        stability_score=row.stability_score,
        is_suggested=row.is_suggested,
        bbox=(row.x, row.y, row.width, row.height),
        area=row.area,
    )


def _size(session: Session, image_id: int) -> Size:
    query = select(ImageRow.height, ImageRow.width).where(ImageRow.id == image_id)
    row = session.execute(query).first()
    if row is None:
        raise no_image(image_id)
    return row.height or 0, row.width or 0
