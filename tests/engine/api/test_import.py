"""Masks that exist already, by HTTP and by the command."""

from __future__ import annotations

import json
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from anymask.cli.main import app
from anymask.engine.api import guard, import_
from anymask.engine.api.workplace import Workplace
from anymask.engine.store.annotators import add_annotator
from anymask.engine.store.store import Store
from anymask.engine.store.values import Role
from tests.engine.api.conftest import HOST, tool
from tests.engine.api.page import Page
from tests.engine.store.steps import HW, rectangle

LINES = ["2 masks in 1 image", "label house is new", "1 image is not in this folder: z.png"]


def coco() -> bytes:
    """Two masks of ``a.png``, and one of an image that is not there."""
    images = [
        {"id": number, "file_name": name, "height": HW[0], "width": HW[1]}
        for number, name in enumerate(("a.png", "z.png"), 1)
    ]
    annotations = [
        {"id": number, "image_id": image, "category_id": 1, "segmentation": rectangle(x, 2, 5, 5)}
        for number, (image, x) in enumerate([(1, 2), (1, 20), (2, 2)], 1)
    ]
    categories = [{"id": 1, "name": "house"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    return json.dumps(content).encode()


def sent(client: TestClient, content: bytes, name: str = "m.json", **more: Any) -> Any:
    """The answer to a file."""
    headers = more.pop("headers", None)
    return client.post(
        "/api/import", params={"name": name, **more}, content=content, headers=headers
    )


def test_what_it_would_do_is_said_before_it_is_done(client: TestClient) -> None:
    trial = sent(client, coco(), trial=True).json()
    assert trial["lines"] == LINES
    assert client.get("/api/project").json()["masks"] == 0
    done = sent(client, coco())
    assert done.status_code == 200
    assert done.json() == trial
    project = client.get("/api/project").json()
    assert (project["masks"], project["labels"][0]["name"]) == (2, "house")
    assert sent(client, coco()).json()["already"] == 2
    image = client.get("/api/images/1").json()
    assert [mask["version"]["source"] for mask in image["masks"]] == ["import", "import"]
    assert image["log"][0]["kind"] == "import"


def test_an_export_is_imported_again(client: TestClient) -> None:
    sent(client, coco())
    for form in ("coco", "cvat", "sa1b", "labelme"):
        packed = client.get("/api/export", params={"format": form}).content
        answer = sent(client, packed, f"{form}.zip").json()
        assert (answer["masks"], answer["already"]) == (0, 2), form


def test_the_page_s_own_image_takes_masks(client: TestClient) -> None:
    page = Page(client)
    assert sent(client, coco()).json()["masks"] == 2
    assert len(page.document()["masks"]) == 2


def test_nothing_stays_of_the_file(client: TestClient, tmp_path: Path) -> None:
    before = set(Path(tempfile.gettempdir()).glob("anymask-import-*"))
    sent(client, coco())
    sent(client, b"PK\x05\x06" + bytes(18), "x.zip")
    assert set(Path(tempfile.gettempdir()).glob("anymask-import-*")) <= before


@pytest.mark.parametrize(
    ("content", "name", "line"),
    [
        (b"", "x.json", "JSON"),
        (b"{", "x.json", "JSON"),
        (b"hello", "x.txt", "no dataset"),
        (b"PK\x05\x06" + bytes(18), "x.zip", "nothing in it"),
        (coco(), "m.exe", "no dataset"),
    ],
)
def test_a_wrong_file_is_refused(client: TestClient, content: bytes, name: str, line: str) -> None:
    answer = sent(client, content, name)
    assert (answer.status_code, answer.json()["kind"]) == (422, "invalid")
    assert line in answer.json()["error"]
    assert tempfile.gettempdir() not in answer.json()["error"]


def test_too_large_a_file_is_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "LARGEST_FILE", 1 << 20)
    assert sent(client, bytes(2 << 20)).status_code == 413
    monkeypatch.setattr(guard, "LARGEST_BODY", 10)
    assert sent(client, coco()).status_code == 200  # what other addresses take is another matter


def test_one_import_at_a_time(client: TestClient) -> None:
    with import_.TURN:
        answer = sent(client, coco())
    assert (answer.status_code, answer.json()["kind"]) == (503, "busy")
    assert sent(client, coco()).status_code == 200


def test_admins_alone_import(photos: Path, static: Path, weights: Path, store: Store) -> None:
    roles: tuple[Role, ...] = ("annotator", "reviewer", "admin")
    tokens = {role: store.write(add_annotator, role, role)[1] for role in roles}
    with (
        tool(photos, store, weights, needs_tokens=True) as (_, application),
        TestClient(application, base_url=HOST) as client,
    ):
        for role, token in tokens.items():
            headers = {"Authorization": f"Bearer {token}"}
            answer = sent(client, coco(), headers=headers)
            assert answer.status_code == (200 if role == "admin" else 403), role
        assert sent(client, coco()).status_code == 401
        foreign = {"Origin": "http://elsewhere", "Authorization": f"Bearer {tokens['admin']}"}
        assert sent(client, coco(), headers=foreign).status_code == 403


def ran(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["engine", "import", *map(str, arguments)])


def test_the_command_says_and_does_it(here: Workplace, photos: Path, tmp_path: Path) -> None:
    (tmp_path / "m.json").write_bytes(coco())
    where = here.store.path
    lost = ran(where, tmp_path / "m.json")
    assert isinstance(lost.exception, Exception)
    assert "--images" in str(lost.exception)
    told = [where, tmp_path / "m.json", "--images", photos]
    trial = ran(*told, "--dry-run")
    assert trial.stdout.splitlines() == LINES
    assert "nothing is added yet" in trial.stderr
    done = ran(*told, "--json")
    facts = json.loads(done.stdout)
    assert (facts["masks"], facts["labels"]) == (2, ["house"])
    assert facts["missing"] == {"images": 1, "names": ["z.png"]}
    assert json.loads(ran(*told, "--json").stdout)["already"] == 2
    assert "no annotator Zoe" in str(ran(*told, "--annotator", "Zoe").exception)


def test_bytes_that_are_no_zip_file_whatever_they_are_called(client: TestClient) -> None:
    assert sent(client, BytesIO(coco()).getvalue(), "m.zip").status_code == 422
