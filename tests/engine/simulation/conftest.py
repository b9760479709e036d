"""A project of three images whose objects are known, and a tiny model that knows nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anymask.core import rle
from anymask.core.rle import RLE
from anymask.engine.annotate import Project
from anymask.engine.simulation.serving import serving
from anymask.engine.store.folder import scan_folder
from anymask.engine.store.store import Store
from anymask.predict.load import ModelSource
from anymask.weights.checkpoint import Checkpoint
from tests.engine.store.conftest import database, postgres, where

__all__ = ["database", "postgres", "where"]

HW = 60, 80
NAMES = "a.png", "b.png", "c.png"
# XYWH; each image has them, the largest first.
OBJECTS = [(10, 10, 40, 30), (60, 10, 12, 12), (60, 40, 8, 8)]
UNKNOWN = (2, 45, 20, 10)  # that nobody labelled


def region(x: int, y: int, width: int, height: int) -> RLE:
    """A rectangle's mask."""
    mask = np.zeros(HW, np.bool_)
    mask[y : y + height, x : x + width] = True
    return rle.encode(mask)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Where the work is kept."""
    with Store.open(tmp_path / "work.sqlite") as opened:
        yield opened


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """The folder of images."""
    folder = tmp_path / "photos"
    folder.mkdir()
    numbers = np.random.default_rng(0)
    for name in NAMES:
        pixels = numbers.integers(0, 256, (*HW, 3), np.uint8)
        Image.fromarray(pixels).save(folder / name)
    return folder


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """COCO's file of what is in them, the smallest object first."""
    images = [
        {"id": i, "file_name": name, "height": HW[0], "width": HW[1]}
        for i, name in enumerate(NAMES, 1)
    ]
    annotations = [
        {
            "id": 10 * image["id"] + i,  # type: ignore[operator]
            "image_id": image["id"],
            "category_id": 1,
            "iscrowd": 0,
            "bbox": box,
            "area": box[2] * box[3],
            "segmentation": region(*box),
        }
        for image in images
        for i, box in enumerate(reversed(OBJECTS))
    ]
    path = tmp_path / "truth.json"
    categories = [{"id": 1, "name": "thing"}]
    record = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(record))
    return path


@pytest.fixture
def weights(tmp_path: Path, tiny_checkpoint: Checkpoint) -> Path:
    """Weights of the model."""
    tiny_checkpoint.save(tmp_path / "w")
    return tmp_path / "w"


@pytest.fixture
def project(photos: Path, weights: Path, tmp_path: Path) -> Project:
    """The project, whose annotators have tokens."""
    model_id = ModelSource(str(weights), "cpu").load().model_id
    source = ModelSource(str(weights), "cpu", model_id=model_id)
    return Project(photos, source, tmp_path / "cache", needs_tokens=True)


@contextmanager
def running(store: Store, project: Project) -> Iterator[str]:
    """The address of a server of the project."""
    scan_folder(store, project.folder)
    with serving(store, project) as url:
        yield url
