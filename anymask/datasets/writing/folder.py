"""A folder that is written: there whole or not at all, and no file in it for two images."""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path

from anymask.core.atomic import check_writable, explain_os_errors, make_folder
from anymask.datasets.coco.names import normal
from anymask.datasets.writing.annotated import AnnotatedImage, check_name
from anymask.errors import OutputError

CHUNK_BYTES = 1 << 20


class ImageFiles(StrEnum):
    """Whether the images come with their annotations: not at all, copied, or as links to them."""

    none = "none"
    copied = "copied"
    linked = "linked"


class Names:
    """Which files are taken, by which image."""

    def __init__(self) -> None:
        self._images: dict[str, str] = {}

    def take(self, file: str, image: str) -> str:
        """The file's name, now the image's. Raises ``OutputError`` where another has it.

        Names that differ in capitals alone are one on many disks.
        """
        check_name(image)
        other = self._images.setdefault(normal(file).casefold(), image)
        if other != image:
            raise OutputError(
                f"{other} and {image} would both be {file}; rename one of them, or take a format "
                f"with one file for all images (coco, label-studio, cvat)"
            )
        return file


@contextmanager
def new_folder(out: Path) -> Iterator[Path]:
    """A folder beside ``out`` to write to; it becomes ``out`` if all goes well.

    Raises ``OutputError`` where ``out`` holds anything, or what is written can't be.
    """
    check_new(out)
    make_folder(Path(os.path.abspath(out)).parent)
    part = out.with_name(f".{Path(os.path.abspath(out)).name}.{os.getpid()}.part")
    with explain_os_errors(out):
        part.mkdir()
        try:
            yield part
            with suppress(FileNotFoundError):
                out.rmdir()
            os.replace(part, out)
        finally:
            shutil.rmtree(part, ignore_errors=True)


def check_new(out: Path) -> None:
    """Raise ``OutputError`` unless a folder is empty, or not there and can be made."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise OutputError(f"{out} is there already, and no folder")
    with explain_os_errors(out):
        if out.exists() and any(out.iterdir()):
            raise OutputError(f"{out} holds files already; name a new folder")
    check_writable(out)


def check_apart(out: Path, inputs: Iterable[str]) -> None:
    """Raise ``OutputError`` for a folder that is one of its inputs, or lies in one."""
    target = Path(os.path.realpath(out))
    for source in filter(os.path.exists, filter(None, inputs)):
        place = Path(os.path.realpath(source))
        if target == place or (place in target.parents and place.is_dir()):
            raise OutputError(f"{out} lies in the input {source}; name a folder elsewhere")


def place(folder: Path, name: str) -> Path:
    """A file of this name in a folder, and the folders that it lies in made."""
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def put_image(folder: Path, image: AnnotatedImage, files: ImageFiles) -> None:
    """Copy an image's file into a folder, or link it. Raises ``OutputError`` where there is none.

    What is copied has the same bytes.
    """
    if files == ImageFiles.none:
        return
    if image.file is None:
        raise OutputError(
            f"{image.name} has no file of its own, as pages have none; leave the images out"
        )
    target = place(folder, image.name)
    if files == ImageFiles.copied and isinstance(image.file, bytes):
        target.write_bytes(image.file)
    elif files == ImageFiles.copied:
        shutil.copyfile(str(image.file), target)
    elif isinstance(image.file, Path):
        target.symlink_to(image.file.resolve())
    else:
        raise OutputError(f"{image.name} is no file that can be linked; copy the images")


def with_ending(name: str, ending: str) -> str:
    """A name with another ending."""
    return posixpath.splitext(name)[0] + ending
