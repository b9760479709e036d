"""Leases, actions and notes over HTTP, as the page sends them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.testclient import TestClient

from anymask.engine.api.workplace import Workplace
from tests.engine.api.page import Page, as_json
from tests.engine.store.steps import add, become, new_id, undo, version


def test_an_image_is_opened_changed_undone_and_opened_again(client: TestClient) -> None:
    page, action = Page(client), add()
    answer = page.send(action)
    assert answer.json() == {"revision": 1, "applied": [action.id]}
    document = page.document()
    (mask,) = document["masks"]
    assert mask["version"]["bbox"] == [1, 2, 3, 4]
    assert mask["version"]["area"] == 12
    assert (document["width"], document["height"], document["state"]) == (60, 40, "started")
    assert page.send(undo(action)).json()["revision"] == 2
    document = page.document()
    assert (document["masks"], len(document["log"])) == ([], 2)
    again = client.get(f"{page.url}/versions", params={"ids": mask["version"]["id"]}).json()
    assert again == [mask["version"]]


def test_sending_twice_does_nothing_twice(client: TestClient) -> None:
    page, action = Page(client), add()
    assert page.send(action).json() == page.send(action).json()
    assert len(page.document()["log"]) == 1


def test_a_forged_lease_changes_nothing(client: TestClient) -> None:
    page = Page(client)
    answer = page.send(add(), token="x" * 32)
    assert answer.status_code == 409
    assert answer.json()["kind"] == "lease"
    assert answer.json()["lease"]["annotator"] == "me"
    assert page.document()["masks"] == []


def test_a_conflict_shows_what_is_there(client: TestClient) -> None:
    page, first = Page(client), add()
    page.send(first)
    mask_id = first.changes[0].mask_id
    answer = page.send(add(version(x=5), mask_id))
    body = answer.json()
    assert (answer.status_code, body["kind"], body["revision"]) == (409, "conflict", 1)
    assert body["masks"] == [page.document()["masks"][0]]


def test_letting_go_twice_is_no_fault(client: TestClient) -> None:
    page = Page(client)
    for _ in range(2):
        answer = client.delete(f"{page.url}/lease", params={"token": page.token})
        assert answer.status_code == 204
    assert page.document()["lease"] is None


def test_a_note_is_pinned_and_resolved(client: TestClient) -> None:
    page = Page(client)
    draft = {"id": new_id(), "x": 3, "y": 4.5, "text": "missed the tail"}
    note = client.post(f"{page.url}/notes", json=draft).json()
    assert draft.items() <= note.items()
    assert page.document()["notes"] == [note]
    changed = client.patch(f"/api/notes/{draft['id']}", json={"is_resolved": True})
    assert changed.json() == {**note, "is_resolved": True}


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: body.pop("token"),
        lambda body: body.update(more=1),
        lambda body: body["actions"][0].update(id="1"),
        lambda body: body["actions"][0].update(kind="paint"),
        lambda body: body["actions"][0].update(at="2026-11-27T12:00:00"),
        lambda body: body["actions"][0]["effort"].update(seconds=-1),
        lambda body: body["actions"][0]["changes"][0]["after"].update(label_id=7),
        lambda body: body["actions"][0]["changes"][0]["after"]["segmentation"].update(size=[1, 1]),
        lambda body: body["actions"][0]["changes"][0]["after"]["segmentation"].update(counts="~"),
    ],
)
def test_nonsense_is_refused_with_a_line(
    client: TestClient, spoil: Callable[[dict[str, Any]], Any]
) -> None:
    page = Page(client)
    body = {"token": page.token, "actions": [as_json(add())]}
    spoil(body)
    answer = client.post(f"{page.url}/actions", json=body)
    assert (answer.status_code, answer.json()["kind"]) == (422, "invalid")
    assert "\n" not in answer.json()["error"]
    assert page.document()["log"] == []


def test_a_state_is_an_action(client: TestClient, here: Workplace) -> None:
    page = Page(client)
    assert page.send(become("done")).status_code == 200
    assert client.get("/api/project").json()["counts"]["done"] == 1
