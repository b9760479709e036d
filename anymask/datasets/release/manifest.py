"""Manifest: the files of a dataset with their hashes, so that a copy can be proved.

``manifest.json`` lies in the dataset's folder: an object whose ``files`` are objects with ``name``
(relative to that folder, with ``/``), ``sha256`` (64 hex digits) and ``bytes``. It may have other
keys. It does not list itself.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anymask.core.atomic import explain_os_errors, writing
from anymask.datasets.listing import Listing
from anymask.datasets.locations import locate, open_binary, reason_of
from anymask.errors import DatasetError, clipped

MANIFEST = "manifest.json"
HEX_DIGITS = 64
READ_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class ManifestEntry:
    """A file: its name below the dataset's folder, its SHA-256, its size."""

    name: str
    sha256: str
    bytes: int


def entry_of(url: str, name: str) -> ManifestEntry:
    """The entry of a file as it is now. Raises ``DatasetError`` for one that can't be read."""
    digest, size = hashlib.sha256(), 0
    try:
        with open_binary(url) as file:
            while content := file.read(READ_AT_ONCE):
                digest.update(content)
                size += len(content)
    except Exception as error:  # every file system has errors of its own
        raise DatasetError(f"{name} can't be read: {reason_of(error)}") from None
    return ManifestEntry(name, digest.hexdigest(), size)


def write_manifest(
    folder: Path, names: Iterable[str], others: Mapping[str, Any] | None = None
) -> Path:
    """Hash files of a folder, and write its manifest; where that is.

    others: what else the manifest says. Raises ``DatasetError`` for a file that can't be read,
    ``OutputError`` for a folder that can't be written.
    """
    target = folder / MANIFEST
    with writing(target) as part, part.open("w") as file, explain_os_errors(target):
        # Entry by entry: a dataset may have millions of files.
        file.write("{\n")
        file.writelines(
            f"{json.dumps(key)}: {json.dumps(value)},\n" for key, value in (others or {}).items()
        )
        file.write('"files": [')
        for number, name in enumerate(sorted(names)):
            entry = entry_of(str(folder / name), name)
            fields = {"name": entry.name, "sha256": entry.sha256, "bytes": entry.bytes}
            file.write(f"{',' * bool(number)}\n{json.dumps(fields)}")
        file.write("\n]\n}\n")
    return target


def read_manifest(files: Listing) -> list[ManifestEntry] | None:
    """The entries of a folder's manifest, or None where it has none. Raises ``DatasetError``."""
    if MANIFEST not in files.paths:
        return None
    try:
        with open_binary(files.url(MANIFEST)) as file:
            content = json.load(file)
    except Exception as error:  # of the file system, or of what it holds
        raise DatasetError(f"{MANIFEST} can't be read: {reason_of(error)}") from None
    entries = content.get("files") if isinstance(content, dict) else None
    if not isinstance(entries, list):
        return None  # another program's
    return [_entry(entry) for entry in entries]


def is_there(files: Listing, entry: ManifestEntry) -> bool:
    """Whether there is a file of that name, hidden ones included. Raises ``DatasetError``."""
    if entry.name in files.paths:
        return True
    fs, _ = locate(files.location)
    try:
        return bool(fs.isfile(posixpath.join(files.root, entry.name)))
    except Exception as error:  # every file system has errors of its own
        raise DatasetError(f"{entry.name} can't be read: {reason_of(error)}") from None


def differences(files: Listing, entry: ManifestEntry) -> Iterator[str]:
    """What of a listed file is not as its entry says. Raises ``DatasetError``."""
    now = entry_of(files.folder_url(entry.name), entry.name)
    if now.bytes != entry.bytes:
        yield f"has {now.bytes} bytes, and {entry.bytes} by the manifest"
    elif now.sha256 != entry.sha256:
        yield f"has the SHA-256 {now.sha256[:16]}…, and {entry.sha256[:16]}… by the manifest"


def _entry(value: Any) -> ManifestEntry:
    fields = value if isinstance(value, dict) else {}
    name, sha256, size = (fields.get(key) for key in ("name", "sha256", "bytes"))
    is_hash = isinstance(sha256, str) and len(sha256) == HEX_DIGITS
    if not isinstance(name, str) or not is_hash or type(size) is not int:
        raise DatasetError(f"{MANIFEST} has an entry without name, hash or size: {clipped(value)}")
    if posixpath.normpath("/" + name) != f"/{name}":
        raise DatasetError(f"{MANIFEST} has a name that leads elsewhere: {clipped(name)}")
    return ManifestEntry(name, str(sha256).lower(), size)
