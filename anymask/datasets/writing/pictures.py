"""Pictures of masks (PNG): one for each object, or one of all objects or classes of an image."""

from __future__ import annotations

import zlib
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from anymask.core import rle
from anymask.core.drawing.colours import colour
from anymask.core.drawing.plain_masks import label_picture
from anymask.datasets.writing.annotated import AnnotatedImage
from anymask.datasets.writing.folder import Names, place, with_ending
from anymask.datasets.writing.labels import Labels
from anymask.errors import OutputError

IMAGES, MASKS = "images", "masks"
VOID = 255  # which many programs take for undecided pixels
MOST_CLASSES, MOST_OBJECTS = VOID - 1, (1 << 16) - 2
CLASSES = "classes.csv"

Numbers = npt.NDArray[np.uint16]


class ObjectPictures:
    """``masks/NAME/0.png``, ``1.png``, …: an 8-bit picture for each object, 255 where it is."""

    images = IMAGES

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._names = folder / MASKS, Names()

    def add(self, image: AnnotatedImage) -> None:
        """Write the pictures of an image's objects."""
        folder = self._names.take(with_ending(image.name, ""), image.name)
        for number, one in enumerate(image.objects):
            picture = rle.decode(one.mask).astype(np.uint8) * np.uint8(255)
            target = place(self._folder, f"{folder}/{number}.png")
            Image.fromarray(picture).save(target, compress_type=zlib.Z_RLE)

    def close(self) -> None:
        """Nothing is left to write."""


class InstancePictures:
    """``masks/NAME.png``: a 16-bit picture of the numbers of objects."""

    images = IMAGES

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._folder, self._names = folder / MASKS, Names()

    def add(self, image: AnnotatedImage) -> None:
        """Write an image's picture."""
        target = self._names.take(with_ending(image.name, ".png"), image.name)
        Image.fromarray(instance_numbers(image)).save(place(self._folder, target))

    def close(self) -> None:
        """Nothing is left to write."""


class ClassPictures:
    """``masks/NAME.png``: an 8-bit picture of classes with their colours; ``classes.csv``."""

    images = IMAGES

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self._root, self._folder, self._names = folder, folder / MASKS, Names()
        self._classes = Labels(first=1)

    def add(self, image: AnnotatedImage) -> None:
        """Write an image's picture. Raises ``OutputError`` for more than 254 classes."""
        target = self._names.take(with_ending(image.name, ".png"), image.name)
        values = class_numbers(image, self._classes).astype(np.uint8)
        picture = Image.fromarray(values).convert("L")
        picture.putpalette(_palette())
        picture.save(place(self._folder, target))

    def close(self) -> None:
        """Write which number is which class, and its colour."""
        lines = ["number,colour,name"]
        for number, label in self._classes.items():
            quoted = label.replace('"', '""')
            lines.append(f'{number},#{bytes(colour(number - 1)).hex()},"{quoted}"')
        (self._root / CLASSES).write_text("\n".join(lines) + "\n", encoding="utf-8")


def instance_numbers(image: AnnotatedImage) -> Numbers:
    """(H, W) from 1 on, in the order of the objects; 255 is nobody's, as it may mean "undecided".

    Raises ``OutputError`` for more than 65,534 objects.
    """
    if len(image.objects) > MOST_OBJECTS:
        raise OutputError(
            f"{image.name} has {len(image.objects)} objects, and a 16-bit picture numbers "
            f"{MOST_OBJECTS}"
        )
    numbers = np.arange(len(image.objects) + 1, dtype=np.uint16)
    numbers[VOID:] += 1
    return np.asarray(numbers[_painted(image)])


def class_numbers(image: AnnotatedImage, classes: Labels) -> Numbers:
    """(H, W) the numbers of classes. Raises ``OutputError`` for more than 254."""
    numbers = np.array([0, *map(classes.number, image.objects)], np.uint16)
    if numbers.max() > MOST_CLASSES:
        raise OutputError(
            f"there are more than {MOST_CLASSES} labels, which is all that an 8-bit picture holds"
        )
    return np.asarray(numbers[_painted(image)])


def _painted(image: AnnotatedImage) -> Numbers:
    """(H, W) which object has each pixel, by its place in the list, from 1 on."""
    masks = [one.mask for one in image.objects]
    return label_picture(masks, image.image_hw, image.from_back).values


def _palette() -> list[int]:
    colours = [(0, 0, 0), *(colour(number) for number in range(MOST_CLASSES)), (255, 255, 255)]
    return [channel for rgb in colours for channel in rgb]
