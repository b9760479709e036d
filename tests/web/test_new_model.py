"""A model is promoted while somebody is at an image: it is finished with the old, the next has the
new.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from playwright.sync_api import Browser, Page

from anymask.engine.store.automation.models import EngineModel
from anymask.engine.store.store import Store
from anymask.predict.predictor import Predictor
from anymask.retraining.models_folder import ModelsFolder
from anymask.weights.load import load_checkpoint
from tests.web.team import HOUSE, TREE, Team, draw, opens, serving_team

pytestmark = [pytest.mark.slow, pytest.mark.data, pytest.mark.timeout(900)]

EXPORTED_WITHIN_S, LOADED_WITHIN_S = 400.0, 60.0


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("new_model")


@pytest.fixture(scope="module")
def team(scratch: Path, browser: Browser, mobile_sam: Predictor) -> Iterator[Team]:
    with serving_team(scratch, browser) as running:
        yield running


def promote(scratch: Path) -> EngineModel:
    """As `anymask engine retrain`, while the tool runs: a decoder that has learned a little."""
    base = load_checkpoint("mobile-sam", offline=True)
    state = dict(base.state)
    name = next(name for name in state if name.startswith("mask_decoder.iou_prediction_head"))
    state[name] = state[name] + 1e-3 * torch.randn_like(state[name])
    work = scratch / "drawings" / ".anymask"
    replace(base, name="retrained", state=state).save(work / "learned")
    learned = load_checkpoint(work / "learned", offline=True)
    figures = {"encoder_id": base.model_id}
    with Store.open(work / "store.sqlite") as store:
        models = ModelsFolder(work / "models")
        return models.note(store, "sam", learned, base.model_id, "promoted", figures)


def wait_for(what: str, team: Team, model_id: str) -> None:
    end = time.monotonic() + EXPORTED_WITHIN_S
    while team.json(what)["id"] != model_id:
        assert time.monotonic() < end, "the tool does not serve the new model"
        time.sleep(0.5)


def masks_by_model(team: Team) -> dict[str, int]:
    tallies = team.json("/api/status")["by_model"]
    return {tally["model_id"]: tally["masks"] for tally in tallies if tally["masks"]}


def load_new(page: Page, urls: list[str], key: str) -> None:
    """Wait until the page has the new graphs, and has had a moment to begin with them."""
    end = time.monotonic() + LOADED_WITHIN_S
    while not any(f"/model/{key}/" in url and url.endswith(".onnx") for url in urls):
        assert time.monotonic() < end, f"the page has not asked for the new model: {urls}"
        page.wait_for_timeout(200)
    page.wait_for_timeout(10_000)


def test_the_next_image_has_the_new_model(team: Team, scratch: Path) -> None:
    old = team.json("/api/project")["model_id"]
    urls: list[str] = []
    with team.at("Ada", 1) as page:
        page.on("requestfinished", lambda request: urls.append(request.url))
        draw(page, HOUSE)
        new = promote(scratch)
        wait_for("/api/model", team, new.model_id)
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
