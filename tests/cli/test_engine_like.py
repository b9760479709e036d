"""``anymask engine like`` as a person runs it: suggestions of an example in files."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from anymask.cli.main import main
from anymask.engine.stages.kept_embeddings import KeptEmbeddings
from anymask.engine.store.folder import scan_folder
from anymask.engine.store.images import list_images, next_image
from anymask.engine.store.labels import list_labels
from anymask.engine.store.store import Store
from anymask.predict.in_context import load
from anymask.weights.checkpoint import Checkpoint
from tests.engine.alike.test_alike import BLUE, HW, RED, Named, NoEmbeddings, Watched, square
from tests.engine.store.steps import annotator

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def project(tmp_path: Path, tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two images, the second with a red square, a store, and an example apart; no model looks."""
    folder = tmp_path / "photos"
    (folder / ".anymask").mkdir(parents=True)
    square(folder / "a.png", BLUE)
    square(folder / "b.png", RED, at=20)
    square(tmp_path / "example.png", RED)
    mask = np.zeros(HW, np.uint8)
    mask[5:15, 5:15] = 255
    Image.fromarray(mask).save(tmp_path / "mask.png")
    with Store.open(folder / ".anymask" / "store.sqlite") as store:
        scan_folder(store, folder)
    tiny_checkpoint.save(tmp_path / "w")
    monkeypatch.setattr(KeptEmbeddings, "of", NoEmbeddings.of)
    monkeypatch.setattr(load, "by_likeness", lambda *_: Named(cast(Any, Watched())))
    monkeypatch.chdir(tmp_path)
    return folder


def run(capsys: Capture, monkeypatch: pytest.MonkeyPatch, *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["anymask", "engine", "like", *words])
    with pytest.raises(SystemExit) as stop:
        main()
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


def test_what_an_example_shows_is_suggested_and_comes_first(
    project: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["photos", "--weights", "w", "--like", "example.png:mask.png", "--label", "red"]
    status, out, said = run(capsys, monkeypatch, *words)
    assert status == 0, said
    assert "1 mask suggested in 2 images" in out
    assert "colours looks" in said
    with Store.open(project / ".anymask" / "store.sqlite") as store:
        assert [one.suggestions for one in store.read(list_images).images] == [0, 1]
        assert [one.name for one in store.read(list_labels)] == ["red"]
        following = store.read(next_image, annotator(store))
        assert following is not None
        assert following.name == "b.png"
    status, out, _ = run(capsys, monkeypatch, *words)
    assert "0 masks suggested in 0 images" in out


def test_what_can_not_be_sought_is_refused(
    project: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    classes = np.zeros(HW, np.uint8)
    classes[5:15, 5:15], classes[0, 0] = 3, 4
    Image.fromarray(classes).save("classes.png")
    refused = {"say what to look for": [], "several classes": ["--like", "example.png:classes.png"]}
    for said, words in refused.items():
        status, _, error = run(capsys, monkeypatch, "photos", *words)
        assert status == 2
        assert said in " ".join(error.replace("│", " ").split())
