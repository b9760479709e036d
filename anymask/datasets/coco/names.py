"""Names: the paths under which an image of a COCO file may lie, of whatever its entry says.

Files travel: names are those of another machine, of a web server, of a bucket or of a labelling
tool, and only their ends fit what lies here.
"""

from __future__ import annotations

import html
import posixpath
import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from anymask.datasets.listing import is_image, stem

NAME_KEYS = ("file_name", "filename", "path", "name", "coco_url", "url", "image_url", "image")
ADDRESS_KEYS = ("coco_url", "url", "image_url")
DRIVE = re.compile(r"[A-Za-z]:[\\/]")
SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
PATH_IN_QUERY = ("d", "path", "file", "filename")  # "d" is Label Studio's, for local files
UPLOAD = re.compile(r"[0-9a-f]{8}-(?=.)")  # which Label Studio puts before what is uploaded

T = TypeVar("T")
Spelling = Callable[[str], str]


def file_names(image: Mapping[str, Any]) -> tuple[str, ...]:
    """Where an image may lie below the folder of images, the likeliest first; () if nothing says.

    image: the file's entry. LVIS has only addresses, whose last two parts are the split and the
    file.
    """
    for key in NAME_KEYS:
        text = image.get(key)
        paths = tuple(dict.fromkeys(_paths(text))) if isinstance(text, str) else ()
        if paths and key in ADDRESS_KEYS:
            ends = paths[0].split("/")[-2:]
            return tuple(dict.fromkeys(("/".join(ends), ends[-1], *paths[1:])))
        if paths:
            return paths
    return ()


def label_of(image: Mapping[str, Any], names: Sequence[str]) -> str:
    """What an image is called where it does not lie somewhere else: its path, or its file's name.

    names: its ``file_names``.
    """
    is_named = any(isinstance(image.get(key), str) and image[key] for key in NAME_KEYS[:4])
    return names[0] if is_named else posixpath.basename(names[0])


class NameIndex(Generic[T]):
    """Values by path, found by paths of which only the ends are the same.

    spelling: makes one of all that are the same: ``normal`` or ``alike``.
    """

    def __init__(self, items: Iterable[tuple[str, T]], spelling: Spelling | None = None) -> None:
        self._spelling = spelling or normal
        self._by_file: dict[str, list[tuple[list[str], T]]] = {}
        for path, value in items:
            folders = self._spelling(path).split("/")
            self._by_file.setdefault(folders[-1], []).append((folders[::-1], value))

    def nearest(self, paths: Sequence[str]) -> list[T]:
        """The values whose paths have the longest end in common with the first path that has any.

        Several are equally near; they are told apart by nothing.
        """
        for path in paths:
            wanted = self._spelling(path).split("/")[::-1]
            near = self._by_file.get(wanted[0], ())
            if near:
                lengths = [_common(wanted, parts) for parts, _ in near]
                most = max(lengths)
                values = (v for (_, v), length in zip(near, lengths) if length == most)
                return list(dict.fromkeys(values))
        return []


class EndIndex(Generic[T]):
    """Values by path, found by a path that is an end of theirs, or that theirs is an end of.

    So ``dog.jpg``, ``day/dog.jpg`` and ``/data/day/dog.jpg`` are one image, ``night/dog.jpg`` is
    another. spelling: as ``NameIndex`` takes it.
    """

    def __init__(self, items: Iterable[tuple[str, T]], spelling: Spelling | None = None) -> None:
        self._spelling = spelling or normal
        self._whole: dict[str, list[T]] = {}
        self._ends: dict[str, list[T]] = {}
        for path, value in items:
            whole, *ends = _ends(self._spelling(path))
            self._whole.setdefault(whole, []).append(value)
            for end in ends:
                self._ends.setdefault(end, []).append(value)

    def fitting(self, path: str) -> list[T]:
        """The values whose paths have most in common with a path; several are equally near."""
        whole, *ends = _ends(self._spelling(path))
        near = self._whole.get(whole) or self._ends.get(whole) or ()
        shorter = (self._whole[end] for end in ends if end in self._whole)
        return list(dict.fromkeys(near or next(shorter, ())))


def normal(path: str) -> str:
    """A path in one spelling: composed Unicode, a small ending."""
    start, ending = posixpath.splitext(path if path.isascii() else _composed(path))
    return start + ending.lower()


def alike(path: str) -> str:
    """A path but for what tools and systems change of it on the way.

    That are capitals, the signs of the web (%20, +, &amp;) and the kind of picture that it ends in.
    """
    start = stem(path) if is_image(path) else path
    plain = html.unescape(unquote(start.replace("+", " ")))
    return _composed(_composed(plain).casefold())


def _ends(path: str) -> Iterator[str]:
    """A path, and what is left of it without its first folders."""
    parts = path.split("/")
    return ("/".join(parts[first:]) for first in range(len(parts)))


def _composed(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def _common(one: Sequence[str], other: Sequence[str]) -> int:
    """How many parts are the same from the start."""
    length = 0
    for a, b in zip(one, other):
        if a != b:
            break
        length += 1
    return length


def _paths(text: str) -> Iterator[str]:
    """The relative paths that a name may stand for, the likeliest first."""
    for path in _spelled(text):
        inside = _inside(path)
        if inside:
            yield inside
            folder, name = posixpath.split(inside)
            original = UPLOAD.sub("", name, count=1) if UPLOAD.match(name) else ""
            if original:
                yield posixpath.join(folder, original)


def _spelled(text: str) -> Iterator[str]:
    """A name as it is, or what of an address is the file's; then without the signs of the web."""
    path = text[2:] if DRIVE.match(text) else text
    if SCHEME.match(text) or "/?" in text:
        path, query = urlsplit(text).path, parse_qs(urlsplit(text).query)
        path = next((query[key][0] for key in PATH_IN_QUERY if key in query), path)
        path = path[2:] if DRIVE.match(path) else path
    yield path
    if "%" in path:
        yield unquote(path)
    if path != path.strip():
        yield path.strip()


def _inside(name: str) -> str:
    """A name as a path that leads nowhere above, whatever machine it was written on."""
    return posixpath.normpath("/" + name.replace("\\", "/")).lstrip("/")
