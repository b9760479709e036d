"""Photographs: image files, found in files, folders, globs, tar shards and fsspec URLs."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, lru_cache
from pathlib import Path

from fsspec.implementations.local import LocalFileSystem

from anymask.core.image import RGB, count_pages, decode_image
from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.datasets import shards
from anymask.datasets.locations import (
    GLOB_SIGNS,
    base_name,
    is_hidden,
    locate,
    open_binary,
    reason_of,
    relative_name,
    search,
    search_errors_explained,
    url_of,
)
from anymask.errors import Error, ImageError

# What is taken from folders, globs and shards; a file that is named itself may end as it likes.
ENDINGS = (
    ".avif", ".bmp", ".gif", ".jfif", ".jp2", ".jpeg", ".jpg", ".pgm", ".png", ".pnm", ".ppm",
    ".tif", ".tiff", ".webp",
)  # fmt: skip
RESULTS_MARK = ".anymask-settings"  # lies in a folder of results, and says of what kind they are
MASK_PICTURES = ("png", "overlay", "labels")  # kinds of results that look like photographs
LARGEST_ID = (1 << 53) - 1  # what every reader of JSON takes exactly
PAGE_MARK = "-p{:04}"
PAGE_MARKED = re.compile(r"(.+)-p([0-9]{4,9})")
NUMBERED = re.compile(r"(?:sa_)?([0-9]{1,16})")


@dataclass(frozen=True, slots=True)
class Photograph:
    """An image file somewhere: small, and the same on every machine.

    url: a path, or a URL that fsspec opens.
    name: its path relative to the argument that it was found by, with ``/``; for a shard's member
        ``<shard>/<member>``.
        A page has its number before the ending, ``stack-p0003.tif``.
    member: offset and size in bytes within the decompressed shard, if it lies in one.
    page: its number from 1 on, if the photograph is one of several in its file.
    """

    url: str
    name: str
    member: tuple[int, int] | None = None
    page: int | None = None

    @property
    def file_name(self) -> str:
        """The name without folders."""
        return posixpath.basename(self.name)

    @property
    def stem(self) -> str:
        """The name without folders and ending."""
        return posixpath.splitext(self.file_name)[0]

    @property
    def folder(self) -> str:
        """The folder, relative to all output, where its result belongs; "" for the top one."""
        return posixpath.dirname(self.name)

    @property
    def is_numbered(self) -> bool:
        """Whether ``image_id`` is the number in the file's name."""
        return self.image_id != hashed_id(self.name)

    @property
    def image_id(self) -> int:
        """The number in the file's name (``sa_223750.jpg``, ``000000000009.jpg``), else a hash.

        The hash is of the relative name: the same on every machine, below 2^53 as JSON needs it.
        """
        number = NUMBERED.fullmatch(self.stem)
        if number and int(number[1]) <= LARGEST_ID:
            return int(number[1])
        return hashed_id(self.name)

    def pixels(self, options: ReadOptions = AS_STORED) -> RGB:
        """The image, (H, W, 3); of its own page if it has one. Raises ``ImageError``."""
        if self.page is None:
            return decode_image(self.read(), self.name, options=options)
        content = _file_of_pages(replace(self, name=self._name_of_file, page=None), os.getpid())
        return decode_image(content, self.name, options=replace(options, page=self.page))

    def by_page(self) -> list[Photograph]:
        """A photograph for each page of the file; itself where there is one, or none is found."""
        try:
            is_file = self.member is None and "://" not in self.url
            count = count_pages(Path(self.url) if is_file else self.read(), self.name)
        except ImageError:
            return [self]  # what is wrong is said when it is read
        if count == 1:
            return [self]
        return [self.of_page(page) for page in range(1, count + 1)]

    def of_page(self, page: int) -> Photograph:
        """One page of the file, by its number from 1 on."""
        stem, ending = posixpath.splitext(self.name)
        return replace(self, name=f"{stem}{PAGE_MARK.format(page)}{ending}", page=page)

    @property
    def _name_of_file(self) -> str:
        stem, ending = posixpath.splitext(self.name)
        return stem.removesuffix(PAGE_MARK.format(self.page)) + ending

    def read(self) -> bytes:
        """The bytes of the image file. Raises ``ImageError``."""
        try:
            if self.member is None:
                with open_binary(self.url) as file:
                    return file.read()
            content = shards.read_member(self.url, *self.member)
        except Exception as error:  # every file system has errors of its own
            raise ImageError(f"{self.name} can't be read: {reason_of(error)}") from None
        if len(content) != self.member[1]:
            raise ImageError(f"{self.name} can't be read: {self.url} ends within it")
        return content


def hashed_id(name: str) -> int:
    """A number for a name, below 2^53 as JSON needs it: the first bits of its SHA-256."""
    digest = hashlib.sha256(os.fsencode(name)).digest()
    return int.from_bytes(digest[:8], "big") >> 11


@dataclass(frozen=True)
class Unread:
    """What can't be read, or not to its end, and why: an image, a shard, a folder.

    reason: what an error says after the name: "can't be searched: Permission denied".
    """

    name: str
    reason: str

    @classmethod
    def from_error(cls, name: str, error: Exception) -> Unread:
        """What an error kept from being read; its message loses the name that it begins with."""
        return cls(name, str(error).removeprefix(f"{name} "))


@dataclass(frozen=True)
class Missing(Unread):
    """An image that annotations are of, and that is not there."""


@dataclass(frozen=True)
class LeftOut(Unread):
    """What is left out of an image, or of a file, that is read but for that.

    annotations: how many of them, if it is annotations.
    """

    annotations: int = 0


