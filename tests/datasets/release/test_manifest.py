"""A manifest says what is there, and a changed byte is named."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from anymask.datasets.release.manifest import (
    MANIFEST,
    ManifestFile,
    faults,
    file_of,
    read_manifest,
    write_manifest,
)
from anymask.errors import DatasetError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "b.tar").write_bytes(b"b" * 9)
    (tmp_path / "a.tar").write_bytes(b"")
    write_manifest(tmp_path, [file_of(tmp_path, name) for name in ("b.tar", "a.tar")], "a test")
    return tmp_path


def test_it_is_as_its_readers_expect(folder: Path) -> None:
    assert json.loads((folder / MANIFEST).read_text()) == {
        "made_by": "a test",
        "files": [
            {"name": "a.tar", "bytes": 0, "sha256": hashlib.sha256(b"").hexdigest()},
            {"name": "b.tar", "bytes": 9, "sha256": hashlib.sha256(b"b" * 9).hexdigest()},
        ],
    }
    manifest = read_manifest(folder / MANIFEST)
    assert manifest.made_by == "a test"
    assert len(manifest.files) == 2
    assert faults(folder, manifest) == []


def test_faults_are_named(folder: Path) -> None:
    manifest = read_manifest(folder / MANIFEST)
    (folder / "b.tar").write_bytes(b"b" * 8 + b"c")
    (folder / "a.tar").unlink()
    gone, changed = faults(folder, manifest)
    assert gone.startswith("a.tar can't be read")
    assert changed.startswith("b.tar has other bytes")
    (folder / "b.tar").write_bytes(b"")
    assert faults(folder, manifest)[1] == "b.tar has 0 bytes, not 9"


def test_a_name_that_leads_out(folder: Path) -> None:
    outside = ManifestFile("../x", 1, "0" * 64)
    manifest = read_manifest(folder / MANIFEST)
    assert faults(folder, type(manifest)((outside,))) == ["../x leads out of the folder"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"files": [{"name": "a"}]}, "is no manifest"),
        ({}, "is no manifest"),
        ([], "no JSON object"),
        ({"files": [{"name": "a", "bytes": 1, "sha256": ""}] * 2}, "names a twice"),
    ],
)
def test_what_is_no_manifest(tmp_path: Path, content: object, said: str) -> None:
    (tmp_path / MANIFEST).write_text(json.dumps(content))
    with pytest.raises(DatasetError, match=said):
        read_manifest(tmp_path / MANIFEST)
