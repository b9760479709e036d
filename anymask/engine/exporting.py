"""Exporting: what is in a store, in the formats of other tools."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from anymask.datasets.writing.annotated import AnnotatedImage, AnnotatedObject
from anymask.datasets.writing.folder import ImageFiles
from anymask.datasets.writing.formats import DatasetFormat, write
from anymask.engine.pictures.folder import ImageFolder
from anymask.engine.store.labels import list_labels
from anymask.engine.store.masked_images import masked_images
from anymask.engine.store.store import Store
from anymask.engine.store.values import ImageFilter, MaskedImage
from anymask.errors import StoreError

WORKED_ON = ImageFilter(states=("started", "done", "returned", "accepted", "unreadable"))


def annotated_images_of(
    store: Store,
    folder: ImageFolder | None = None,
    images: ImageFilter = WORKED_ON,
) -> Iterator[AnnotatedImage]:
    """The images of a filter with their masks, one by one, as writers of datasets take them.

    Of the unreadable those that have masks: they were drawn before the file broke.

    folder: where the image files are, if they are wanted too. Raises ``StoreError``.
    """
    names = {label.id: label.name for label in store.read(list_labels)}
    for masked in masked_images(store, images):
        image = masked.image
        if image.width is None or image.height is None:  # nobody looked into it: it has no mask
            continue
        if image.state == "unreadable" and not masked.masks:
            continue
        yield AnnotatedImage(
            image.name,
            (image.height, image.width),
            _objects(masked, names),
            from_back=True,
            file=None if folder is None else folder.file(image.name).path,
            state=None if image.state == "unreadable" else image.state,
        )


def _objects(masked: MaskedImage, names: dict[int | None, str]) -> tuple[AnnotatedObject, ...]:
    versions = [mask.version for mask in masked.masks]
    return tuple(
        AnnotatedObject(
            version.segmentation,
            names.get(version.label_id),
            version.group,
            version.predicted_iou,
            version.stability_score,
        )
        for version in versions
    )


def write_zip(store: Store, form: DatasetFormat, path: Path) -> int:
    """Write all that was worked on as one zip file; gives the number of images.

    The folder that it packs lies beside it meanwhile. Raises ``StoreError``, ``OutputError``.
    """
    with TemporaryDirectory(dir=path.parent) as scratch:
        out = Path(scratch) / "out"
        count = write(annotated_images_of(store), out, form, ImageFiles.none)
        if not count:
            raise StoreError("not_found", "no image has been worked on yet")
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as packed:
            for file in sorted(out.rglob("*")):
                if file.is_file():
                    packed.write(file, file.relative_to(out))
    return count
