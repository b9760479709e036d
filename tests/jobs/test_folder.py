"""Claims on results that several processes make, and the folder of a job that they share."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from anymask.errors import Error, OutputError
from anymask.jobs import folder as job_folders
from anymask.jobs.folder import (
    JobFolder,
    OtherSettingsError,
    SettingChange,
    UnreadableSettingsError,
    claim,
    count_done,
    setting_changes,
    sweep,
)

# Claims the first argument in the folder of the second, says so, and keeps it.
HOLD = (
    "import sys, time; from pathlib import Path; from anymask.jobs.folder import claim\n"
    "with claim(Path(sys.argv[1]), Path(sys.argv[2])) as part:\n"
    "    part.write_text('half'); print(part, flush=True); time.sleep(60)"
)


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
    target = tmp_path / "file"
    command = [sys.executable, "-c", HOLD, str(target), str(parts)]
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


@pytest.fixture
def job(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> JobFolder:
    """The folder of a job; whoever waits for another looks often."""
    monkeypatch.setattr(job_folders, "POLL_S", 0.01)
    return JobFolder(tmp_path / "job", "settings.json", ".claims")


def attempt_in(job: JobFolder, worker: str) -> Callable[[str], str | None]:
    """Writes a file with the worker's name for an item; says who did it."""

    def attempt(item: str) -> str | None:
        with job.claim(job.path / item) as part:
            if part is None:
                return "there" if (job.path / item).exists() else None
            part.write_text(worker)
        return worker

    return attempt


def never(item: str) -> str:
    """Nobody is given up."""
    raise AssertionError(item)


def test_settings_are_written_once_and_the_same_are_welcome(job: JobFolder) -> None:
    job.agree({"model": "discs", "limit": None, "grid": [0.5]})
    file = job.path / "settings.json"
    content = '{\n  "model": "discs",\n  "limit": null,\n  "grid": [\n    0.5\n  ]\n}\n'
    assert file.read_text() == content
    before = file.stat().st_mtime_ns
    job.agree({"limit": None, "grid": [0.5], "model": "discs"})
    assert (file.read_text(), file.stat().st_mtime_ns) == (content, before)
    assert everything(job.path) == {"settings.json"}


def test_all_settings_that_differ_are_named_with_both_values(job: JobFolder) -> None:
    job.agree({"model": "discs", "limit": 3, "seed": 0})
    with pytest.raises(OtherSettingsError) as raised:
        job.agree({"model": "sam", "seed": 0, "split": "test"})
    changes = [
        SettingChange("model", "discs", "sam"),
        SettingChange("limit", 3, None),
        SettingChange("split", None, "test"),
    ]
    for error in (raised.value, pickle.loads(pickle.dumps(raised.value))):
        assert error.changes == changes
        assert str(error) == (
            f"{job.path} holds results of other settings: model was 'discs' and is 'sam'; "
            f"limit was 3 and is None; split was None and is 'test'"
        )
    job.agree({"model": "discs", "limit": 3, "seed": 0})


def test_only_the_settings_that_are_named_are_compared() -> None:
    before, now = {"steps": 1, "lr": 0.1, "old": 1}, {"steps": 2, "lr": 0.2, "new": None}
    assert setting_changes(before, now, ["lr", "new"]) == [SettingChange("lr", 0.1, 0.2)]
    assert setting_changes(before, now, ["steps", "lr"])[0] == SettingChange("steps", 1, 2)
    assert setting_changes(before, before, before) == []


def test_a_folder_that_may_not_be_begun_stays_as_it_is(job: JobFolder) -> None:
    checks = []

    def check_new() -> None:
        checks.append(everything(job.path) - {".claims"})
        if len(checks) == 1:
            raise Error("foreign")

    with pytest.raises(Error, match="foreign"):
        job.agree({"seed": 0}, check_new)
    assert everything(job.path) == set()
    job.agree({"seed": 0}, check_new)
    job.agree({"seed": 0}, check_new)  # not new any more
    assert len(checks) == 2


@pytest.mark.parametrize("content", ["", "{", "[1]", "5"])
def test_damaged_settings_are_an_error(job: JobFolder, content: str) -> None:
    job.path.mkdir()
    (job.path / "settings.json").write_text(content)
    with pytest.raises(UnreadableSettingsError, match=r"settings\.json can't be read"):
        job.agree({"seed": 0})
    assert (job.path / "settings.json").read_text() == content


