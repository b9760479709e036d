"""The job of ``anymask masks`` under SIGKILL, beside a second one, on a full and a read-only disk.

Real processes, real kills, real disks; what is left at last is byte for byte what an undisturbed
run leaves.
"""

from __future__ import annotations

import random
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

SCRIPT = Path(__file__).with_name("paced_discs.py")
IMAGES = [f"{folder}{n}.png" for folder in ("", "a/", "a/b/") for n in range(4)]
TIMEOUT_S = 60.0
PACE_MS = {
    "json": 8,
    "png": 2,
    "labels": 8,
    "coco": 8,
}  # a run takes half a second, so that kills fall everywhere in it
Tree = dict[str, bytes | None]


def tree(folder: Path) -> Tree:
    """All that is in a folder: what files hold, None for folders."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of a dozen small images."""
    folder = tmp_path_factory.mktemp("photographs")
    for number, name in enumerate(IMAGES):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((24 + number, 32, 3), 9 * number, np.uint8)).save(folder / name)
    return folder


Job = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def job(photographs: Path) -> Job:
    """Starts the job on the photographs."""

    def start(out: Path, form: str = "json", sleep_ms: int = 0) -> subprocess.Popen[str]:
        command = [sys.executable, SCRIPT, photographs, out, form, str(sleep_ms)]
        return subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )

    return start


def finish(process: subprocess.Popen[str]) -> list[str]:
    """Wait for a job that goes well; what it printed of each image."""
    printed, errors = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == 0, errors
    return printed.splitlines()[1:]


def undisturbed(job: Job, out: Path, form: str = "json") -> Tree:
    """What one run leaves that nothing disturbs."""
    assert len(finish(job(out, form))) == len(IMAGES)
    return tree(out)


def killed_until_finished(job: Job, out: Path, form: str, rng: random.Random) -> int:
    """Start the job and kill it, again and again, until it gets to its end; how often it died."""
    for deaths in range(100):
        process = job(out, form, PACE_MS[form])
        assert process.stdout is not None
        if not process.stdout.readline():  # "begun"
            pytest.fail(process.communicate(timeout=TIMEOUT_S)[1])
        try:
            # The first is killed for certain: its pauses alone take longer.
            process.wait(timeout=rng.uniform(0.0, 0.5 if deaths else 0.2))
        except subprocess.TimeoutExpired:
            process.kill()
        _, errors = process.communicate(timeout=TIMEOUT_S)
        if process.returncode == 0:
            return deaths
        assert process.returncode == -signal.SIGKILL, errors
    pytest.fail("no run came to its end")


def check_kills(job: Job, folder: Path, form: str, seeds: range) -> None:
    """Kill runs at moments that each seed chooses; the end is the same every time."""
    expected = undisturbed(job, folder / "undisturbed", form)
    deaths = 0
    for seed in seeds:
        out = folder / f"killed{seed}"
        deaths += killed_until_finished(job, out, form, random.Random(seed))
        assert tree(out) == expected
    assert deaths >= len(seeds)


@pytest.mark.parametrize("form", ["json", "png", "coco"])
def test_a_job_killed_and_run_again_leaves_what_an_undisturbed_one_does(
    job: Job, tmp_path: Path, form: str
) -> None:
    check_kills(job, tmp_path, form, range(2))


@pytest.mark.slow
@pytest.mark.parametrize("form", list(PACE_MS))
def test_so_it_does_in_ten_more_runs(job: Job, tmp_path: Path, form: str) -> None:
    check_kills(job, tmp_path, form, range(2, 7))


@pytest.mark.parametrize("form", ["json", "png"])
def test_what_shows_under_its_name_is_whole_at_every_moment(
    job: Job, tmp_path: Path, form: str
) -> None:
    expected = undisturbed(job, tmp_path / "undisturbed", form)
    files = {name: content for name, content in expected.items() if content is not None}
    sign = ".json" if form == "json" else "/metadata.csv"
    units = [name if form == "json" else name.removesuffix(sign) for name in files if sign in name]
    assert len(units) == len(IMAGES)
    out, looks = tmp_path / "out", 0
    process = job(out, form, PACE_MS[form])
    while process.poll() is None:
        for unit in units:
            if (out / unit).exists():
                whole = {n: files[n] for n in files if n == unit or n.startswith(f"{unit}/")}
                assert {name: (out / name).read_bytes() for name in whole} == whole
                looks += 1
    finish(process)
    assert looks > 0


