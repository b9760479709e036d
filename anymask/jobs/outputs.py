"""Outputs and inputs: no result may take the place of a photograph, or be taken for one later."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path

from anymask.errors import Error
from anymask.jobs.many_images import targets_of
from anymask.jobs.result_names import NamedResult
from anymask.jobs.results import Format

Place = tuple[int, int]  # device and number of a file: the same by whatever name it is reached


def check_outputs(results: Sequence[NamedResult], out: Path, form: Format) -> None:
    """Raise ``Error`` if results would overwrite photographs, or lie among them as pictures."""
    if form.is_of_pictures:
        _check_not_among(results, out)
    there = {
        place: target for target in targets_of(results, out, form) if (place := _place(target))
    }
    if not there:
        return
    for result in results:
        url = result.photograph.url
        place = _place(url)
        if place in there:
            raise Error(
                f"{there[place]} would take the place of the photograph {url}; take another --out"
            )


def _check_not_among(results: Iterable[NamedResult], out: Path) -> None:
    """Raise ``Error`` for a photograph in the folder of results, whatever the folder is called."""
    folder = _place(out)
    if folder is None:
        return

    @cache
    def lies_within(path: str) -> bool:
        above = os.path.dirname(path)
        return _place(path) == folder or (above != path and lies_within(above))

    for result in results:
        url = result.photograph.url
        if "://" not in url and lies_within(os.path.dirname(os.path.abspath(url))):
            raise Error(
                f"the photograph {url} lies in {out}, where pictures of masks would "
                f"mix with photographs; take another --out"
            )


def _place(path: str | Path) -> Place | None:
    """None for what is not there, or not on a disk of this machine."""
    try:
        there = os.stat(path)
    except (OSError, ValueError):
        return None
    return there.st_dev, there.st_ino
