"""Stores with masks, and folders of the images that they are of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image
from sqlalchemy.orm import Session

from anymask.core import rle
from anymask.engine.importing.importing import import_masks
from anymask.engine.importing.reading import MaskFiles
from anymask.engine.importing.report import ImportReport
from anymask.engine.store.annotators import local_annotator
from anymask.engine.store.folder import scan_folder
from anymask.engine.store.images import list_images
from anymask.engine.store.labels import list_labels
from anymask.engine.store.log.imports import GivenImage, GivenMask, import_images
from anymask.engine.store.masks import masks_of
from anymask.engine.store.store import Store

MaskArray = npt.NDArray[np.bool_]
Seen = tuple[str, str | None, str | None, float | None]  # counts, label, group, score


def given(
    mask: MaskArray,
    label: str | None = None,
    group: str | None = None,
    predicted_iou: float | None = None,
) -> GivenMask:
    """A mask to put into a store."""
    return GivenMask(rle.encode(mask), label, group, predicted_iou)


def folder_of(path: Path, sizes: Mapping[str, tuple[int, int]]) -> Path:
    """A folder of grey images of sizes (H, W)."""
    for name, (height, width) in sizes.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (width, height), (90, 90, 90)).save(path / name)
    return path


def fresh(path: Path, folder: Path) -> Store:
    """A store that knows a folder's images."""
    store = Store.open(path)
    scan_folder(store, folder)
    return store


def put(store: Store, name: str, hw: tuple[int, int], *masks: GivenMask) -> None:
    """Put masks into an image of a store."""
    me = store.write(local_annotator)
    (imported,) = store.write(import_images, me, [GivenImage(name, hw, masks)]).images
    assert (imported.added, imported.refused) == (len(masks), "")


def brought(store: Store, location: Path, folder: Path, is_trial: bool = False) -> ImportReport:
    """What an import of a file or folder did."""
    report = ImportReport()
    me = store.write(local_annotator)
    import_masks(store, me, MaskFiles.open(str(location), folder), report, is_trial=is_trial)
    return report


def seen(store: Store) -> dict[str, Sequence[Seen]]:
    """The masks of each image that has any, from the back on."""

    def work(session: Session) -> dict[str, Sequence[Seen]]:
        names = {label.id: label.name for label in list_labels(session)}
        images = list_images(session, limit=1000).images
        return {
            image.name: [
                (
                    mask.version.segmentation["counts"],
                    names.get(mask.version.label_id),
                    mask.version.group,
                    mask.version.predicted_iou,
                )
                for mask in masks_of(session, image.id)
            ]
            for image in images
            if image.masks
        }

    return store.read(work)
