"""The manifest of a dataset: what is written, and what is not as it says."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from anymask.datasets.listing import list_files
from anymask.datasets.release.manifest import (
    MANIFEST,
    ManifestEntry,
    read_manifest,
    write_manifest,
)
from anymask.errors import DatasetError, OutputError
from tests.datasets.checking.folders import found, told, whole


def with_manifest(folder: Path) -> Path:
    whole(folder, 3)
    names = list_files(str(folder)).paths
    write_manifest(folder, names, {"licence": "CC BY 4.0"})
    return folder


def test_what_was_written_is_read(tmp_path: Path) -> None:
    folder = with_manifest(tmp_path / "a")
    content = json.loads((folder / MANIFEST).read_text())
    assert content["licence"] == "CC BY 4.0"
    assert list(content["files"][0]) == ["name", "sha256", "bytes"]
    entries = read_manifest(list_files(str(folder)))
    assert entries is not None
    assert len(entries) == 6
    image = (folder / "sa_1.jpg").read_bytes()
    expected = ManifestEntry("sa_1.jpg", hashlib.sha256(image).hexdigest(), len(image))
    assert entries[0] == expected
    findings = found(folder)
    assert (findings.faults, findings.files_hashed) == (0, 6)


def test_a_dataset_of_no_files_has_a_manifest(tmp_path: Path) -> None:
    assert json.loads(write_manifest(tmp_path, []).read_text()) == {"files": []}


def test_what_is_not_as_the_manifest_says_is_named(tmp_path: Path) -> None:
    folder = with_manifest(tmp_path / "a")
    image = bytearray((folder / "sa_1.jpg").read_bytes())
    image[-3] ^= 1
    (folder / "sa_1.jpg").write_bytes(image)
    with (folder / "sa_2.json").open("a") as file:
        file.write(" ")
    (folder / "sa_3.jpg").unlink()
    (folder / "more.txt").write_text("x")
    assert told(found(folder)) == {
        ("sa_1.jpg", None, "checksum"),
        ("sa_2.json", None, "checksum"),
        ("sa_3.jpg", None, "file missing"),
        ("sa_3.json", None, "image missing"),
        ("more.txt", None, "not in the manifest"),
    }


def test_hidden_files_may_be_listed(tmp_path: Path) -> None:
    folder = whole(tmp_path / "a")
    (folder / ".settings").write_text("{}")
    write_manifest(folder, [*list_files(str(folder)).paths, ".settings"])
    assert found(folder).faults == 0
    (folder / ".settings").write_text("[]")
    assert told(found(folder)) == {(".settings", None, "checksum")}


ELSEWHERE = json.dumps({"files": [{"name": "../a", "sha256": "0" * 64, "bytes": 3}]})


@pytest.mark.parametrize(
    "content", [ELSEWHERE, "{", '{"files": [{"name": "a"}]}', '{"files": [3]}']
)
def test_a_broken_manifest_is_a_fault(tmp_path: Path, content: str) -> None:
    (whole(tmp_path / "a") / MANIFEST).write_text(content)
    assert told(found(tmp_path / "a")) == {(MANIFEST, None, "broken JSON")}


@pytest.mark.parametrize("content", ["[]", '{"files": 3}', '{"version": 3}'])
def test_another_programs_manifest_is_none(tmp_path: Path, content: str) -> None:
    (whole(tmp_path / "a") / MANIFEST).write_text(content)
    assert found(tmp_path / "a").faults == 0


def test_what_can_not_be_hashed_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"nothing\.jpg can't be read"):
        write_manifest(tmp_path, ["nothing.jpg"])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OutputError):
        write_manifest(tmp_path / "nowhere", [])
