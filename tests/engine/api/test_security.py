"""Who may ask what, and from where: other origins, other hosts, no token, paths, links, sizes."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from anymask.engine.api import guard
from anymask.engine.api.workplace import Workplace
from anymask.engine.store.annotators import annotator_named, change_annotator
from anymask.engine.store.store import Store
from anymask.engine.store.tables import ImageRow
from tests.engine.api.conftest import HOST
from tests.engine.api.page import Page, as_json
from tests.engine.api.team import bearer, browser
from tests.engine.store.steps import add, become


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("path", ["/api/project", "/api/images/1/thumbnail", "/metrics"])
def test_other_pages_are_refused(client: TestClient, path: str, headers: dict[str, str]) -> None:
    for method in ("GET", "POST", "PUT"):
        answer = client.request(method, path, headers=headers)
        assert (answer.status_code, answer.json()["kind"]) == (403, "forbidden")


def test_the_page_itself_is_answered(client: TestClient) -> None:
    headers = {"Origin": HOST, "Sec-Fetch-Site": "same-origin"}
    assert client.get("/api/project", headers=headers).status_code == 200


def test_a_name_that_leads_here_is_not_ours(client: TestClient) -> None:
    assert client.get("/api/project", headers={"Host": "rebound.example"}).status_code == 400


def test_elsewhere_everybody_shows_a_token(team: Any, tokens: dict[str, str]) -> None:
    client = browser(team)
    for path in ("/api/project", "/api/images/1", "/api/images/1/pixels", "/metrics"):
        for headers in ({}, bearer("x" * 43), {"Cookie": "anymask=1"}):
            answer = client.get(path, headers=headers)
            assert (answer.status_code, answer.json()["kind"]) == (401, "signed_out")
        assert client.get(path, headers=bearer(tokens["annotator"])).status_code == 200
    assert client.get("/model/export.json").status_code == 401
    assert client.get("/model/export.json", headers=bearer(tokens["annotator"])).is_success
    assert client.get("/health").status_code == 200
    assert client.get("/").status_code == 200


def test_a_link_with_a_token_becomes_a_cookie(team: Any, tokens: dict[str, str]) -> None:
    client = browser(team)
    answer = client.get("/", params={"token": tokens["reviewer"]}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/api/project").json()["annotator"]["name"] == "reviewer"


def test_whoever_left_is_nobody(team: Any, tokens: dict[str, str], store: Store) -> None:
    gone = store.read(annotator_named, "annotator")
    store.write(change_annotator, gone.id, is_active=False)
    answer = browser(team).get("/api/project", headers=bearer(tokens["annotator"]))
    assert answer.status_code == 401


def test_only_reviewers_accept_and_change_labels(team: Any, tokens: dict[str, str]) -> None:
    client = browser(team)
    drafts = [{"id": None, "name": "cat", "color": "#000000", "hotkey": None}]
    for role, status in (("annotator", 403), ("reviewer", 200)):
        answer = client.put("/api/labels", json=drafts, headers=bearer(tokens[role]))
        assert answer.status_code == status
    page = Page(client, headers=bearer(tokens["annotator"]))
    assert page.send(become("accepted")).json()["kind"] == "forbidden"


def test_anothers_lease_is_not_ours_but_an_admin_takes_it(
    team: Any, tokens: dict[str, str]
) -> None:
    client = browser(team)
    first = Page(client, headers=bearer(tokens["annotator"]))
    url, other = f"{first.url}/lease", bearer(tokens["reviewer"])
    answer = client.post(url, json={"token": first.token}, headers=other)
    assert answer.json()["lease"]["annotator"] == "annotator"
    stolen = {"token": first.token, "actions": [as_json(add())]}
    assert client.post(f"{first.url}/actions", json=stolen, headers=other).status_code == 409
    assert client.post(url, json={"take_over": True}, headers=other).status_code == 403
    admin = client.post(url, json={"take_over": True}, headers=bearer(tokens["admin"]))
    assert admin.status_code == 200
    assert first.send(add()).json()["kind"] == "lease"


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hostname", "deep/../../secret.png", "."])
def test_no_name_leads_out_of_the_folder(client: TestClient, store: Store, name: str) -> None:
    store.write(
        lambda session: session.execute(update(ImageRow).where(ImageRow.id == 1).values(name=name))
    )
    for path in ("pixels", "thumbnail", "tiles/0/0/0", "embedding"):
        answer = client.get(f"/api/images/1/{path}")
        assert (answer.status_code, answer.json()["kind"]) == (403, "forbidden")


def test_a_link_out_of_the_folder_is_not_followed(client: TestClient, photos: Path) -> None:
    os.unlink(photos / "a.png")
    (photos / "a.png").symlink_to(photos.parent / "secret.png")
    assert client.get("/api/images/1/pixels").status_code == 403
    (photos / "b.jpg").unlink()
    (photos / "b.jpg").symlink_to(photos / "deep" / "c.png")  # stays within
    assert client.get("/api/images/2/pixels").status_code == 200


def test_large_bodies_are_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "LARGEST_BODY", 1000)
    page = Page(client)
    body = b'{"token": "' + b"x" * 2000 + b'"}'
    sent = client.post(f"{page.url}/lease", content=body)
    assert (sent.status_code, sent.json()["kind"]) == (413, "invalid")

    def in_parts() -> Iterator[bytes]:
        yield from (body[at : at + 500] for at in range(0, len(body), 500))

    headers = {"Content-Type": "application/json"}
    sent = client.post(f"{page.url}/lease", content=in_parts(), headers=headers)
    assert (sent.status_code, sent.json()["kind"]) == (413, "invalid")


def test_a_bomb_is_refused_before_it_is_unpacked(client: TestClient, photos: Path) -> None:
    def chunk(kind: bytes, content: bytes) -> bytes:
        checked = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + checked

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000)))
    (photos / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + body + chunk(b"IEND", b""))
    for path in ("/pixels", "/thumbnail", "/tiles/0/0/0", ""):
        answer = client.get(f"/api/images/1{path}")
        assert (answer.status_code, answer.json()["kind"]) == (422, "invalid"), path


def test_files_beside_the_page_are_not_served(client: TestClient, here: Workplace) -> None:
    for path in ("/../secret.png", "/%2e%2e/secret.png", "/model/../secret.png", "/work.sqlite"):
        assert client.get(path).status_code == 404
