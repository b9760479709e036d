"""Zip files that somebody sends: what is in them, and what they could do."""

from __future__ import annotations

import stat
import zipfile
from pathlib import Path

import pytest

from anymask.engine.importing import unpacking
from anymask.engine.importing.unpacking import laid_out
from anymask.errors import Error


def zipped(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def files_in(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_what_is_packed_lies_as_it_was(tmp_path: Path, out: Path) -> None:
    packed = {"labels/ü/a.txt": b"1", "data.yaml": b"2", ".hidden": b"", "__MACOSX/._a": b""}
    folder = laid_out(zipped(tmp_path / "x", packed), "x.zip", out)
    assert files_in(folder) == ["data.yaml", "labels/ü/a.txt"]


def test_the_only_folder_is_the_dataset(tmp_path: Path, out: Path) -> None:
    folder = laid_out(zipped(tmp_path / "x", {"export/instances.json": b"1"}), "x.zip", out)
    assert files_in(folder) == ["instances.json"]
    (tmp_path / "other").mkdir()
    masks = laid_out(zipped(tmp_path / "y", {"masks/a.png": b""}), "y.zip", tmp_path / "other")
    assert files_in(masks) == ["masks/a.png"]


@pytest.mark.parametrize(
    "name", ["../x", "a/../../x", "/etc/x", "C:/x", "a\\..\\..\\x", "a/..", "..", "//x/y"]
)
def test_names_that_lead_out_are_refused(name: str, tmp_path: Path, out: Path) -> None:
    with pytest.raises(Error, match="leads out of it"):
        laid_out(zipped(tmp_path / "x", {"good": b"1", name: b"2"}), "x.zip", out)
    assert files_in(tmp_path) == ["x"]


def test_links_and_devices_are_refused(tmp_path: Path, out: Path) -> None:
    for kind in (stat.S_IFLNK, stat.S_IFIFO, stat.S_IFCHR):
        member = zipfile.ZipInfo("link")
        member.external_attr = (kind | 0o777) << 16
        with zipfile.ZipFile(tmp_path / "x", "w") as packed:
            packed.writestr(member, "/etc/passwd")
        with pytest.raises(Error, match="a link or no file"):
            laid_out(tmp_path / "x", "x.zip", out)
        (out / "unpacked").rmdir()


def test_two_files_of_one_name_are_refused(tmp_path: Path, out: Path) -> None:
    with pytest.raises(Error, match="twice"):
        laid_out(zipped(tmp_path / "x", {"a.txt": b"", "A.txt": b""}), "x.zip", out)


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path, out: Path) -> None:
    with pytest.raises(Error, match="can't be written"):
        laid_out(zipped(tmp_path / "x", {"a": b"", "a/b": b""}), "x.zip", out)


def test_a_bomb_is_refused_before_it_is_unpacked(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "FREE_BYTES", 1 << 20)
    bomb = zipped(tmp_path / "x", {str(n): bytes(1 << 20) for n in range(4)})
    with pytest.raises(Error, match="would be larger than"):
        laid_out(bomb, "x.zip", out)
    assert files_in(out) == []


def test_a_bomb_that_says_it_is_small_is_stopped(tmp_path: Path, out: Path) -> None:
    bomb = zipped(tmp_path / "x", {"a": bytes(3 << 20)})
    content = bomb.read_bytes().replace((3 << 20).to_bytes(4, "little"), (9).to_bytes(4, "little"))
    bomb.write_bytes(content)
    with pytest.raises(Error, match=r"broken|larger"):
        laid_out(bomb, "x.zip", out)
    assert sum(path.stat().st_size for path in out.rglob("*") if path.is_file()) < 1 << 20


def test_one_large_file_is_too_large_whatever_the_rest(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "LARGEST_FILE", 1 << 10)
    with pytest.raises(Error, match="would be larger than"):
        laid_out(zipped(tmp_path / "x", {"a": bytes(2 << 10)}), "x.zip", out)


def test_broken_and_encrypted_files_are_refused(tmp_path: Path, out: Path) -> None:
    whole = zipped(tmp_path / "x", {"a": bytes(range(256)) * 40}).read_bytes()
    broken = bytearray(whole)
    broken[60:70] = b"\xff" * 10
    (tmp_path / "y").write_bytes(broken)
    with pytest.raises(Error, match="is broken"):
        laid_out(tmp_path / "y", "y.zip", out)
    (out / "unpacked" / "a").unlink(missing_ok=True)
    (out / "unpacked").rmdir()
    secret = bytearray(whole)
    secret[whole.index(b"PK\x01\x02") + 8] |= 1
    (tmp_path / "z").write_bytes(secret)
    with pytest.raises(Error, match="is encrypted"):
        laid_out(tmp_path / "z", "z.zip", out)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("a/b.json", "b.json"),
        ("..\\..\\c.json", "c.json"),
        ("..", "file"),
        (".hidden.json", "hidden.json"),
        ("x\0y.json", "xy.json"),
        ("n" * 999 + ".json", "n" * 145 + ".json"),
    ],
)
def test_any_other_file_keeps_the_last_part_of_its_name(
    name: str, plain: str, tmp_path: Path, out: Path
) -> None:
    (tmp_path / "sent").write_bytes(b"{}")
    assert laid_out(tmp_path / "sent", name, out) == out / plain
