"""Where answers go: a file for one image, a folder for several; checked before any work is done."""

from __future__ import annotations

import os
import posixpath
import shutil
from collections.abc import Iterable, Sequence
from enum import StrEnum
from itertools import chain, count
from pathlib import Path

import typer

from anymask.core.atomic import check_file_writable
from anymask.datasets.photographs import Photograph
from anymask.errors import Error, OutputError


class Format(StrEnum):
    """What is written for an image: the ending of its file."""

    png = "png"
    json = "json"
    coco = "coco.json"
    geojson = "geojson"
    svg = "svg"
    npz = "npz"

    @property
    def ending(self) -> str:
        """With its dot."""
        return f".{self}"


ENDINGS = tuple(form.ending for form in (Format.coco, *(f for f in Format if f != Format.coco)))


def format_of(path: Path) -> Format | None:
    """The format that a file's ending names, or None."""
    name = path.name.lower()
    return next((Format(ending[1:]) for ending in ENDINGS if name.endswith(ending)), None)


def file_for(photograph: Photograph, out: Path | None) -> Path:
    """The file for a single image; one that nobody named takes the place of none that is there.

    Raises ``BadParameter`` for an ending that names no format.
    """
    if out is None:
        stem = f"{photograph.stem}_mask"
        paths = (Path(f"{name}.png") for name in chain([stem], (f"{stem}_{n}" for n in count(2))))
        return next(path for path in paths if not os.path.lexists(path))
    if format_of(out) is None:
        raise typer.BadParameter(f"--out {out} must end in one of {', '.join(ENDINGS)}")
    return out


def files_for(photographs: Sequence[Photograph], out: Path, form: Format) -> list[Path]:
    """A file in a folder for each image, called as it is; those of one name keep their folders.

    Raises ``Error`` if two are told apart by their endings only.
    """
    if out.exists() and not out.is_dir():
        raise OutputError(f"{out} is no folder: several images go to a folder")
    if format_of(out) is not None and not out.is_dir():
        raise typer.BadParameter(f"--out {out} is a file's name: several images go to a folder")
    names = [posixpath.splitext(photograph.name)[0] for photograph in photographs]
    twice = [number for number, name in enumerate(names) if names.count(name) > 1]
    if twice:
        above = _folder_above([photographs[number] for number in twice])
        for number in twice:
            place = posixpath.splitext(photographs[number].url)[0]
            names[number] = os.path.relpath(place, above) if above else names[number]
    owners: dict[str, Photograph] = {}
    for photograph, name in zip(photographs, names):
        other = owners.setdefault(name, photograph)
        if other is not photograph:
            raise Error(
                f"{other.url} and {photograph.url} would have the same result {name}{form.ending}; "
                f"rename one"
            )
    return [out / f"{name}{form.ending}" for name in names]


def check_target(target: Path, inputs: Iterable[Path]) -> None:
    """Raise ``OutputError`` if a file can't be written, or is one of the files that are read."""
    check_file_writable(target)
    nearest = next(folder for folder in Path(os.path.abspath(target)).parents if folder.is_dir())
    if shutil.disk_usage(nearest).free == 0:
        raise OutputError(f"{target} can't be written: no space left in {nearest}")
    if not target.exists():
        return
    for path in inputs:
        if path.exists() and os.path.samefile(path, target):
            raise OutputError(f"{target} is an input and would be overwritten: give another --out")


def _folder_above(photographs: Sequence[Photograph]) -> str | None:
    """The folder that all lie in, at whatever depth; None where they don't lie on one system."""
    urls = [photograph.url for photograph in photographs]
    if any("://" in url or photograph.member for url, photograph in zip(urls, photographs)):
        return None
    return os.path.commonpath([os.path.dirname(url) for url in urls])
