"""The images of ``anymask segment``, and what is asked of each."""

from __future__ import annotations

import os
import posixpath
import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

import typer
from PIL import Image

from anymask.datasets.photographs import Photograph, Unread, find_photographs
from anymask.datasets.prompting.object_prompt import ObjectPrompt
from anymask.datasets.prompting.prompt_table import read_prompts, unused_columns
from anymask.errors import Error, ImageError, PromptError
from anymask.predict.objects import read_question

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
    photographs, unread, notes = _find(arguments, out)
    return Inputs([(photograph, objects) for photograph in photographs], unread, notes)


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
        return Inputs(_merged(asked), unread, notes)
    photographs, unread, repeats = _find(arguments, out)
    notes += repeats
    matches = {name: _match(table, name, photographs) for name in prompts}
    asked = [(image, prompts[name]) for name, image in matches.items() if image is not None]
    strangers = [name for name, image in matches.items() if image is None]
    if strangers:
        notes.append(f"{table} names what was not given: {_some(strangers)}")
    silent = [image.name for image in photographs if image not in matches.values()]
    if silent:
        notes.append(f"{table} says nothing of {_some(silent)}: passed over")
    return Inputs(_merged(asked), unread, notes)


def _merged(
    asked: Iterable[tuple[Photograph, Sequence[ObjectPrompt]]],
) -> list[tuple[Photograph, Sequence[ObjectPrompt]]]:
    """All that is asked of a photograph at once, by whatever names the table has it."""
    by_place: dict[object, tuple[Photograph, list[ObjectPrompt]]] = {}
    for photograph, objects in asked:
        place = photograph.url, photograph.member
        by_place.setdefault(place, (photograph, []))[1].extend(objects)
    return list(by_place.values())


def seems_wrong(photograph: Photograph, objects: Iterable[ObjectPrompt]) -> bool:
    """Whether prompts do not fit the size in the header of an image file, as far as it is known."""
    image_hw = header_hw(photograph)
    if image_hw is None:
        return False
    try:
        for asked in objects:
            read_question(asked, image_hw)
    except Error:
        return True
    return False


def header_hw(photograph: Photograph) -> tuple[int, int] | None:
    """The size in the header of an image file.

    A guess, and quick: an image may be turned, or of several pages. None where the file is not at
    hand, or its header can't be read.
    """
    try:
        with warnings.catch_warnings(), Image.open(photograph.url) as image:
            # Of its size: what is too large is said when it is read.
            warnings.simplefilter("ignore")
            return image.height, image.width
    except Exception:  # Pillow's readers raise many kinds
        return None


def _find(
    arguments: Sequence[str], out: Path | None
) -> tuple[list[Photograph], list[Unread], list[str]]:
    """Photographs in the order of the arguments, what can't be read, and notes."""
    if list(arguments).count(STANDARD_INPUT) > 1:
        raise typer.BadParameter("there is one standard input: give - once")
    files = find_photographs([name for name in arguments if name != STANDARD_INPUT], out)
    photographs, unread = files.photographs, files.unread
    if STANDARD_INPUT in arguments:
        before = find_photographs(arguments[: arguments.index(STANDARD_INPUT)], out)
        photographs.insert(len(before.photographs), PipedPhotograph(STANDARD_INPUT, "stdin"))
    return photographs, unread, files.notes()


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
