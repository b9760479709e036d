"""Embeddings in the background, prompts in batches, everything in a box."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from anymask.core import rle
from anymask.core.embedding import ImageEmbedding
from anymask.core.image import read_image
from anymask.engine.api.workplace import Workplace
from anymask.engine.embeddings.waiting import WaitingLine

PATIENCE_S = 60


def embedded(client: TestClient, image_id: int) -> bytes:
    """An image's embedding, asked for as the page does."""
    answer = waited(client, image_id)
    assert answer.status_code == 200, answer.text
    return bytes(answer.content)


def waited(client: TestClient, image_id: int) -> Any:
    """What is answered in the end."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        answer = client.get(f"/api/images/{image_id}/embedding")
        if answer.status_code != 202:
            return answer
        assert answer.json()["position"] >= 0
        time.sleep(0.02)
    pytest.fail("no embedding came")


def test_an_embedding_comes_and_those_behind_it_are_ahead(
    client: TestClient, here: Workplace
) -> None:
    embedding = ImageEmbedding.from_bytes(embedded(client, 1))
    assert embedding.model == here.model.id == client.get("/api/project").json()["model_id"]
    assert embedding.image_hw == (40, 60)
    end = time.monotonic() + PATIENCE_S
    while here.embeddings.computed < 3 and time.monotonic() < end:
        time.sleep(0.02)
    for image_id in (2, 3):
        assert client.get(f"/api/images/{image_id}/embedding").status_code == 200
    assert here.embeddings.computed == 3


def test_an_image_that_has_none_is_told_and_does_not_stop_the_others(
    client: TestClient, photos: Path
) -> None:
    (photos / "a.png").write_bytes(b"no image")
    client.get("/api/images/1/embedding")
    embedded(client, 2)
    answer = waited(client, 1)
    assert (answer.status_code, answer.json()["kind"]) == (422, "invalid")
    assert "a.png" in answer.json()["error"]


def test_prompts_of_several_people_are_answered_together(
    client: TestClient, here: Workplace
) -> None:
    for image_id in (1, 2, 3):
        embedded(client, image_id)
    sizes: list[int] = []
    here.decoder._on_batch = sizes.append
    prompt = {"points": [{"x": 10, "y": 10, "label": 1}], "box": None}

    def ask(image_id: int) -> Any:
        return client.post(f"/api/images/{image_id}/decode", json=prompt).json()

    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(ask, [1, 2, 3] * 8))
    assert sum(sizes) == 24
    assert max(sizes) > 1
    for image_id in (1, 2, 3):  # all but rounding: sums in a batch have another order
        scores = [[found["predicted_iou"] for found in one] for one in answers[image_id - 1 :: 3]]
        assert np.ptp(np.array(scores), axis=0).max() < 1e-4


def test_an_answer_is_what_the_library_gives(
    client: TestClient, here: Workplace, photos: Path
) -> None:
    prompt = {"points": [{"x": 30, "y": 20, "label": 1}], "box": [5, 5, 50, 35]}
    answer = client.post("/api/images/1/decode", json=prompt)
    assert answer.status_code == 200, answer.text
    for found in answer.json():
        assert found["segmentation"]["size"] == [40, 60]
        assert found["area"] == rle.area(found["segmentation"])


def test_a_mask_to_go_on_from_brings_its_box(client: TestClient) -> None:
    mask = np.zeros((40, 60), np.bool_)
    mask[5:35, 5:50] = True
    asked = {"points": [{"x": 30, "y": 20, "label": 0}], "mask": rle.encode(mask)}
    alone = client.post("/api/images/1/decode", json=asked)
    assert alone.status_code == 200, alone.text
    assert len(alone.json()) <= 1, "there is no doubt what is meant"
    same = client.post("/api/images/1/decode", json=asked | {"box": [5, 5, 50, 35]})
    assert alone.json() == same.json()
    other = client.post("/api/images/1/decode", json=asked | {"box": [0, 0, 20, 20]})
    without = client.post("/api/images/1/decode", json=asked | {"mask": None})
    assert other.json() != alone.json() != without.json()


@pytest.mark.parametrize(
    "mask",
    [
        {"size": [40, 60], "counts": "damaged"},
        {"size": [4000, 6000], "counts": "0"},
        {"size": [40, 60], "counts": rle.encode(np.zeros((40, 60), np.bool_))["counts"]},
    ],
)
def test_a_mask_that_is_none_of_the_image_is_refused(
    client: TestClient, mask: dict[str, Any]
) -> None:
    prompt = {"points": [{"x": 30, "y": 20, "label": 1}], "mask": mask}
    answer = client.post("/api/images/1/decode", json=prompt)
    assert (answer.status_code, answer.json()["kind"]) == (422, "invalid")
    assert "to go on from" in answer.json()["error"]


@pytest.mark.parametrize(
    "prompt",
    [
        {"points": [], "box": None},
        {"points": [{"x": -50, "y": 3, "label": 1}], "box": None},
        {"points": [{"x": 5, "y": 3, "label": 2}], "box": None},
        {"points": [], "box": [9, 9, 3, 3]},
        {"points": [], "box": [0, 0, 1e9, 3]},
    ],
)
def test_prompts_of_nothing_are_refused(client: TestClient, prompt: dict[str, Any]) -> None:
    answer = client.post("/api/images/1/decode", json=prompt)
    assert (answer.status_code, answer.json()["kind"]) == (422, "invalid")


def test_everything_is_of_the_whole_image_or_of_a_box(
    client: TestClient, here: Workplace, photos: Path
) -> None:
    loose = {"pred_iou_thresh": -10.0, "stability_score_thresh": 0.0}
    here.model.load().everything = loose
    height, width = read_image(photos / "b.jpg").shape[:2]
    whole = client.post("/api/images/2/everything", json={"box": None}).json()
    assert whole
    part = client.post("/api/images/2/everything", json={"box": [100, 50, 200, 150]}).json()
    for found in (*whole, *part):
        assert found["segmentation"]["size"] == [height, width]
        assert found["area"] == rle.area(found["segmentation"]) > 0
    for found in part:
        x, y, w, h = found["bbox"]
        assert 100 <= x + w / 2 <= 200
        assert 50 <= y + h / 2 <= 150
    for box in ([5, 5, 5, 5], [0, 0, 999, 10], [1, 2, 3]):
        assert client.post("/api/images/2/everything", json={"box": box}).status_code == 422


def test_the_line_goes_by_who_waits_then_by_who_will() -> None:
    line = WaitingLine()
    line.expect([4, 5, 6])
    for image_id in (1, 2, 1):
        line.ask(image_id)
    assert [line.position(image_id) for image_id in (1, 2, 4, 6)] == [0, 1, 2, 4]
    line.expect([7])
    assert [line.take() for _ in range(3)] == [1, 2, 7]
    line.close()
    assert line.take() is None
