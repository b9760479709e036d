"""Manifest: the files of a dataset with their sizes and hashes, as ``manifest.json``.

``{"made_by": …, "files": [{"name", "bytes", "sha256"}, …]}``, by name; names are relative to the
manifest's folder, with ``/``.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from anymask.core.atomic import writing
from anymask.core.json_object import read_object
from anymask.errors import DatasetError

MANIFEST = "manifest.json"


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A file: its name in the folder, its size, and the sha256 of its bytes."""

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True)
class Manifest:
    """The files of a dataset, by name. made_by: the program and its version."""

    files: tuple[ManifestFile, ...]
    made_by: str = ""


def file_of(folder: Path, name: str) -> ManifestFile:
    """A file of a folder as it is. Raises ``OSError``."""
    path = folder / name
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return ManifestFile(name, path.stat().st_size, sha256)


def write_manifest(folder: Path, files: Iterable[ManifestFile], made_by: str) -> None:
    """Write a folder's manifest. Raises ``OutputError``."""
    entries = [
        {"name": file.name, "bytes": file.size_bytes, "sha256": file.sha256}
        for file in sorted(files, key=lambda file: file.name)
    ]
    content = {"made_by": made_by, "files": entries}
    with writing(folder / MANIFEST) as part:
        part.write_text(json.dumps(content, indent=1) + "\n")


def read_manifest(path: Path) -> Manifest:
    """A manifest from its file. Raises ``DatasetError`` for what is none, or names a file twice."""
    content = read_object(path, DatasetError)
    try:
        files = tuple(
            ManifestFile(str(entry["name"]), int(entry["bytes"]), str(entry["sha256"]))
            for entry in content["files"]
        )
    except (KeyError, TypeError, ValueError):
        raise DatasetError(
            f"{path} is no manifest: its files have a name, their bytes and a sha256"
        ) from None
    name, times = Counter(file.name for file in files).most_common(1)[0] if files else ("", 1)
    if times > 1:
        raise DatasetError(f"{path} names {name} twice")
    return Manifest(files, str(content.get("made_by", "")))


def faults(folder: Path, manifest: Manifest) -> list[str]:
    """What is wrong with the files of a manifest, a line each; every byte of them is read."""
    return [line for file in manifest.files if (line := _fault(folder, file))]


def _fault(folder: Path, file: ManifestFile) -> str:
    path = folder / file.name
    if folder.resolve() not in path.resolve().parents:
        return f"{file.name} leads out of the folder"
    try:
        if path.stat().st_size != file.size_bytes:
            return f"{file.name} has {path.stat().st_size} bytes, not {file.size_bytes}"
        is_same = file_of(folder, file.name).sha256 == file.sha256
    except OSError as error:
        return f"{file.name} can't be read: {error.strerror or error}"
    return "" if is_same else f"{file.name} has other bytes than the manifest says"
