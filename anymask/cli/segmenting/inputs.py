"""The images of ``anymask segment``, and what is asked of each."""

from __future__ import annotations

import os
import posixpath
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

import typer

from anymask.datasets.photographs import Photograph, Unread, find_photographs
from anymask.datasets.prompting.object_prompt import ObjectPrompt
from anymask.datasets.prompting.prompt_table import read_prompts, unused_columns
from anymask.errors import Error, ImageError, PromptError

STANDARD_INPUT = "-"


class PipedPhotograph(Photograph):
    """The image that comes in on standard input."""

    __slots__ = ()

    def read(self) -> bytes:
        """The bytes, once. Raises ``ImageError``."""
        content = sys.stdin.buffer.read()
        if not content:
            raise ImageError("standard input is empty: pipe an image into it")
        return content


@dataclass(frozen=True)
class Inputs:
    """Photographs with the objects to look for in each; what can't be read; what to tell."""

    asked: Sequence[tuple[Photograph, Sequence[ObjectPrompt]]]
    unread: list[Unread] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def photographs(self) -> list[Photograph]:
        """The photographs alone."""
        return [photograph for photograph, _ in self.asked]

    def files(self) -> list[Path]:
        """All files of this machine that are read: they must not be written."""
        paths = [Path(photograph.url) for photograph in self.photographs]
        return [*paths, *(path for _, objects in self.asked for o in objects for path in o.files)]


def inputs_alike(
    arguments: Sequence[str], objects: Sequence[ObjectPrompt], out: Path | None
) -> Inputs:
    """All images of the arguments, asked the same. out: results that are not looked at."""
    photographs, unread = _find(arguments, out)
    return Inputs([(photograph, objects) for photograph in photographs], unread)


def inputs_of_table(table: Path, arguments: Sequence[str], out: Path | None) -> Inputs:
    """The images that a table of prompts names, or those of the arguments that it names.

    Raises ``Error`` for a table that can't be understood.
    """
    prompts = read_prompts(table)
    unused = unused_columns(table)
    notes = [f"{table}: not used are the columns {', '.join(unused)}"] if unused else []
    if not arguments:
        asked, unread = [], []
        for name, objects in prompts.items():
            try:
                asked.append((_named(table, name), objects))
            except Error as error:
                unread.append(Unread(name, str(error)))
        return Inputs(asked, unread, notes)
    photographs, unread = _find(arguments, out)
    matches = {name: _match(table, name, photographs) for name in prompts}
    asked = [(image, prompts[name]) for name, image in matches.items() if image is not None]
    strangers = [name for name, image in matches.items() if image is None]
    if strangers:
        notes.append(f"{table} names what was not given: {_some(strangers)}")
    silent = [image.name for image in photographs if image not in matches.values()]
    if silent:
        notes.append(f"{table} says nothing of {_some(silent)}: passed over")
    return Inputs(asked, unread, notes)


def _find(arguments: Sequence[str], out: Path | None) -> tuple[list[Photograph], list[Unread]]:
    """Photographs in the order of the arguments, and what can't be read."""
    listings = [
        [PipedPhotograph(STANDARD_INPUT, "stdin")] if argument == STANDARD_INPUT else argument
        for argument in arguments
    ]
    if sum(not isinstance(listing, str) for listing in listings) > 1:
        raise typer.BadParameter("there is one standard input: give - once")
    if STANDARD_INPUT not in arguments:
        found = find_photographs(arguments, out)
        return found.photographs, found.unread
    photographs, unread = [], []
    for listing in listings:
        if isinstance(listing, str):
            found = find_photographs([listing], out)
            photographs += [image for image in found.photographs if image not in photographs]
            unread += found.unread
        else:
            photographs += listing
    return photographs, unread


def _named(table: Path, name: str) -> Photograph:
    """The photograph that a table names. Raises ``Error``."""
    if name == STANDARD_INPUT:
        return PipedPhotograph(STANDARD_INPUT, "stdin")
    location = name if "://" in name else str(table.parent / name)
    if "://" not in name and not os.path.isfile(location):
        raise ImageError("is a folder, no image" if os.path.isdir(location) else "is not there")
    photographs = find_photographs([location]).photographs
    if len(photographs) != 1:
        raise ImageError(f"is {len(photographs)} images, not one")
    # Its folder stays with it: two of a name in different folders are different.
    relative = PurePath(name)
    is_below = "://" not in name and not relative.is_absolute() and ".." not in relative.parts
    return replace(photographs[0], name=relative.as_posix()) if is_below else photographs[0]


def _match(table: Path, name: str, photographs: Sequence[Photograph]) -> Photograph | None:
    """Which photograph a table means: by place, else by relative name, else by file name."""
    place = name if "://" in name else os.path.abspath(table.parent / name)
    for is_meant in (
        lambda image: image.url in (place, name),
        lambda image: image.name == name,
        lambda image: image.file_name == posixpath.basename(name),
    ):
        meant = [image for image in photographs if is_meant(image)]
        if len(meant) > 1:
            places = _some([image.url for image in meant])
            raise PromptError(f"{table}: {name} may be {places}; give a longer path")
        if meant:
            return meant[0]
    return None


def _some(names: Iterable[str]) -> str:
    """A few of the names, and how many others there are."""
    listed = list(names)
    rest = f" and {len(listed) - 3} others" if len(listed) > 3 else ""
    return ", ".join(listed[:3]) + rest
