"""A file that is replaced by another of the same size: the masks stay, and it is said."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
from fastapi.testclient import TestClient
from PIL import Image

from anymask.engine.pictures.folder import ImageFolder
from tests.engine.api.page import Page
from tests.engine.store.steps import add


def replace(path: Path) -> None:
    """Other pixels in as many bytes, at the same time by the clock that can be set."""
    status = path.stat()
    with Image.open(path) as image:
        size = image.size
    content = np.random.default_rng(1).integers(0, 256, (size[1], size[0], 3), np.uint8)
    Image.fromarray(content).save(path, "BMP")
    os.truncate(path, max(status.st_size, path.stat().st_size))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def test_a_file_of_the_same_size_and_time_is_another(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    folder = ImageFolder(tmp_path)
    path.write_bytes(b"a" * 1000)
    before, status = folder.file("a.bin").fingerprint, path.stat()
    with path.open("r+b") as file:  # in its place
        file.write(b"b" * 1000)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert path.stat().st_size == status.st_size
    assert path.stat().st_mtime_ns == status.st_mtime_ns
    assert folder.file("a.bin").fingerprint != before


def test_it_is_said_until_somebody_says_that_the_masks_fit(
    client: TestClient, photos: Path
) -> None:
    page = Page(client, 1)
    first = page.document()
    assert not first["is_replaced"]
    replace(photos / "a.png")
    second = page.document()  # nothing was drawn yet
    assert second["file"] != first["file"]
    assert not second["is_replaced"]

    page.send(add())
    assert not page.document()["is_replaced"]
    Image.new("RGB", (second["width"], second["height"]), "red").save(photos / "a.png", "BMP")
    third = page.document()
    assert (third["is_replaced"], len(third["masks"])) == (True, 1)
    assert page.document()["is_replaced"]
    assert client.put("/api/images/1/file?file=nonsense").status_code == 422
    said = client.put(f"/api/images/1/file?file={third['file']}")
    assert said.status_code == 204
    last = page.document()
    assert (last["is_replaced"], len(last["masks"])) == (False, 1)


def test_its_embedding_is_its_own(client: TestClient, photos: Path) -> None:
    def embedding() -> tuple[str, bytes]:
        for _ in range(600):
            answer = client.get("/api/images/1/embedding")
            if answer.status_code == 200:
                return answer.headers["etag"].strip('"'), answer.content
            time.sleep(0.02)
        raise AssertionError("it was not computed")

    file, content = embedding()
    assert file == Page(client, 1).document()["file"]
    replace(photos / "a.png")
    other_file, other = embedding()
    assert other_file == Page(client, 1).document()["file"] != file
    assert other != content
