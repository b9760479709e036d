"""The project, labels, lists, the next image, status, health and metrics."""

from __future__ import annotations

import re

from fastapi.testclient import TestClient

from anymask.engine.stages.running import running
from anymask.engine.store.store import Store
from tests.engine.api.page import Page
from tests.engine.store.steps import add, become, version


def test_a_project_is_counted(client: TestClient) -> None:
    project = client.get("/api/project").json()
    assert project["annotator"] == {"id": 1, "name": "me", "role": "admin"}
    assert (project["name"], project["images"], project["masks"]) == ("photos", 3, 0)
    assert project["counts"]["new"] == 3
    assert re.fullmatch(r"[0-9a-f-]{36}", project["id"])
    assert client.get("/api/project").json() == project


def test_labels_are_added_changed_and_removed(client: TestClient) -> None:
    draft = {"id": None, "name": "cat", "color": "#0072b2", "hotkey": "1"}
    (cat,) = client.put("/api/labels", json=[draft]).json()
    assert cat == {**draft, "id": cat["id"]}
    page = Page(client)
    page.send(add(version(label_id=cat["id"])))
    found = client.get("/api/images", params={"label": cat["id"]}).json()
    assert [image["id"] for image in found["images"]] == [1]
    refused = client.put("/api/labels", params={"remove": cat["id"]}, json=[])
    assert refused.status_code == 422
    assert client.put("/api/labels", params={"remove": "x"}, json=[]).status_code == 422
    assert client.put("/api/labels", json=[{**draft, "color": "red"}]).status_code == 422


def test_a_list_is_filtered_and_turned_over(client: TestClient) -> None:
    first = client.get("/api/images", params={"limit": 2}).json()
    second = client.get("/api/images", params={"limit": 2, "after": first["next"]}).json()
    names = [image["name"] for page in (first, second) for image in page["images"]]
    assert names == ["a.png", "b.jpg", "deep/c.png"]
    assert (first["total"], second["next"]) == (3, None)
    Page(client, 2).send(become("done"))
    done = client.get("/api/images?state=done&annotator=1").json()
    assert [image["name"] for image in done["images"]] == ["b.jpg"]
    assert client.get("/api/images?text=DEEP").json()["total"] == 1
    for wrong in ("state=finished", "limit=0", "after=x", "label=-1", "annotator=0", "limit=9999"):
        assert client.get(f"/api/images?{wrong}").status_code == 422, wrong


def test_the_next_image_is_one_that_is_left(client: TestClient) -> None:
    assert client.get("/api/next").json()["id"] == 1
    assert client.get("/api/next?after=1").json()["id"] == 2
    for image_id in (1, 2, 3):
        Page(client, image_id).send(become("done"))
    assert client.get("/api/next").json() is None
    assert client.get("/api/next?review=true").json()["id"] == 1


def test_the_status_has_the_papers_figures(client: TestClient) -> None:
    assert client.get("/api/status").json()["total"] == []
    Page(client).send(add(), add())
    status = client.get("/api/status").json()
    (total,) = status["total"]
    assert (total["masks"], total["seconds_per_mask"], total["masks_per_image"]) == (2, 2.0, 2.0)
    assert status["by_annotator"][0]["annotator"] == "me"
    assert status["by_model"][0]["model_id"] == "m"
    (stage,) = status["by_stage"]
    assert (stage["stage"], stage["tally"]["images"], stage["accepted"]) == (
        "assisted-manual", 1, 0,
    )  # fmt: skip
    assert (status["stage"], status["runs"]) == ("assisted-manual", [])


def test_the_status_shows_what_the_engine_does(client: TestClient, store: Store) -> None:
    with running(store, "prefill", 9) as run:
        run.step(4)
        (now,) = client.get("/api/status").json()["runs"]
    assert (now["kind"], now["state"], now["total"]) == ("prefill", "running", 9)
    (ended,) = client.get("/api/status").json()["runs"]
    assert (ended["state"], ended["done"]) == ("ended", 4)


def test_health_and_metrics(client: TestClient) -> None:
    assert client.get("/health").json()["status"] == "ok"
    Page(client).send(add())
    text = client.get("/metrics").text
    assert "anymask_actions_saved_total 1.0" in text
    routed = 'anymask_requests_total{method="GET",route="/api/images/{image_id}",status="200"} 1.0'
    assert routed in text
    assert "anymask_embeddings_waiting" in text


def test_what_is_no_address_is_a_line(client: TestClient) -> None:
    answer = client.get("/api/nothing")
    assert answer.status_code == 404
    assert client.delete("/api/project").status_code == 405
    assert client.delete("/api/project").json()["kind"] == "invalid"
    assert client.get("/api/images/0").status_code == 422
    assert client.get(f"/api/images/{2**63}").status_code == 422


def test_a_refused_method_is_told_which_is_not(client: TestClient) -> None:
    answer = client.get("/api/labels")
    assert (answer.status_code, answer.headers["Allow"]) == (405, "PUT")
    assert answer.json()["kind"] == "invalid"
    assert client.get("/api/nothing").json()["kind"] == "not_found"


def test_truth_is_no_number(client: TestClient) -> None:
    answer = client.post("/api/images/1/lease", json={"token": None, "take_over": 1})
    assert (answer.status_code, answer.json()["kind"]) == (422, "invalid")
