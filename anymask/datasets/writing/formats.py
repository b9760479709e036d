"""The formats that datasets are written in, what each keeps of an object, and their writers."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Protocol

from anymask.core import rle
from anymask.datasets.writing.annotated import AnnotatedImage, check_name
from anymask.datasets.writing.coco import CocoWriter
from anymask.datasets.writing.cvat import CvatWriter
from anymask.datasets.writing.folder import ImageFiles, new_folder, put_image
from anymask.datasets.writing.label_studio import LabelStudioWriter
from anymask.datasets.writing.labelme import LabelmeWriter
from anymask.datasets.writing.pictures import ClassPictures, InstancePictures, ObjectPictures
from anymask.datasets.writing.sa1b import Sa1bWriter
from anymask.datasets.writing.yolo import YoloWriter
from anymask.errors import OutputError

UNHELD = ("Cc", "Cs", "Zl", "Zp")  # of Unicode: control, halves of signs, ends of lines
NO_SIGNS = "\ufffe\uffff\ufeff"


class DatasetFormat(StrEnum):
    """What a dataset can be written as."""

    coco = "coco"
    coco_polygons = "coco-polygons"
    sa1b = "sa1b"
    yolo = "yolo"
    png_objects = "png-objects"
    png_instances = "png-instances"
    png_classes = "png-classes"
    labelme = "labelme"
    label_studio = "label-studio"
    label_studio_polygons = "label-studio-polygons"
    cvat = "cvat"


class Pixels(StrEnum):
    """What becomes of masks that overlap."""

    all = "all"  # each mask is kept as it is
    one_object = "one_object"  # a pixel has one object
    one_class = "one_class"  # a pixel has one class, which does not say of which object


class Writer(Protocol):
    """Writes images as they come. images: the folder for image files, "" for that of all."""

    images: str

    def add(self, image: AnnotatedImage) -> None:
        """Write an image with its objects, which all have pixels."""

    def close(self) -> None:
        """Write what is known at the end alone."""


@dataclass(frozen=True)
class Keeping:
    """What a format keeps.

    labels: the labels of objects; unlabelled: that one has none. groups, scores: those of objects.
    names_files: whether an image's file has its name but for the ending. is_xml: whether texts
    may have only the signs that XML has. reserved: labels with a meaning of their own.
    """

    writer: Callable[[Path, ExitStack], Writer]
    pixels: Pixels = Pixels.all
    labels: bool = True
    unlabelled: bool = False
    groups: bool = False
    scores: bool = False
    names_files: bool = False
    is_xml: bool = False
    reserved: tuple[str, ...] = ()


COCO = Keeping(CocoWriter, groups=True, scores=True)
LABEL_STUDIO = Keeping(LabelStudioWriter, unlabelled=True)
PICTURES = Keeping(ObjectPictures, labels=False, unlabelled=True, names_files=True)
KEEPINGS = {
    DatasetFormat.coco: COCO,
    DatasetFormat.coco_polygons: replace(COCO, writer=partial(CocoWriter, as_polygons=True)),
    DatasetFormat.sa1b: Keeping(
        Sa1bWriter, labels=False, unlabelled=True, scores=True, names_files=True
    ),
    DatasetFormat.yolo: Keeping(YoloWriter, names_files=True),
    DatasetFormat.png_objects: PICTURES,
    DatasetFormat.png_instances: replace(
        PICTURES, writer=InstancePictures, pixels=Pixels.one_object
    ),
    DatasetFormat.png_classes: replace(PICTURES, writer=ClassPictures, pixels=Pixels.one_class),
    DatasetFormat.labelme: Keeping(
        LabelmeWriter, names_files=True, reserved=("__ignore__", "_background_")
    ),
    DatasetFormat.label_studio: LABEL_STUDIO,
    DatasetFormat.label_studio_polygons: replace(
        LABEL_STUDIO, writer=partial(LabelStudioWriter, as_polygons=True)
    ),
    DatasetFormat.cvat: Keeping(CvatWriter, is_xml=True),
}


def write(
    images: Iterable[AnnotatedImage],
    out: Path,
    form: DatasetFormat,
    files: ImageFiles = ImageFiles.none,
) -> int:
    """Write a dataset as a new folder, image by image, and say how many images it has.

    The folder is there when all is in it, and not before. Objects without a pixel are in no
    format. Raises ``OutputError``: where ``out`` holds files, for what a format can't hold at all,
    and where the disk is full.
    """
    keeping, count = KEEPINGS[form], 0
    with new_folder(out) as folder, ExitStack() as stack:
        writer = keeping.writer(folder, stack)
        for image in images:
            check(image, form)
            image = visible(image)
            put_image(folder / writer.images, image, files)
            writer.add(image)
            count += 1
        writer.close()
    return count


def visible(image: AnnotatedImage) -> AnnotatedImage:
    """The image with those of its objects that have a pixel."""
    return replace(image, objects=tuple(one for one in image.objects if rle.area(one.mask)))


def check(image: AnnotatedImage, form: DatasetFormat) -> None:
    """Raise ``OutputError`` for what a format can't hold, and for masks of another size."""
    keeping = KEEPINGS[form]
    check_name(image.name)
    texts = [image.name] if keeping.is_xml else []
    for one in image.objects:
        if tuple(one.mask["size"]) != image.image_hw:
            raise OutputError(
                f"{image.name} is {image.image_hw[1]}×{image.image_hw[0]} (width×height), but has "
                f"a mask of {one.mask['size'][1]}×{one.mask['size'][0]}"
            )
        if one.label in keeping.reserved:
            raise OutputError(
                f"{image.name} has an object called {one.label}, which is none in {form}; call it "
                f"something else"
            )
        texts += [one.label] if keeping.labels and one.label else []
    for text in texts:
        if not _is_plain(text):
            raise OutputError(f"{image.name}: {text!r} has signs that {form} can't hold")


def _is_plain(text: str) -> bool:
    """Whether a text has only signs that XML, YAML and UTF-8 have and leave as they are."""
    return all(
        sign in "\t\n" or (unicodedata.category(sign) not in UNHELD and sign not in NO_SIGNS)
        for sign in text
    )
