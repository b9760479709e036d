"""A model is promoted while somebody is at an image: it is finished with the old, the next has the
new.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page

from anymask.engine.store.store import Store
from anymask.export.export_cache import kept_export
from anymask.predict.predictor import Predictor
from anymask.retraining.models_folder import ModelsFolder
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.fetch import cache_folder
from anymask.weights.graph_pair import EXPORT_FILE
from anymask.weights.load import load_checkpoint
from anymask.weights.registry import DEFAULT
from tests.web.team import HOUSE, TREE, Team, draw, opens, serving_team

pytestmark = [pytest.mark.slow, pytest.mark.data, pytest.mark.timeout(900)]

SERVED_WITHIN_S, LOADED_WITHIN_S = 60.0, 60.0


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("new_model")


@pytest.fixture(scope="module")
def team(scratch: Path, browser: Browser, mobile_sam: Predictor) -> Iterator[Team]:
    with serving_team(scratch, browser) as running:
        yield running


def learned_model(folder: Path) -> Checkpoint:
    """A model whose decoder is another's than the one in use."""
    base = load_checkpoint(DEFAULT, offline=True)
    state = dict(base.state)
    name = next(name for name in state if name.startswith("mask_decoder.iou_prediction_head"))
    state[name] = state[name] + 1e-3 * torch.randn_like(state[name])
    replace(base, name="retrained", state=state).save(folder)
    return load_checkpoint(folder, offline=True)


@contextmanager
def exported(model: Checkpoint) -> Iterator[None]:
    """Its graphs for browsers, as retraining makes them: the base's, which is quick."""
    kept = kept_export(DEFAULT, "float16")
    assert kept is not None, "the tool has exported it"
    folder = cache_folder() / "exports" / model.sha256[:16]
    try:
        shutil.copytree(kept, folder / "float16")
        file = folder / "float16" / EXPORT_FILE
        header = json.loads(file.read_text())
        file.write_text(json.dumps({**header, "model": model.model_id}))
        yield
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def promote(model: Checkpoint, scratch: Path) -> None:
    """As `anymask engine retrain` ends, while the tool runs."""
    work, base_id = scratch / "drawings" / ".anymask", load_checkpoint(DEFAULT).model_id
    with Store.open(work / "store.sqlite") as store:
        models, figures = ModelsFolder(work / "models"), {"encoder_id": base_id}
        noted = models.note(store, "sam", model, base_id, "promoted", figures)
    assert noted.model_id == model.model_id


def wait_for(model_id: str, team: Team) -> None:
    end = time.monotonic() + SERVED_WITHIN_S
    while team.json("/api/model")["id"] != model_id:
        assert time.monotonic() < end, "the tool does not serve the new model"
        time.sleep(0.5)


def masks_by_model(team: Team) -> dict[str, int]:
    tallies = team.json("/api/status")["by_model"]
    return {tally["model_id"]: tally["masks"] for tally in tallies if tally["masks"]}


def load_new(page: Page, urls: list[str], key: str) -> None:
    """Wait until the page has the new graphs, and has had a moment to begin with them."""
    end = time.monotonic() + LOADED_WITHIN_S
    while not any(f"/model/{key}/" in url and "decoder.safetensors" in url for url in urls):
        assert time.monotonic() < end, f"the page has not asked for the new model: {urls}"
        page.wait_for_timeout(200)
    page.wait_for_timeout(10_000)


def test_the_next_image_has_the_new_model(team: Team, scratch: Path) -> None:
    old, new = team.json("/api/project")["model_id"], learned_model(scratch / "learned")
    urls: list[str] = []
    with exported(new), team.at("Ada", 1) as page:
        page.on("requestfinished", lambda request: urls.append(request.url))
        draw(page, HOUSE)
        promote(new, scratch)
        wait_for(new.model_id, team)
        load_new(page, urls, new.model_id.partition("@")[2])
        draw(page, TREE)
        assert masks_by_model(team) == {old: 2}, "the image is finished with the old model"
        page.locator("li", has_text="2.png").click()
        opens(page, 2)
        draw(page, HOUSE)
        assert masks_by_model(team) == {old: 2, new.model_id: 1}
        # What the old model saw is what the new one reads: no embedding is computed again.
        page.locator("li", has_text="1.png").click()
        opens(page, 1)
        metrics = page.request.get(f"{team.address}/metrics").text()
        computed = [
            line.split()[-1]
            for line in metrics.splitlines()
            if line.startswith("anymask_embeddings_computed")
        ]
        assert [float(number) for number in computed] == [0.0]
