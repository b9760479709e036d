"""A team over HTTP: getting in and out, who lets whom in, and what a review does."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.engine.api.page import JSON, Page
from tests.engine.api.team import bearer, browser
from tests.engine.store.steps import add, become, new_id


def note_at(x: float, y: float, text: str) -> JSON:
    return {"id": new_id(), "x": x, "y": y, "text": text}


def test_a_token_is_shown_once_and_kept_by_the_browser(team: Any, tokens: dict[str, str]) -> None:
    client = browser(team)
    refused = client.post("/api/session", json={"token": "x" * 43})
    assert (refused.status_code, refused.json()["kind"]) == (401, "signed_out")
    assert client.get("/api/project").status_code == 401
    answer = client.post("/api/session", json={"token": tokens["reviewer"]})
    assert answer.json()["annotator"]["role"] == "reviewer"
    assert "httponly" in answer.headers["set-cookie"].lower()
    project = client.get("/api/project").json()
    assert (project["annotator"]["name"], project["signed_in"]) == ("reviewer", True)
    assert client.delete("/api/session").status_code == 204
    assert client.get("/api/project").status_code == 401
    client.post("/api/session", json={"token": tokens["reviewer"]})  # it stays good
    assert client.get("/api/project").is_success


def test_one_person_on_loopback_is_not_signed_in(client: TestClient) -> None:
    assert client.get("/api/project").json()["signed_in"] is False
    assert client.delete("/api/session").status_code == 204
    assert client.get("/api/project").is_success


def test_an_admin_lets_people_in(team: Any, tokens: dict[str, str]) -> None:
    client, admin = browser(team), bearer(tokens["admin"])
    sent = client.post(
        "/api/annotators", json={"name": " Ada  L ", "role": "reviewer"}, headers=admin
    )
    invitation = sent.json()
    member = invitation["member"]
    assert (member["name"], member["role"], member["is_active"]) == ("Ada L", "reviewer", True)
    assert invitation["token"] not in client.get("/api/annotators", headers=admin).text
    ada = bearer(invitation["token"])
    assert client.get("/api/project", headers=ada).json()["annotator"]["name"] == "Ada L"
    again = client.post("/api/annotators", json={"name": "Ada L"}, headers=admin)
    assert (again.status_code, again.json()["kind"]) == (422, "invalid")

    url = f"/api/annotators/{member['id']}"
    renewed = client.post(f"{url}/token", headers=admin).json()["token"]
    assert client.get("/api/project", headers=ada).status_code == 401
    assert client.get("/api/project", headers=bearer(renewed)).is_success
    changed = client.patch(url, json={"role": "annotator"}, headers=admin).json()
    assert changed["role"] == "annotator"
    Page(client, 2, bearer(renewed))
    client.patch(url, json={"is_active": False}, headers=admin)
    assert client.get("/api/images/2", headers=admin).json()["lease"] is None
    assert client.get("/api/project", headers=bearer(renewed)).status_code == 401
    assert client.post("/api/annotators/999/token", headers=admin).status_code == 404
    assert client.patch("/api/annotators/999", json={}, headers=admin).status_code == 404


def test_the_last_admin_stays(team: Any, tokens: dict[str, str]) -> None:
    client, admin = browser(team), bearer(tokens["admin"])
    members = client.get("/api/annotators", headers=admin).json()
    (own,) = [member for member in members if member["role"] == "admin"]
    for patch in ({"role": "reviewer"}, {"is_active": False}):
        answer = client.patch(f"/api/annotators/{own['id']}", json=patch, headers=admin)
        assert answer.status_code == 422
        assert "last admin" in answer.json()["error"]


@pytest.mark.parametrize("role", ["annotator", "reviewer"])
def test_nobody_else_lets_people_in(team: Any, tokens: dict[str, str], role: str) -> None:
    client, headers = browser(team), bearer(tokens[role])
    for method, path, body in (
        ("GET", "/api/annotators", None),
        ("POST", "/api/annotators", {"name": "Eve", "role": "admin"}),
        ("PATCH", "/api/annotators/1", {"role": "admin"}),
        ("POST", "/api/annotators/1/token", None),
    ):
        answer = client.request(method, path, json=body, headers=headers)
        assert (answer.status_code, answer.json()["kind"]) == (403, "forbidden"), path


def test_what_is_returned_goes_back_to_whoever_drew_it(team: Any, tokens: dict[str, str]) -> None:
    client = browser(team)
    drawing, reviewing = bearer(tokens["annotator"]), bearer(tokens["reviewer"])
    own = Page(client, 1, drawing)
    assert own.send(add(), become("done")).is_success
    client.delete(f"{own.url}/lease", params={"token": own.token}, headers=drawing)
    queue = client.get("/api/next", params={"review": True}, headers=reviewing).json()
    assert (queue["id"], queue["annotator"]) == (1, "annotator")

    review = Page(client, 1, reviewing)
    note = note_at(10, 20, "The left ear is missing")
    assert client.post(f"{review.url}/notes", json=note, headers=reviewing).is_success
    assert review.send(add(), become("returned")).is_success  # a reviewer may mend, too
    client.delete(f"{review.url}/lease", params={"token": review.token}, headers=reviewing)
    assert review.document()["annotator"] == "annotator"

    returned = client.get("/api/next", headers=drawing).json()
    assert (returned["id"], returned["state"]) == (1, "returned")
    own = Page(client, 1, drawing)
    answer = note_at(10, 20, "There is none: it is another dog's")
    assert client.post(f"{own.url}/notes", json=answer, headers=drawing).is_success
    client.patch(f"/api/notes/{note['id']}", json={"is_resolved": True}, headers=drawing)
    assert [one["is_resolved"] for one in own.document()["notes"]] == [True, False]
    assert own.send(become("accepted")).status_code == 403
    assert own.send(become("done")).is_success
