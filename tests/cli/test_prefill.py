"""``anymask engine prefill``: a detector's objects, suggested in the images of a store."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

from anymask.cli.main import app
from anymask.cli.serving.stores import beside_images
from anymask.core.image import RGB
from anymask.engine.store.folder import scan_folder
from anymask.engine.store.images import list_images
from anymask.engine.store.store import Store
from anymask.models.detector import DetectorConfig, ObjectDetector
from anymask.predict.load import ModelSource
from anymask.weights.checkpoint import Checkpoint


@pytest.fixture
def folder(tmp_path: Path, picture: RGB) -> Path:
    """Two images, in a store beside them."""
    images = tmp_path / "photos"
    images.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(picture).save(images / name)
    with Store.open(beside_images(images)) as store:
        scan_folder(store, images)
    return images


@pytest.fixture
def weights(tmp_path: Path, tiny_checkpoint: Checkpoint) -> Path:
    tiny_checkpoint.save(tmp_path / "tiny")
    return tmp_path / "tiny"


@pytest.fixture
def detector(tmp_path: Path, weights: Path) -> Path:
    """One that guesses, but reads the model's embeddings."""
    torch.manual_seed(0)
    reads = ModelSource(str(weights), "cpu", offline=True).load().model_id
    config = DetectorConfig(reads, width=64, grid=8, image_px=128, channels=16)
    model = ObjectDetector(config)
    with torch.no_grad():
        for answer in model.answers:
            assert isinstance(answer, torch.nn.Conv2d)
            answer.weight.normal_(std=0.5)
    Checkpoint("guesses", config, model.state_dict()).save(tmp_path / "guesses")
    return tmp_path / "guesses"


def prefill(*words: object) -> Any:
    return CliRunner().invoke(app, ["engine", "prefill", *map(str, words)])


def suggestions(folder: Path) -> list[int]:
    with Store.open(beside_images(folder)) as store:
        return [image.suggestions for image in store.read(list_images).images]


def test_each_image_gets_its_suggestions_once(
    folder: Path, weights: Path, detector: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANYMASK_CACHE", str(tmp_path / "cache"))
    words = (folder, "--detector", detector, "--weights", weights, "--threshold", 0)
    first = prefill(*words)
    assert first.exit_code == 0, first.output
    found = suggestions(folder)
    assert min(found) > 0
    assert f"{sum(found)} masks suggested in 2 images" in first.output
    assert "suggesting what scores 0.000 or more" in first.output
    again = prefill(*words)
    assert "0 masks suggested in 0 images" in again.output
    assert suggestions(folder) == found
    assert prefill(*words[:-1], 1.0).exit_code == 0, "surer ones alone"
    assert suggestions(folder) == [0, 0]


def test_a_detector_of_another_model_is_refused(
    folder: Path, weights: Path, detector: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    config = DetectorConfig("other@" + 16 * "0", width=64, grid=8, image_px=128, channels=16)
    Checkpoint("others", config, ObjectDetector(config).state_dict()).save(tmp_path / "others")
    refused = prefill(folder, "--detector", tmp_path / "others", "--weights", weights)
    assert refused.exit_code == 1
    assert "can't read those by" in str(refused.exception or refused.output)
    assert prefill(folder, "--detector", weights, "--weights", weights).exit_code == 1
    assert suggestions(folder) == [0, 0]
