"""The HTTP of ratings: what a page gets and does not get, and what is refused."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from anymask.datasets.recognise import open_dataset
from anymask.engine.rating.drawn import DRAWN
from anymask.engine.rating.photographs import Photographs
from anymask.engine.rating.rate import RatingPlace, rate_app
from anymask.engine.rating.room import Room
from anymask.errors import DatasetError
from tests.engine.rating.conftest import HW, SEED, save_set

HOST = "http://127.0.0.1:8420"
SECRETS = ("first@1", "second@2", "truth", "model", "wrong", "right", "kind", "iou", "images/")


@pytest.fixture
def client(tmp_path: Path, open_room: Callable[..., Room]) -> TestClient:
    room = open_room()
    datasets = {"set": open_dataset(str(save_set(tmp_path / "set", 12)))}
    photographs = Photographs(datasets, [item.picture for item in room.items], SEED)
    static = tmp_path / "static"
    static.mkdir()
    (static / "rate.html").write_text("<p>the page")
    app = rate_app(RatingPlace(room, photographs, "plan", "Ada"), static)
    return TestClient(app, base_url=HOST, raise_server_exceptions=False)


def draft(number: int, **changes: Any) -> dict[str, Any]:
    given = {"id": f"id-of-{number:04}", "rater": "Ada", "showing": number, "rating": 7}
    return {**given, "seconds": 2.5, **changes}


def test_a_page_goes_through_all_and_never_learns_whose_a_mask_is(client: TestClient) -> None:
    assert client.get("/").text == "<p>the page"
    about = client.get("/api/rating").json()
    assert (about["rater"], about["raters"], about["break_every"]) == ("Ada", [], 50)
    texts = []
    answer = client.get("/api/progress", params={"rater": "Ada"})
    while (progress := answer.json())["current"] is not None:
        texts.append(answer.text)
        showing = progress["current"]
        picture = client.get(showing["picture"])
        assert picture.headers["content-type"] == "image/webp"
        size = Image.open(io.BytesIO(picture.content)).size
        assert size == (showing["width"], showing["height"])
        assert showing["segmentation"]["size"] == list(size[::-1])
        texts.append(client.get(f"/api/showings/{showing['number']}?rater=Ada").text)
        answer = client.post("/api/ratings", json=draft(showing["number"]))
        assert answer.status_code == 200
    assert progress["done"] == progress["total"] > 36
    for secret in SECRETS:
        assert not any(secret in text for text in texts), secret
    assert client.get("/api/rating").json()["raters"] == ["Ada"]


def test_a_picture_is_exact(client: TestClient, tmp_path: Path) -> None:
    place: RatingPlace = client.app.state.place  # type: ignore[attr-defined]
    for key, (data, name) in place.pictures.items():
        got = np.asarray(Image.open(io.BytesIO(client.get(f"/api/pictures/{key}").content)))
        if data == DRAWN:
            assert got.shape == (480, 640, 3)
        else:
            assert got.shape == (*HW, 3)
            assert (got == np.asarray(Image.open(tmp_path / "set" / name))).all()


def test_a_rating_is_corrected(client: TestClient) -> None:
    client.post("/api/ratings", json=draft(0))
    progress = client.post("/api/ratings", json=draft(1)).json()
    assert (progress["last"], progress["current"]["before"]) == (1, 1)
    before = client.get("/api/showings/1?rater=Ada").json()
    assert (before["rating"], before["before"]) == (7, 0)
    corrected = client.post("/api/ratings", json=draft(1, id="correction", rating=3)).json()
    assert (corrected["done"], corrected["current"]["number"]) == (2, 2)
    assert client.get("/api/showings/1?rater=Ada").json()["rating"] == 3


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"rating": 0}, 422),
        ({"rating": 11}, 422),
        ({"rating": 5.5}, 422),
        ({"rating": "many"}, 422),
        ({"seconds": -1}, 422),
        ({"seconds": 1e9}, 422),
        ({"showing": 1}, 404),
        ({"showing": -1}, 422),
        ({"showing": 1 << 40}, 422),
        ({"rater": ""}, 422),
        ({"rater": "x" * 41}, 422),
        ({"rater": "x" * 10_000}, 422),
        ({"rater": "a\0b"}, 422),
        ({"id": "short"}, 422),
        ({"id": "x" * 100}, 422),
        ({"model": "truth"}, 422),
    ],
)
def test_what_is_no_rating_is_refused(
    client: TestClient, changes: dict[str, Any], status: int
) -> None:
    answer = client.post("/api/ratings", json=draft(0, **changes))
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"error", "kind"}
    assert client.get("/api/progress?rater=Ada").json()["done"] == 0


def test_other_pages_hosts_and_bodies_are_refused(client: TestClient) -> None:
    for headers in ({"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}):
        for method, path in (("POST", "/api/ratings"), ("GET", "/api/progress?rater=Ada")):
            assert client.request(method, path, json=draft(0), headers=headers).status_code == 403
    assert client.get("/api/rating", headers={"Host": "evil.example"}).status_code == 400
    large = {"Content-Length": str(1 << 40)}
    assert client.post("/api/ratings", content=b"{}", headers=large).status_code == 413
    assert client.post("/api/ratings", content=b"\xff{").status_code == 422


@pytest.mark.parametrize(
    "path",
    [
        "/api/showings/5?rater=Ada",
        "/api/showings/-1?rater=Ada",
        "/api/pictures/none",
        "/api/pictures/..%2f..%2fratings.jsonl",
        "/ratings.jsonl",
        "/../ratings.jsonl",
        "/%2e%2e/ratings.jsonl",
        "/api/ratings.jsonl",
    ],
)
def test_there_is_nothing_else(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 404


def test_headers_isolate_the_page(client: TestClient) -> None:
    for path in ("/", "/api/rating", "/api/pictures/none"):
        assert client.get(path).headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_data_without_the_images_is_refused(tmp_path: Path) -> None:
    dataset = open_dataset(str(save_set(tmp_path / "set", 3)))
    wanted = [("set", f"images/{number}.png") for number in (0, 1, 7, 8)]
    with pytest.raises(DatasetError, match=r"has no image images/7.png and 1 others"):
        Photographs({"set": dataset}, wanted, SEED)


def test_many_raters_at_once(client: TestClient) -> None:
    from concurrent.futures import ThreadPoolExecutor

    def rate(rater: str) -> int:
        for number in range(15):
            given = draft(number, id=f"{rater}-of-{number:04}".replace(" ", "-"), rater=rater)
            assert client.post("/api/ratings", json=given).status_code == 200
        return int(client.get("/api/progress", params={"rater": rater}).json()["done"])

    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(rate, [f"rater {number}" for number in range(6)])) == [15] * 6