@dataclass(frozen=True)
class PhotographListing:
    """Photographs in the order of the arguments, by name within each; what can't be read.

    results: folders whose pictures were passed over, because anymask made them, and how many.
    repeated: names of files that were come upon once more, and count once.
    """

    photographs: list[Photograph] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    results: Counter[str] = field(default_factory=Counter)
    repeated: list[str] = field(default_factory=list)

    def notes(self) -> list[str]:
        """What to tell of files that count once though they were given more than once."""
        if not self.repeated:
            return []
        names = list(dict.fromkeys(self.repeated))
        rest = f" and {len(names) - 3} others" if len(names) > 3 else ""
        return [f"given more than once, and counted once: {', '.join(names[:3])}{rest}"]

    def by_page(self) -> PhotographListing:
        """The same, each page of a file a photograph of its own (``Photograph.by_page``)."""
        pages = [page for photograph in self.photographs for page in photograph.by_page()]
        return replace(self, photographs=pages)


def page_of(name: str) -> tuple[str, int] | None:
    """The name of the file and the page that a page's name is made of; None for another name."""
    stem, ending = posixpath.splitext(name)
    marked = PAGE_MARKED.fullmatch(stem)
    if not marked or int(marked[2]) < 1:
        return None
    return marked[1] + ending, int(marked[2])


def find_photographs(arguments: Sequence[str], out: Path | None = None) -> PhotographListing:
    """All photographs in files, folders, globs, tar shards and fsspec URLs of any of these.

    Folders are searched to the bottom for known image endings and shards; what is hidden and
    symbolic links to folders are passed over, and so are pictures that ``anymask masks`` made. A
    photograph that two arguments lead to counts once.
    out: a folder of results, which is not searched where it lies within an argument.

    Raises ``Error`` for an argument that is not there, can't be reached, or needs a package that
    is not installed.
    """
    listing, seen = PhotographListing(), set()
    for argument in arguments:
        for url, name in _files(argument, out, listing):
            if url in seen:
                listing.repeated.append(name)
                continue
            seen.add(url)
            if shards.is_shard(name):
                _add_shard(url, name, listing)
            else:
                listing.photographs.append(Photograph(url, name))
    return listing


@lru_cache(maxsize=1)
def _file_of_pages(photograph: Photograph, process: int) -> bytes:
    """The bytes of the last file whose pages were asked for, which are read one after the other.

    process: a forked one begins with its own.
    """
    return photograph.read()


def _add_shard(url: str, name: str, listing: PhotographListing) -> None:
    members, damage = shards.list_members(url)
    stem = shards.shard_stem(name)
    listing.photographs.extend(
        Photograph(url, f"{stem}/{member.name}", (member.offset, member.size))
        for member in members
        if _is_wanted(member.name) and not shards.is_shard(member.name)
    )
    if damage:
        listing.unread.append(Unread(name, damage))


def _files(argument: str, out: Path | None, listing: PhotographListing) -> list[tuple[str, str]]:
    """URL and relative name of each file that an argument leads to, in the order of paths.

    listing: gets the folders that may not be searched, and those of results.
    """
    with search_errors_explained(argument):
        fs, path = locate(argument)
        if not path.endswith("/") and fs.isfile(path):
            return [(url_of(fs, path, argument), base_name(path))]
        files = search(fs, path)
    if files is None:
        is_glob = GLOB_SIGNS.search(path)
        raise Error(
            f"nothing matches {argument}" if is_glob else f"there is no file or folder {argument}"
        )
    listing.unread.extend(Unread(folder, reason) for folder, reason in files.closed.items())
    results = _results_within(files.root, out)
    named = ((file, relative_name(file, files.root)) for file in sorted(files.paths))
    wanted = [
        (file, name)
        for file, name in named
        if _is_wanted(name) and not (results and file.startswith(results))
    ]
    if isinstance(fs, LocalFileSystem):  # results are written nowhere else
        made = _made_by_us({os.path.dirname(file) for file, _ in wanted}, files.root)
        folders = [os.path.dirname(file) for file, _ in wanted]
        listing.results.update(made[folder] for folder in folders if folder in made)
        wanted = [pair for pair, folder in zip(wanted, folders) if folder not in made]
    return [(url_of(fs, file, argument), name) for file, name in wanted]


def _made_by_us(folders: Iterable[str], root: str) -> dict[str, str]:
    """Which of the folders lie in one of pictures of masks, below the root, and in which."""

    @cache
    def made_in(folder: str) -> str | None:
        if _is_of_mask_pictures(folder):
            return folder
        above = os.path.dirname(folder)
        return made_in(above) if folder != root and above.startswith(root) else None

    owners = {folder: made_in(folder) for folder in folders}
    return {folder: owner for folder, owner in owners.items() if owner is not None}


def _is_of_mask_pictures(folder: str) -> bool:
    try:
        settings = json.loads((Path(folder) / RESULTS_MARK).read_bytes())
        return settings["format"] in MASK_PICTURES
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _is_wanted(name: str) -> bool:
    return not is_hidden(name) and name.lower().endswith((*ENDINGS, *shards.ENDINGS))


def _results_within(root: str, out: Path | None) -> str | None:
    """What the paths of results begin with, if they lie in a folder below what is searched."""
    if out is None:
        return None
    folder = os.path.abspath(out) + "/"
    searched = root.rstrip("/") + "/"
    return folder if folder.startswith(searched) and folder != searched else None
