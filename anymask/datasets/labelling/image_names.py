"""Image names: which image a file means, whatever machine and program wrote its name."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from collections.abc import Iterable, Iterator
from urllib.parse import parse_qs, unquote, urlsplit

from anymask.errors import DatasetError

ADDRESS = re.compile(r"[a-z][a-z0-9+.-]+://", re.IGNORECASE)
LOCAL_FILES = "/data/local-files/"  # Label Studio's, with the path after ?d=
UPLOADED = re.compile(r"[0-9a-f]{8}-(?=.)")  # which Label Studio puts before what is uploaded


def composed(name: str) -> str:
    """A name in one of Unicode's forms: file systems have several."""
    return unicodedata.normalize("NFC", name)


class ImageNames:
    """The images of a dataset, to be found by the names that other programs have for them.

    names: with ``/``, relative to the dataset's folder.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = {composed(name): name for name in names}
        self._by_base: dict[str, list[str]] = {}
        for name in self._names:
            self._by_base.setdefault(posixpath.basename(name), []).append(name)

    def find(self, written: str, folder: str = "") -> str | None:
        """The image that a file in ``folder`` means by a name; None where it is not there.

        A relative path counts from that file on. It is the image of this file name in the folders
        that agree best, from the last one up: absolute paths, other disks and addresses lead to it,
        too. Raises ``DatasetError`` where several agree as well.
        """
        for path in _paths(composed(written)):
            wanted = posixpath.normpath("/" + posixpath.join(composed(folder), path)).split("/")
            likely = self._by_base.get(wanted[-1], [])
            agreements = {name: _agreement(name.split("/"), wanted) for name in likely}
            best = [name for name in likely if agreements[name] == max(agreements.values())]
            if len(best) > 1:
                raise DatasetError(f"{written} may be {' or '.join(best[:3])}")
            if best:
                return self._names[best[0]]
        return None


def _paths(written: str) -> Iterator[str]:
    """The paths that a name may stand for, the likeliest first."""
    path = written.replace("\\", "/")
    if LOCAL_FILES in path or ADDRESS.match(path):
        address = urlsplit(path)
        local = parse_qs(address.query).get("d", [])
        path = local[0] if local else posixpath.join(address.netloc, address.path.lstrip("/"))
    for variant in dict.fromkeys((path, unquote(path))):
        yield variant
        folder, base = posixpath.split(variant)
        if UPLOADED.match(base):
            yield posixpath.join(folder, UPLOADED.sub("", base, count=1))


def _agreement(parts: list[str], wanted: list[str]) -> tuple[int, bool]:
    """How many parts of two paths are the same, from their ends on, and whether all of ``parts``.

    A folder of results repeats the folders of its images.
    """
    count = 0
    for part, other in zip(reversed(parts), reversed(wanted)):
        if part != other:
            break
        count += 1
    return count, count == len(parts)
