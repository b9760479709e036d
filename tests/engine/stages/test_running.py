"""Runs: one of a kind at a time, seen by others, and no obstacle once its process is gone."""

from __future__ import annotations

import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from anymask.engine.stages import running as module
from anymask.engine.stages.running import LOST_AFTER, is_lost, running, runs_now
from anymask.engine.store.automation.runs import Run, begin_run, last_runs
from anymask.engine.store.folder import scan_folder
from anymask.engine.store.images import list_images
from anymask.engine.store.refusals import RunningError
from anymask.engine.store.store import Store
from anymask.errors import StoreError
from tests.engine.api.remote import ROOT
from tests.engine.store.postgres import PostgresServer, programs

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
HERE = socket.gethostname()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files that are taken for images."""
    images = tmp_path / "images"
    images.mkdir()
    for n in range(8):
        (images / f"{n}.png").write_bytes(b"")
    return images


@contextmanager
def runner(where: str, folder: Path, seconds: float = 0.1) -> Iterator[subprocess.Popen[str]]:
    """The engine at work in a process of its own; killed at the end."""
    command = [sys.executable, "-m", "tests.engine.stages.runner", where, str(folder), str(seconds)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def suggestions(store: Store) -> list[int]:
    return [image.suggestions for image in store.read(list_images).images]


def a_run(process: int, host: str = HERE) -> Run:
    return Run("0", "prefill", "running", host, process, NOW, NOW, None, 0, None, "")


def test_a_run_is_seen_and_ends(store: Store) -> None:
    with running(store, "prefill", 3) as run:
        run.step(2)
        (seen,) = runs_now(store)
        assert (seen.kind, seen.state, seen.process, seen.total) == (
            "prefill", "running", os.getpid(), 3,
        )  # fmt: skip
    (seen,) = runs_now(store)
    assert (seen.state, seen.done, seen.ended_at is None) == ("ended", 2, False)


def test_one_of_a_kind_at_a_time(store: Store) -> None:
    with running(store, "prefill", 7) as run, running(store, "retrain"):
        with (
            pytest.raises(
                StoreError, match=rf"prefill runs already: on {HERE}, process"
            ) as refused,
            running(store, "prefill"),
        ):
            raise AssertionError("it does not begin")
        assert "\n" not in str(refused.value)
        run.step(7)
    assert [(one.kind, one.state) for one in runs_now(store)] == [
        ("retrain", "ended"),
        ("prefill", "ended"),
    ]


@pytest.mark.parametrize(
    ("error", "state"), [(KeyboardInterrupt(), "stopped"), (ValueError("a\nb"), "failed")]
)
def test_how_it_ended_is_noted(store: Store, error: BaseException, state: str) -> None:
    with pytest.raises(type(error)), running(store, "choose"):
        raise error
    (seen,) = runs_now(store)
    assert (seen.state, seen.note) == (state, "a b" if state == "failed" else "")
    with running(store, "choose"):
        pass


def test_which_run_is_lost() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    soon, late = NOW + timedelta(seconds=1), NOW + LOST_AFTER + timedelta(seconds=1)
    assert is_lost(a_run(gone.pid), soon)
    assert is_lost(a_run(os.getpid()), soon), "a container begins anew with the same numbers"
    assert not is_lost(a_run(os.getppid()), soon)
    assert not is_lost(a_run(gone.pid, "elsewhere"), soon)
    assert is_lost(a_run(gone.pid, "elsewhere"), late)
    assert is_lost(a_run(os.getppid()), late)


def test_who_was_taken_for_lost_stops(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_S", 0.02)
    with running(store, "prefill") as run:
        assert not run._is_lost.wait(0.1)
        run.step(1)
        new = store.write(begin_run, "prefill", "elsewhere", 1, None, lambda *_: True)
        assert run._is_lost.wait(10)
        with pytest.raises(RunningError, match="it goes on there"):
            run.step(2)
        run._is_lost.clear()  # the context may end as it likes
    (seen,) = store.read(last_runs)
    assert (seen.id, seen.state) == (new.id, "running"), "the new one's row is left alone"


def test_a_heartbeat_shows_how_far_it_is(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BEAT_S", 0.02)
    with running(store, "prefill", 5) as run:
        run.step(4)
        for _ in range(500):
            (seen,) = runs_now(store)
            if seen.done:
                break
        assert seen.done == 4
        assert seen.seen_at >= seen.started_at


def test_a_store_that_is_away_is_waited_for(
    sqlite_store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anymask.engine.store.store.PATIENT_PAUSE_S", 0.01)
    path, away, told = tmp_path / "work.anymask", tmp_path / "away", []

    def back(line: str) -> None:
        told.append(line)
        away.rename(path)

    with running(sqlite_store, "prefill", tell=back) as run:
        path.rename(away)
        sqlite_store.write(lambda session: None)
        run.step(1)
    (line,) = told
    assert "was moved, deleted or replaced" in line
    assert [one.state for one in runs_now(sqlite_store)] == ["ended"]
    path.rename(away)
    with pytest.raises(StoreError):  # who waits for an answer is told at once
        sqlite_store.write(lambda session: None)


def test_a_second_process_is_refused_and_the_next_goes_on_after_a_kill(
    where: str, folder: Path
) -> None:
    with Store.open(where) as store:
        scan_folder(store, folder)
        with runner(where, folder) as first:
            assert line(first) == "running"
            assert line(first) == "0.png"
            with (
                running(store, "automatic"),
                pytest.raises(RunningError, match="runs already"),
                running(store, "prefill"),
            ):
                raise AssertionError("it does not begin")
            first.send_signal(signal.SIGKILL)
            first.wait()
        assert [one.state for one in runs_now(store)] == ["ended", "lost"]
        with runner(where, folder, 0) as second:
            assert second.wait(60) == 0
            assert second.stdout is not None
            began, *looked = second.stdout.read().splitlines()
        assert began == "running"
        assert 0 < len(looked) < 8
        assert looked == [f"{n}.png " for n in range(8 - len(looked), 8)], "none is passed over"
        assert suggestions(store) == [2] * 8
        assert [one.state for one in runs_now(store)] == ["ended", "ended"]


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_two_processes_at_once(where: str, folder: Path) -> None:
    with Store.open(where) as store:
        scan_folder(store, folder)
        with runner(where, folder, 0.5) as one, runner(where, folder, 0.5) as other:
            codes = sorted((one.wait(120), other.wait(120)))
            said = [process.stdout.read() for process in (one, other) if process.stdout]
        assert codes == [0, 1]
        (refusal,) = (text for text in said if text.startswith("!"))
        assert "prefill runs already" in refusal
        assert len(refusal.splitlines()) == 1
        assert suggestions(store) == [2] * 8


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_database_that_is_stopped_for_a_while(folder: Path) -> None:
    if programs() is None:
        pytest.skip("PostgreSQL is not here: install the package postgresql")
    with tempfile.TemporaryDirectory(prefix="pg") as place, PostgresServer(Path(place)) as server:
        server.execute("CREATE DATABASE work")
        where = server.address("work")
        with Store.open(where) as store:
            scan_folder(store, folder)
            with runner(where, folder, 1) as process:
                assert [line(process) for _ in range(2)] == ["running", "0.png"]
                server.stop()
                assert "it is asked again" in line(process)
                server.start()
                assert process.wait(120) == 0
            assert suggestions(store) == [2] * 8
            assert [one.state for one in runs_now(store)] == ["ended"]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_file_that_is_locked_or_away_for_a_while(folder: Path, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.mkdir()
    path = kept / "work.sqlite"
    with Store.open(path) as store:
        scan_folder(store, folder)
    with runner(str(path), folder, 1) as process:
        assert [line(process) for _ in range(2)] == ["running", "0.png"]
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN EXCLUSIVE")
            assert "it is asked again" in line(process)
        assert line(process) == "1.png"
        away = kept.rename(tmp_path / "away")
        assert "it is asked again" in line(process)
        away.rename(kept)
        assert process.wait(120) == 0
    with Store.open(path) as store:
        assert suggestions(store) == [2] * 8
        assert [one.state for one in runs_now(store)] == ["ended"]
