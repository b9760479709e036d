"""A store that can't be written to: saves are refused for now, all that is read goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from PIL import ExifTags, Image
from sqlalchemy import text

from anymask.engine.store.connection import database
from anymask.engine.store.store import Store
from tests.engine.api.page import Page
from tests.engine.store.steps import add


def test_a_store_that_is_moved_away_saves_nothing(client: TestClient, store: Store) -> None:
    page, action = Page(client), add()
    assert store.path is not None
    away = store.path.rename(store.path.with_name("away"))
    answer = page.send(action)
    assert (answer.status_code, answer.json()["kind"]) == (503, "storage")
    assert "nothing is saved until it is back" in answer.json()["error"]
    away.rename(store.path)
    assert page.send(action).status_code == 200


def test_a_full_disk_saves_nothing_and_all_is_read_on(client: TestClient, store: Store) -> None:
    page, action = Page(client), add()
    events = [{"t_s": 0.0, "kind": "stroke", "points": [[i, i] for i in range(20_000)]}]
    assert page.send(action).status_code == 200
    large = add()
    large = replace(large, effort=replace(large.effort, events=tuple(events)))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "ON_CONNECT", (*database.ON_CONNECT, "PRAGMA max_page_count = 1"))
        store.engine.dispose()
        answer = page.send(large)
        assert (answer.status_code, answer.json()["kind"]) == (503, "storage")
        assert "full" in answer.json()["error"]
        assert len(page.document()["masks"]) == 1
        assert client.get("/api/images/2").json()["width"] == 300
        for path in ("/api/project", "/api/images", "/api/next", "/api/images/2/thumbnail"):
            assert client.get(path).status_code == 200
    store.engine.dispose()
    assert page.send(large).status_code == 200


def test_a_file_of_another_size_is_refused_though_nothing_can_be_saved(
    client: TestClient, store: Store, photos: Path
) -> None:
    """Turned by EXIF alone, it is of another size too."""
    page = Page(client)
    assert page.send(add()).status_code == 200
    before = (photos / "a.png").read_bytes()
    turned = Image.open(photos / "a.png")
    exif = turned.getexif()
    exif[ExifTags.Base.Orientation] = 6
    turned.save(photos / "a.png", exif=exif)
    store.read(lambda session: session.execute(text("PRAGMA query_only = ON")))
    answer = client.get("/api/images/1")
    assert (answer.status_code, answer.json()["kind"]) == (422, "invalid")
    assert "a.png is 40×60 now, and its masks were drawn on 60×40" in answer.json()["error"]
    (photos / "a.png").write_bytes(before)
    assert len(page.document()["masks"]) == 1