def test_of_many_that_begin_at_once_one_decides(job: JobFolder) -> None:
    together = threading.Barrier(8)

    def begin(number: int) -> bool:
        together.wait(timeout=30)
        try:
            job.agree({"number": number})
        except OtherSettingsError as error:
            (change,) = error.changes
            assert change.now == number
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        agreed = list(pool.map(begin, range(8)))
    assert sum(agreed) == 1
    assert (job.path / "settings.json").read_text() == f'{{\n  "number": {agreed.index(True)}\n}}\n'


def test_settings_that_another_keeps_locked_are_waited_for_but_not_for_ever(
    job: JobFolder,
) -> None:
    hasty = replace(job, settings_timeout_s=0.05)
    locked = pytest.raises(OutputError, match=r"settings\.json has been locked by another process")
    with ThreadPoolExecutor(1) as pool, job.claim(job.path / "settings.json") as part:
        assert part is not None
        with locked:
            hasty.agree({"seed": 0})
        part.write_text('{"seed": 1}')
        waiting = pool.submit(job.agree, {"seed": 1})
    assert waiting.result(timeout=10) is None


def test_two_workers_do_every_item_once(job: JobFolder) -> None:
    items, together = [f"{number}" for number in range(30)], threading.Barrier(2)

    def go_through(worker: str) -> list[str]:
        together.wait(timeout=30)
        return list(job.go_through(items, attempt_in(job, worker), never))

    with ThreadPoolExecutor(2) as pool:
        outcomes = list(pool.map(go_through, ["a", "b"]))
    doers = {item: (job.path / item).read_text() for item in items}
    for worker, told in zip("ab", outcomes):
        assert len(told) == len(items)
        assert told.count(worker) == list(doers.values()).count(worker)
        assert set(told) <= {worker, "there"}
    assert count_done(job.path / item for item in [*items, "more"]) == len(items)
    assert everything(job.path) == set(items)


def test_what_is_in_other_hands_comes_last_and_is_waited_for(job: JobFolder) -> None:
    attempts: list[str] = []

    def attempt(item: str) -> str | None:
        attempts.append(item)
        outcome = attempt_in(job, "me")(item)
        return None if outcome is None else f"{item} {outcome}"

    with job.claim(job.path / "1") as part:
        assert part is not None
        outcomes = job.go_through(["1", "2", "3"], attempt, never)
        assert [next(outcomes), next(outcomes)] == ["2 me", "3 me"]
        assert attempts == ["1", "2", "3"]
        part.write_text("another")
    assert list(outcomes) == ["1 there"]


def test_what_a_killed_process_had_in_hand_is_done_here(job: JobFolder) -> None:
    command = [sys.executable, "-c", HOLD, str(job.path / "1"), str(job.path / ".claims")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        outcomes = job.go_through(["1", "2"], attempt_in(job, "me"), never)
        assert next(outcomes) == "me"
        assert not (job.path / "1").exists()
        timer = threading.Timer(0.1, process.kill)
        timer.start()
        assert list(outcomes) == ["me"]
        assert process.wait() != 0
    assert (job.path / "1").read_text() == "me"
    assert everything(job.path) == {"1", "2"}


def test_what_another_keeps_is_given_up_and_the_rest_is_done(job: JobFolder) -> None:
    hasty, claims = replace(job, timeout_s=0.05), [job.claim(job.path / name) for name in "12"]
    for held in claims:
        held.__enter__()
    outcomes = hasty.go_through(["1", "2", "3"], attempt_in(job, "me"), lambda item: f"no {item}")
    assert list(outcomes) == ["me", "no 1", "no 2"]

    def refuse(item: str) -> Any:
        raise OutputError(f"{item} is held")

    with pytest.raises(OutputError, match="2 is held"):
        hasty.wait_for("2", attempt_in(job, "me"), refuse)
    for held in claims:
        held.__exit__(None, None, None)


def test_however_it_ends_the_leavings_of_the_dead_are_swept_up(job: JobFolder) -> None:
    claims = job.path / ".claims"

    def leave() -> None:
        claims.mkdir(parents=True, exist_ok=True)
        (claims / "dead").write_text("half")
        (claims / "dead.lock").touch()

    def fail(item: str) -> str:
        raise OutputError(item)

    leave()
    outcomes = job.go_through(["1", "2"], attempt_in(job, "me"), never)
    next(outcomes)
    assert os.listdir(claims)
    outcomes.close()  # type: ignore[attr-defined]
    assert everything(job.path) == {"1"}
    leave()
    with pytest.raises(OutputError, match="2"):
        list(job.go_through(["2"], fail, never))
    assert everything(job.path) == {"1"}
