"""``anymask annotate`` and ``anymask engine`` as a person runs them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from anymask.engine.page import STATIC
from tests.engine.api.page import as_json
from tests.engine.store.steps import HW, add
from tests.modes import obeying_modes

ANYMASK = [sys.executable, "-c", "from anymask.cli.main import main; main()"]
PATIENCE_S = 120


@pytest.fixture
def folder(tmp_path: Path, mock_export: Any) -> Path:
    """A folder of two images, and a model that is exported already."""
    (tmp_path / "photos").mkdir()
    for name in ("a.png", "b.png"):
        Image.new("RGB", (HW[1], HW[0])).save(tmp_path / "photos" / name)
    mock_export(tmp_path / "w")
    return tmp_path


def run(
    folder: Path, *arguments: str, through: tuple[str, ...] = ()
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*through, *ANYMASK, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_S,
    )


@contextmanager
def annotating(folder: Path, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The command, and the address that it prints."""
    if not (STATIC / "index.html").is_file():
        pytest.fail("the page is not built: make web")
    command = [*ANYMASK, "annotate", "photos", "--weights", "w", "--no-open", *arguments]
    with subprocess.Popen(
        [*command, "--port", "0"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "ANYMASK_CACHE": str(folder / "cache")},
    ) as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().split(" ")[0]
            yield process, url
        finally:
            process.kill()


def ask(url: str, body: Any = None) -> Any:
    content = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    request = urllib.request.Request(url, content, headers)
    with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
        return json.loads(response.read())


def stopped(process: subprocess.Popen[str]) -> str:
    """What is said when Ctrl-C ends it."""
    process.send_signal(signal.SIGINT)
    _, notes = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0, notes
    return notes


def test_the_same_command_goes_on_where_one_stopped(folder: Path) -> None:
    with annotating(folder, "--labels", "cat, dog") as (process, url):
        project = ask(f"{url}api/project")
        assert [label["name"] for label in project["labels"]] == ["cat", "dog"]
        ask(f"{url}api/images/1")
        token = ask(f"{url}api/images/1/lease", {"token": None})["token"]
        body = {"token": token, "actions": [as_json(add())]}
        assert ask(f"{url}api/images/1/actions", body)["revision"] == 1
        notes = stopped(process)
    assert "photos: 2 images\n" in notes
    assert "Traceback" not in notes
    Image.new("RGB", (10, 10)).save(folder / "photos" / "c.png")
    with annotating(folder, "--labels", "cat") as (process, url):
        again = ask(f"{url}api/project")
        assert (again["id"], again["masks"], again["images"]) == (project["id"], 1, 3)
        assert again["labels"] == project["labels"]
        assert "photos: 3 images, 1 of them new, 1 mask\n" in stopped(process)
    assert (folder / "photos" / ".anymask" / "store.sqlite").is_file()
    told = json.loads(run(folder, "engine", "status", "photos", "--json").stdout)
    assert (told["masks"], told["states"]["started"]) == (1, 1)
    assert told["total"][0]["seconds_per_mask"] == 2.0


@pytest.mark.slow
def test_elsewhere_it_begins_with_the_link_of_an_admin(folder: Path) -> None:
    with annotating(folder, "--host", "0.0.0.0", "--review") as (process, url):
        token = re.search(r"\?token=(\S+)$", url)
        assert token
        request = urllib.request.Request(
            url.split("?")[0] + "api/project", headers={"Authorization": f"Bearer {token[1]}"}
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as response:
            project = json.loads(response.read())
        assert (project["annotator"]["role"], project["review"]) == ("admin", True)
        stopped(process)
    with annotating(folder, "--host", "0.0.0.0") as (process, url):
        assert "token" not in url
        ask(f"{url}health")
        stopped(process)


@pytest.mark.slow
def test_people_come_and_go(folder: Path) -> None:
    with annotating(folder) as (process, url):
        ask(f"{url}health")
        added = run(folder, "engine", "annotators", "add", "photos", "Ann", "--role", "reviewer")
        assert added.returncode == 0, added.stderr
        assert re.fullmatch(r"/\?token=\S{40,}\n", added.stdout)
        assert run(folder, "engine", "annotators", "renew", "photos", "Ann").stdout != added.stdout
        assert run(folder, "engine", "backup", "photos", "copy.sqlite").returncode == 0
        stopped(process)
    assert run(folder, "engine", "annotators", "remove", "photos", "Ann").returncode == 0
    listed = json.loads(run(folder, "engine", "annotators", "list", "copy.sqlite", "--json").stdout)
    assert {one["name"]: one["is_active"] for one in listed} == {"Ann": True, "me": True}
    listed = json.loads(run(folder, "engine", "annotators", "list", "photos", "--json").stdout)
    assert {one["name"]: one["is_active"] for one in listed} == {"Ann": False, "me": True}
    again = run(folder, "engine", "annotators", "add", "photos", "Ann")
    assert (again.returncode, again.stderr) == (1, "anymask: there is an annotator Ann already\n")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (("annotate", "nowhere"), "there is no folder nowhere"),
        (("annotate", "photos/a.png"), "photos/a.png is a file: name the folder"),
        (("annotate", "empty"), "there are no images in empty"),
        (("annotate", "photos", "--database", "mysql://x"), "is no store"),
        (("annotate", "photos", "--store", "photos/a.png"), "is no store"),
        (("annotate", "photos", "--labels", "x" * 300), "letters"),
        (("engine", "status", "photos"), "there is no store"),
        (("engine", "backup", "nowhere", "copy"), "there is no store"),
    ],
)
def test_what_can_not_be_is_a_line(folder: Path, arguments: tuple[str, ...], line: str) -> None:
    (folder / "empty").mkdir()
    weights = ("--weights", "w", "--port", "0") if arguments[0] == "annotate" else ()
    done = run(folder, *arguments, *weights)
    assert done.returncode == 1
    assert line in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    assert not any((folder / "empty").iterdir())


def test_a_folder_that_takes_nothing_asks_for_a_store(folder: Path) -> None:
    (folder / "photos").chmod(0o555)
    done = run(folder, "annotate", "photos", "--weights", "w", through=obeying_modes())
    (folder / "photos").chmod(0o755)
    assert (
        done.stderr == "anymask: photos can't be written to: say with --store where the work "
        "is kept\n"
    )
    assert done.returncode == 1


@pytest.mark.slow
def test_a_second_server_says_where_the_first_is(folder: Path) -> None:
    cache = {"ANYMASK_CACHE": str(folder / "cache")}

    def again(*options: str) -> subprocess.CompletedProcess[str]:
        command = [*ANYMASK, "annotate", "photos", "--weights", "w", "--no-open", *options]
        return subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_S,
            env={**os.environ, **cache},
        )

    with annotating(folder) as (first, url):
        for options in (
            (),
            ("--port", "0"),
            ("--store", "photos/.anymask/../.anymask/store.sqlite"),
        ):
            second = again(*options)
            assert second.returncode == 1
            assert second.stderr.count("\n") == 1
            assert "`anymask annotate` runs already on" in second.stderr
            assert f"at {url}" in second.stderr
        assert ask(f"{url}api/project")["images"] == 2
        other = again("--store", "other/store.sqlite")  # of its own
        assert "runs already" not in other.stderr
        first.kill()
        first.wait()
    with annotating(folder) as (third, url):
        assert ask(f"{url}api/project")["images"] == 2
        stopped(third)
    assert sorted(path.name for path in (folder / "photos" / ".anymask").glob(".*.server")) == []
