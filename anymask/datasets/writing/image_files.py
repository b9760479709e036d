"""Where the image files of a dataset lie, whose annotations are read already."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from anymask.datasets.writing.annotated import AnnotatedImage
from anymask.errors import OutputError

IMAGES = "images"


class ImageFolders:
    """Folders in which a dataset's images may lie, by their names.

    location: of the dataset; images: of the images, or "".
    """

    def __init__(self, location: str, images: str = "") -> None:
        place = Path(location)
        around = [place] if place.is_dir() else [place.parent, place.parent.parent]
        folders = [Path(images)] if images else around
        self._folders = [*folders, *(folder / IMAGES for folder in folders)]

    def found(self, image: AnnotatedImage) -> AnnotatedImage:
        """The image with its file's path in place of its bytes.

        Raises ``OutputError`` where no file of its name has these bytes.
        """
        for folder in self._folders:
            path = folder / image.name
            with suppress(OSError):
                if path.read_bytes() == image.file:
                    return replace(image, file=Path(os.path.abspath(path)))
        raise OutputError(
            f"{image.name} can't be linked: it is no file of its own in {self._folders[0]}; copy "
            f"the images (--copy-images)"
        )
