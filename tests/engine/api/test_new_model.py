"""A running tool takes the model that was promoted; who is at an image goes on with the other."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from anymask.core.embedding import ImageEmbedding
from anymask.engine.annotate import Project, annotate_app, workplace
from anymask.engine.api.workplace import Workplace
from anymask.engine.model import following
from anymask.engine.store.automation.models import EngineModel, add_model, next_number
from anymask.engine.store.folder import scan_folder
from anymask.engine.store.store import Store
from anymask.errors import Error
from anymask.predict.load import ModelSource
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.load import load_checkpoint
from tests.engine.api.conftest import HOST
from tests.engine.api.test_model import PATIENCE_S

Place = tuple[Workplace, TestClient]


@pytest.fixture
def place(
    photos: Path,
    static: Path,
    store: Store,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Place]:
    """A tool that looks for models all the time."""
    monkeypatch.setattr(following.Follower.__init__, "__defaults__", (0.02,))
    scan_folder(store, photos)
    source = ModelSource(str(weights), "cpu", offline=True)
    source = replace(source, model_id=source.load().model_id)

    def find(model: EngineModel) -> tuple[Path, Path]:
        if model.path == "gone":
            raise Error("it is gone")
        browser = tmp_path / "new_model"
        browser.mkdir(exist_ok=True)
        (browser / "export.json").write_text(json.dumps({"new": True}))
        return Path(model.path), browser

    with workplace(store, Project(photos, source, tmp_path / "cache", find=find)) as here:
        yield here, TestClient(annotate_app(here, static, tmp_path / "model"), base_url=HOST)


def promote(store: Store, folder: Path, encoder_id: str = "", path: str = "") -> str:
    """A model that was promoted just now."""
    model_id = load_checkpoint(folder).model_id if not path else "gone@1"
    number, figures = store.read(next_number), {"encoder_id": encoder_id}
    store.write(
        add_model,
        number,
        "sam",
        model_id,
        path or str(folder),
        parent_id=None,
        state="promoted",
        figures=figures,
    )
    return model_id


def learned(tiny: Checkpoint, folder: Path) -> Path:
    """The same encoder with another decoder."""
    state = {
        name: tensor + 0.1 if name.startswith("mask_decoder.iou_token") else tensor
        for name, tensor in tiny.state.items()
    }
    replace(tiny, name="learned", state=state).save(folder)
    return folder


def answered(client: TestClient, path: str) -> Any:
    """An embedding, once it is there."""
    end = time.monotonic() + PATIENCE_S
    while (answer := client.get(path)).status_code == 202 and time.monotonic() < end:
        time.sleep(0.02)
    assert answer.status_code == 200, answer.text
    return ImageEmbedding.from_bytes(answer.content)


def wait_for(client: TestClient, model_id: str) -> dict[str, str]:
    end = time.monotonic() + PATIENCE_S
    while (now := client.get("/api/model").json())["id"] != model_id:
        assert time.monotonic() < end, now
        time.sleep(0.02)
    return dict(now)


def test_the_old_model_is_served_beside_the_new_and_no_embedding_is_computed_twice(
    place: Place, store: Store, tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    here, client = place
    old = here.model.id
    before = answered(client, f"/api/images/1/embedding?model={old}")
    assert before.model == old
    new = promote(store, learned(tiny_checkpoint, tmp_path / "n"), old)
    now = wait_for(client, new)
    assert client.get("/api/project").json()["model_id"] == new
    assert client.get(f"/{now['folder']}export.json").json() == {"new": True}
    assert client.get("/model/export.json").json() == {}
    assert client.get("/model/unknown/export.json").status_code == 404
    assert client.get(f"/{now['folder']}secret.txt").status_code == 404
    after = answered(client, f"/api/images/1/embedding?model={new}")
    assert after.model == new
    assert (after.arrays["image_embed"] == before.arrays["image_embed"]).all()
    assert here.embeddings.computed == 0
    assert answered(client, f"/api/images/1/embedding?model={old}").model == old
    prompt = {"points": [{"x": 5, "y": 5, "label": 1}], "box": None}
    for model_id in (old, new):
        decoded = client.post(f"/api/images/1/decode?model={model_id}", json=prompt)
        assert decoded.status_code == 200, decoded.text


def test_a_model_with_another_encoder_sees_all_images_anew(
    place: Place, store: Store, tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    here, client = place
    answered(client, "/api/images/1/embedding")
    new = promote(store, learned(tiny_checkpoint, tmp_path / "n"))
    wait_for(client, new)
    assert answered(client, f"/api/images/1/embedding?model={new}").model == new
    assert here.embeddings.computed >= 1


def test_a_model_that_is_gone_is_not_taken(place: Place, store: Store, weights: Path) -> None:
    here, client = place
    old = here.model.id
    promote(store, weights, path="gone")
    time.sleep(0.2)
    assert client.get("/api/model").json()["id"] == old
    assert answered(client, "/api/images/1/embedding").model == old
