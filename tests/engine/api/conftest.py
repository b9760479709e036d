"""The tool as tests ask it: a folder of three images, a store, a model that answers by rule."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from anymask.engine.annotate import Project, annotate_app, workplace
from anymask.engine.api.workplace import Workplace
from anymask.engine.store.annotators import add_annotator
from anymask.engine.store.folder import scan_folder
from anymask.engine.store.store import Store
from anymask.engine.store.values import ROLES
from anymask.predict.load import ModelSource
from anymask.weights.checkpoint import Checkpoint

SIZES = {"a.png": (60, 40), "b.jpg": (300, 200), "deep/c.png": (20, 30)}  # width, height
HOST = "http://127.0.0.1:8420"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder of images, with secrets around it."""
    folder = tmp_path / "photos"
    (folder / "deep").mkdir(parents=True)
    numbers = np.random.default_rng(0)
    for name, (width, height) in SIZES.items():
        pixels = numbers.integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name)
    (tmp_path / "secret.png").write_bytes((folder / "a.png").read_bytes())
    return folder


@pytest.fixture
def static(tmp_path: Path) -> Path:
    """A built page, and the model of a browser."""
    for name in ("static/annotate.html", "static/index.html", "model/export.json"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("{}")
    return tmp_path / "static"


@pytest.fixture
def weights(tmp_path: Path, tiny_checkpoint: Checkpoint) -> Path:
    """Weights of a tiny model."""
    tiny_checkpoint.save(tmp_path / "w")
    return tmp_path / "w"


@contextmanager
def tool(
    photos: Path, store: Store, weights: Path, **facts: Any
) -> Iterator[tuple[Workplace, Any]]:
    """A running tool: its workplace, and its application."""
    around = photos.parent
    scan_folder(store, photos)
    source = ModelSource(str(weights), device="cpu", offline=True)
    source = ModelSource(str(weights), "cpu", model_id=source.load().model_id)
    project = Project(photos, source, around / "cache", **facts)
    with workplace(store, project) as here:
        yield here, annotate_app(here, around / "static", around / "model")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store in a file, as one person has it."""
    with Store.open(tmp_path / "work.sqlite") as opened:
        yield opened


@pytest.fixture
def place(
    photos: Path, static: Path, weights: Path, store: Store
) -> Iterator[tuple[Workplace, Any]]:
    """A tool for one person."""
    with tool(photos, store, weights) as running:
        yield running


@pytest.fixture
def here(place: tuple[Workplace, Any]) -> Workplace:
    """Where one person works."""
    return place[0]


@pytest.fixture
def client(place: tuple[Workplace, Any]) -> Iterator[TestClient]:
    """The browser of that person."""
    with TestClient(place[1], base_url=HOST) as opened:
        yield opened


@pytest.fixture
def team(photos: Path, static: Path, weights: Path, store: Store) -> Iterator[Any]:
    """A tool that asks everybody for a token."""
    with tool(photos, store, weights, needs_tokens=True) as (_, app):
        yield app


@pytest.fixture
def tokens(store: Store) -> dict[str, str]:
    """The tokens of an annotator, a reviewer and an admin, who are called as their roles."""
    return {role: store.write(add_annotator, role, role)[1] for role in ROLES}
