"""``--among``: candidates of a file that words choose from, in place of everything in an image."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated

import typer

from anymask.cli.segmenting.inputs import header_hw
from anymask.core.read_options import ReadOptions
from anymask.datasets.left_out import first_of
from anymask.datasets.photographs import Photograph
from anymask.datasets.prompting.candidate_file import CandidateFile, GivenImage
from anymask.errors import Error

AmongOption = Annotated[
    str | None,
    typer.Option(
        metavar="JSON",
        help="With --text: choose among the boxes and masks of a file in COCO's format, or of a "
        "detector's list of results, instead of everything in the image.",
        show_default=False,
    ),
]


def check_among(
    among: CandidateFile, photographs: Sequence[Photograph], reading: ReadOptions
) -> None:
    """Tell of which images a file says nothing, and which it does not fit.

    Raises ``Error`` where that is so of all, and where several images are one of the file.
    """
    for note in among.notes:
        _note(f"{note.name}: {note.reason}")
    silent, wrong = [], dict[str, str]()
    for photograph, given in _given(among, photographs):
        try:
            if isinstance(given, Error):
                raise given
            if given is None:
                silent.append(photograph.name)
            elif not _seems_right(photograph, given):
                given.boxes_xyxy(_hw(photograph, reading))
        except (Error, MemoryError) as error:
            wrong[photograph.name] = str(error).removeprefix(photograph.name).lstrip(": ")
    images = "1 image" if len(photographs) == 1 else f"{len(photographs)} images"
    if len(silent) == len(photographs):
        known = f"it has {among.example}, not {first_of(silent)}"
        raise Error(f"{among.location} says nothing of the {images}: {known}")
    if wrong:
        first = f"{next(iter(wrong))}: {next(iter(wrong.values()))}"
        others = "" if len(wrong) == 1 else f" ({len(wrong) - 1} others are like it)"
        if len(wrong) + len(silent) == len(photographs):
            raise Error(f"{among.location} fits none of the {images}: {first}{others}")
        _note(f"{among.location} does not fit {len(wrong)} of {images}: {first}{others}")
    if silent:
        _note(
            f"{among.location} says nothing of {len(silent)} of {images}, in which nothing is "
            f"looked for: {first_of(silent)}"
        )


def _given(
    among: CandidateFile, photographs: Sequence[Photograph]
) -> Iterator[tuple[Photograph, GivenImage | Error | None]]:
    """What a file has of each image, or why that can't be told."""
    owners: dict[int, Photograph] = {}
    for photograph in photographs:
        try:
            given = among.find(photograph)
        except Error as error:
            yield photograph, error
            continue
        owner = owners.setdefault(id(given), photograph)
        if given is not None and owner is not photograph:
            is_list = among.by_number is not None
            what = "give their folders one by one" if is_list else "list each, with its folder"
            raise Error(
                f"{among.location} has one {given.label} for {owner.name} and {photograph.name}; "
                f"{what}"
            )
        yield photograph, given


def _seems_right(photograph: Photograph, given: GivenImage) -> bool:
    """Whether candidates fit the size in the header of an image file, as far as that is at hand."""
    image_hw = header_hw(photograph) or given.hw
    try:
        if image_hw is not None:
            given.boxes_xyxy(image_hw)
    except Error:
        return False
    return not given.fault


def _hw(photograph: Photograph, reading: ReadOptions) -> tuple[int, int]:
    height, width, _ = photograph.pixels(reading).shape
    return height, width


def _note(text: str) -> None:
    typer.echo(f"note: {text}", err=True)