@pytest.mark.parametrize("form", ["json", "coco"])
def test_two_jobs_on_one_folder_share_the_work(job: Job, tmp_path: Path, form: str) -> None:
    expected = undisturbed(job, tmp_path / "undisturbed", form)
    both = [job(tmp_path / "out", form, sleep_ms=60) for _ in range(2)]
    printed = [finish(process) for process in both]
    done = [line for lines in printed for line in lines if line.startswith("done ")]
    assert sorted(done) == sorted(f"done {name}" for name in IMAGES)
    assert all(len(lines) == len(IMAGES) for lines in printed)
    assert all(any(line.startswith("done ") for line in lines) for lines in printed)
    assert tree(tmp_path / "out") == expected


def test_a_job_goes_on_where_its_killed_neighbour_stopped(job: Job, tmp_path: Path) -> None:
    expected = undisturbed(job, tmp_path / "undisturbed")
    doomed, survivor = (job(tmp_path / "out", sleep_ms=30) for _ in range(2))
    assert doomed.stdout is not None
    doomed.stdout.readline()
    time.sleep(0.2)
    doomed.kill()
    doomed.communicate(timeout=TIMEOUT_S)
    assert len(finish(survivor)) == len(IMAGES)
    assert tree(tmp_path / "out") == expected


def may_mount() -> bool:
    """Whether a process may mount a disk of its own, as root or in a namespace."""
    if shutil.which("unshare") is None:
        return False
    with_mount = ["unshare", "-rm", "mount", "-t", "tmpfs", "tmpfs", "/tmp"]
    return subprocess.run(with_mount, capture_output=True, check=False).returncode == 0


def on_a_disk(
    options: str, out: Path, keep: Path, *command: str
) -> subprocess.CompletedProcess[str]:
    """Run a command with a small disk at ``out``, and copy what is there afterwards to ``keep``."""
    script = (
        'mount -t tmpfs -o "$1" tmpfs "$2"; out="$2"; keep="$3"; shift 3; "$@"; code=$?; '
        'cp -a "$out/." "$keep"; exit $code'
    )
    keep.mkdir()
    out.mkdir()
    return subprocess.run(
        ["unshare", "-rm", "sh", "-c", script, "sh", options, str(out), str(keep), *command],
        capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip


def test_a_full_disk_is_named_and_what_is_done_stays(
    job: Job, photographs: Path, tmp_path: Path
) -> None:
    expected = undisturbed(job, tmp_path / "undisturbed")
    out, keep = tmp_path / "out", tmp_path / "keep"
    command = [sys.executable, str(SCRIPT), str(photographs), str(out), "json", "0"]
    if may_mount():
        done = on_a_disk("size=32k", out, keep, *command)
        reason = "No space left on device"
    else:
        limit = max(len(content) for name, content in expected.items() if content) - 1
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )  # fmt: skip
        keep, reason = out, "File too large"
    assert done.returncode == 1
    assert done.stderr.startswith(f"anymask: {out}/")
    assert done.stderr.endswith(f".json can't be written: {reason}\n")
    kept = tree(keep)
    assert ".anymask-settings" in kept
    assert any(name.endswith(".json") for name in kept)
    assert kept.items() < expected.items()
    finish(job(keep))
    assert tree(keep) == expected


def test_a_read_only_folder_is_named_and_stays_as_it_is(
    job: Job, photographs: Path, tmp_path: Path
) -> None:
    if may_mount():
        out = tmp_path / "out"
        command = [sys.executable, str(SCRIPT), str(photographs), str(out), "json", "0"]
        done = on_a_disk("ro", out, tmp_path / "keep", *command)
        reason = "Read-only file system"
    else:
        (tmp_path / "file").write_text("")
        out = tmp_path / "file" / "out"
        process = job(out)
        done = subprocess.CompletedProcess([], 0, *process.communicate(timeout=TIMEOUT_S))
        done.returncode, reason = process.returncode, "Not a directory"
    assert done.returncode == 1
    assert str(out) in done.stderr
    assert reason in done.stderr
    assert "Traceback" not in done.stderr
