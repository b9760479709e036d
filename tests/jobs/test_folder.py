"""Claims on results that several processes make."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock

from anymask.errors import OutputError
from anymask.jobs.folder import claim, sweep


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    """Where results are in the making."""
    return tmp_path / ".parts"


def everything(folder: Path) -> set[str]:
    """All that is in a folder, hidden or not."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_a_claimed_file_or_folder_appears_when_it_is_whole(tmp_path: Path, parts: Path) -> None:
    file, folder = tmp_path / "a" / "b" / "file", tmp_path / "folder"
    with claim(file, parts) as part:
        assert part is not None
        part.write_text("whole")
        assert not file.parent.exists()
    with claim(folder, parts) as part:
        assert part is not None
        part.mkdir()
        (part / "0.png").write_text("x")
        assert not folder.exists()
    assert file.read_text() == "whole"
    sweep(parts)
    assert everything(tmp_path) == {"a", "a/b", "a/b/file", "folder", "folder/0.png"}


def test_what_is_there_is_not_claimed_again(tmp_path: Path, parts: Path) -> None:
    (tmp_path / "file").write_text("old")
    with claim(tmp_path / "file", parts) as part:
        assert part is None
    assert everything(tmp_path) == {"file"}


def test_a_claim_holds_against_others_until_it_ends(tmp_path: Path, parts: Path) -> None:
    target = tmp_path / "file"
    with claim(target, parts) as mine:
        assert mine is not None
        mine.write_text("mine")
        with claim(target, parts) as other:
            assert other is None
        with claim(tmp_path / "another", parts) as other:
            assert other is not None
        sweep(parts)  # does not touch what is claimed
        assert mine.read_text() == "mine"
    assert target.read_text() == "mine"


def test_a_failure_gives_a_claim_up_and_leaves_nothing(tmp_path: Path, parts: Path) -> None:
    for _ in range(2):
        with pytest.raises(KeyError), claim(tmp_path / "a" / "file", parts) as part:  # noqa: PT012
            assert part is not None
            part.mkdir()
            (part / "half").write_text("half")
            raise KeyError
    with claim(tmp_path / "a" / "file", parts) as part:
        pass  # nothing is written, so nothing appears
    assert everything(tmp_path) == {".parts"}


@pytest.mark.parametrize("content", [None, "file", "folder"])
def test_what_the_dead_left_is_removed(tmp_path: Path, parts: Path, content: str | None) -> None:
    target = tmp_path / "file"
    with claim(target, parts) as part:
        assert part is not None

    def leave() -> None:
        """As a process does that is killed with a claim."""
        parts.mkdir(exist_ok=True)
        part.with_name(f"{part.name}.lock").touch()
        if content == "file":
            part.write_text("half")
        elif content == "folder":
            part.mkdir()
            (part / "0.png").write_text("half")

    leave()
    with claim(target, parts) as again:
        assert again == part
        assert not part.exists()
    leave()
    sweep(parts)
    assert everything(tmp_path) == set()


def test_a_claim_falls_with_its_process(tmp_path: Path, parts: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from anymask.jobs.folder import claim\n"
        "with claim(Path(sys.argv[1]), Path(sys.argv[2])) as part:\n"
        "    part.write_text('half'); print(part, flush=True); time.sleep(60)"
    )
    target = tmp_path / "file"
    command = [sys.executable, "-c", code, str(target), str(parts)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        part = Path(process.stdout.readline().strip())
        with claim(target, parts) as mine:
            assert mine is None
        sweep(parts)
        assert part.read_text() == "half"
        process.kill()
    with claim(target, parts) as mine:
        assert mine == part
        mine.write_text("whole")
    sweep(parts)
    assert everything(tmp_path) == {"file"}


def test_a_claim_that_can_not_be_written_is_a_named_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    match = "file/out can't be written: Not a directory"
    target = tmp_path / "file" / "out"
    with pytest.raises(OutputError, match=match), claim(target, tmp_path / "file" / ".parts"):
        pass
    full = pytest.raises(OutputError, match="out can't be written: No space")
    with full, claim(tmp_path / "out", tmp_path / ".parts"):
        raise OSError(28, "No space left on device")
    sweep(tmp_path / ".parts")
    assert everything(tmp_path) == {"file"}


def test_a_folder_of_parts_that_another_removes_is_made_again(
    tmp_path: Path, parts: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    acquire, removals = FileLock.acquire, iter(range(3))

    def removed_first(lock: FileLock, blocking: bool) -> object:
        if next(removals, None) is not None:
            parts.rmdir()
        return acquire(lock, blocking=blocking)

    monkeypatch.setattr(FileLock, "acquire", removed_first)
    with claim(tmp_path / "file", parts) as part:
        assert part is not None
        part.write_text("whole")
    assert (tmp_path / "file").read_text() == "whole"
