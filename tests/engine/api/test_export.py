"""What was worked on, as files of other tools, over HTTP and by the command."""

from __future__ import annotations

import json
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from anymask.cli.main import app
from anymask.core import rle
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from anymask.engine.api.workplace import Workplace
from tests.engine.api.page import Page
from tests.engine.store.steps import add


def drawn(client: TestClient) -> rle.RLE:
    """The run lengths of a mask that somebody drew in ``a.png``."""
    page = Page(client)
    page.send(add())
    segmentation: rle.RLE = page.document()["masks"][0]["version"]["segmentation"]
    return segmentation


def test_the_zip_file_is_read_back_as_it_was_drawn(
    client: TestClient, photos: Path, tmp_path: Path
) -> None:
    segmentation = drawn(client)
    answer = client.get("/api/export", params={"format": "coco"})
    assert answer.headers["content-type"] == "application/zip"
    with zipfile.ZipFile(BytesIO(answer.content)) as packed:
        packed.extractall(tmp_path / "out")
    (file,) = (tmp_path / "out").glob("**/*.json")
    parts = open_dataset(str(file), images=str(photos)).parts
    (sample,) = [one for part in parts for one in part.read() if isinstance(one, Sample)]
    np.testing.assert_array_equal(rle.decode(sample.masks[0]), rle.decode(segmentation))


def test_what_is_lost_is_said_first(client: TestClient) -> None:
    drawn(client)
    lost = client.get("/api/export/losses", params={"format": "coco"}).json()
    assert (lost["images"], lost["masks"]) == (1, 1)
    assert any("have no label" in line for line in lost["lines"])


def test_nothing_worked_on_is_no_file(client: TestClient) -> None:
    answer = client.get("/api/export", params={"format": "yolo"})
    assert (answer.status_code, answer.json()["kind"]) == (404, "not_found")


@pytest.mark.parametrize("form", ["docx", ""])
def test_another_format_is_refused(client: TestClient, form: str) -> None:
    assert client.get("/api/export", params={"format": form}).status_code == 422


def test_the_command_writes_masks_and_images(
    client: TestClient, here: Workplace, photos: Path, tmp_path: Path
) -> None:
    drawn(client)
    out = tmp_path / "exported"
    store = str(here.store.path)
    arguments = ["engine", "export", store, str(out), "--to", "coco", "--images", str(photos)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "1 image, 1 mask; lost in coco:" in result.stderr
    (file,) = out.glob("**/*.json")
    (image,) = json.loads(file.read_text())["images"]
    assert [path.name for path in out.glob("**/*.png")] == [image["file_name"]]
