"""Names of results: each is called after its image, and no two alike.

The same photographs have the same names in every process and on every machine.
"""

from __future__ import annotations

import hashlib
import os
import posixpath
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from anymask.datasets.photographs import Photograph


@dataclass(frozen=True, slots=True)
class NamedResult:
    """A photograph, and the path of its result, with ``/``, within the folder of results."""

    photograph: Photograph
    name: str

    @property
    def image_name(self) -> str:
        """The path of the image, relative as the result's is."""
        return posixpath.join(posixpath.dirname(self.name), self.photograph.file_name)


def name_results(photographs: Sequence[Photograph], ending: str) -> list[NamedResult]:
    """A result for each photograph, in their order: ``<folder>/<stem><ending>``.

    Those that would be one file on some disk, or a file and a folder of one name, keep the image's
    own ending, too (``dog.jpg.json`` and ``dog.png.json``); if that does not tell them apart, the
    folders in which they lie; and at last a hash.
    """
    shared = _shared_folders(photographs)
    spelling = [0] * len(photographs)
    names = [SPELLINGS[0](photograph, shared) + ending for photograph in photographs]
    while alike := list(_alike(names)):
        for number in alike:
            spelling[number] = min(spelling[number] + 1, len(SPELLINGS) - 1)
            names[number] = SPELLINGS[spelling[number]](photographs[number], shared) + ending
    return [NamedResult(*pair) for pair in zip(photographs, names)]


def _by_stem(photograph: Photograph, _: int) -> str:
    return posixpath.join(photograph.folder, photograph.stem)


def _by_file_name(photograph: Photograph, _: int) -> str:
    return photograph.name


def _by_own_folder(photograph: Photograph, shared: int) -> str:
    return posixpath.join(_own_folder(photograph, shared), photograph.stem)


def _by_whole_name(photograph: Photograph, shared: int) -> str:
    return posixpath.join(_own_folder(photograph, shared), photograph.file_name)


def _by_hash(photograph: Photograph, shared: int) -> str:
    place = f"{photograph.url}\n{photograph.name}\n{photograph.member}"
    digest = hashlib.sha256(os.fsencode(place)).hexdigest()[:16]
    return f"{_by_whole_name(photograph, shared)}-{digest}"


# How a photograph's result may be called, the best first; the number is of folders that all share.
SPELLINGS: tuple[Callable[[Photograph, int], str], ...] = (
    _by_stem, _by_file_name, _by_own_folder, _by_whole_name, _by_hash,
)  # fmt: skip


def _alike(names: list[str]) -> Iterator[int]:
    """The numbers of those names that some disk takes for another's, or for another's folder."""
    keys = [unicodedata.normalize("NFC", name).casefold() for name in names]
    count = Counter(keys)
    folders: set[str] = set()
    for folder in {posixpath.dirname(key) for key in keys}:
        while folder and folder not in folders:
            folders.add(folder)
            folder = posixpath.dirname(folder)
    return (number for number, key in enumerate(keys) if count[key] > 1 or key in folders)


def _shared_folders(photographs: Sequence[Photograph]) -> int:
    """How many folders, from the top, all photographs or their shards have in common."""
    folders = [posixpath.dirname(photograph.url).split("/") for photograph in photographs]
    if not folders:
        return 0
    first, last = min(folders), max(folders)  # what these share, all between them do
    pairs = zip(first, last)
    return next((n for n, (one, other) in enumerate(pairs) if one != other), len(first))


def _own_folder(photograph: Photograph, shared: int) -> str:
    """The folder of a photograph, or of its shard and within it, below the shared ones."""
    parts = posixpath.dirname(photograph.url).split("/")[shared:]
    if photograph.member is not None:
        parts.append(photograph.folder)
    return "/".join(part.replace(":", "") for part in parts if part)
