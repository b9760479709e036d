"""Pictures: the whole image, reduced views, thumbnails and tiles, and what is kept of them."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from fastapi.testclient import TestClient
from PIL import Image

from anymask.core.image import read_image
from anymask.engine.api.workplace import Workplace
from anymask.engine.pictures.pictures import TILE_PX
from anymask.predict.disk_cache import DiskCache
from tests.engine.api.page import Page
from tests.engine.store.steps import add

Pixels = npt.NDArray[np.uint8]


def shown(client: TestClient, path: str) -> Pixels:
    """What a browser makes of an answer."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    with Image.open(io.BytesIO(answer.content)) as image:
        return np.asarray(image.convert("RGB"))


def test_small_images_are_served_as_they_are(client: TestClient, photos: Path) -> None:
    answer = client.get("/api/images/2/pixels")
    assert answer.content == (photos / "b.jpg").read_bytes()
    assert answer.headers["content-type"] == "image/jpeg"


def test_a_browser_that_has_it_is_told_so(client: TestClient, photos: Path) -> None:
    for path in ("pixels", "pixels?longest=100", "thumbnail", "tiles/0/0/0"):
        first = client.get(f"/api/images/2/{path}")
        headers = {"If-None-Match": first.headers["etag"]}
        assert "no-cache" in first.headers["cache-control"]
        assert client.get(f"/api/images/2/{path}", headers=headers).status_code == 304
    Image.new("RGB", (300, 200), "red").save(photos / "b.jpg")
    assert client.get("/api/images/2/tiles/0/0/0", headers=headers).status_code == 200


def test_views_are_no_longer_than_asked(client: TestClient) -> None:
    assert shown(client, "/api/images/2/pixels?longest=100").shape == (67, 100, 3)
    assert shown(client, "/api/images/2/thumbnail").shape == (200, 300, 3)
    assert client.get("/api/images/2/pixels?longest=0").status_code == 422


@pytest.mark.parametrize("orientation", range(1, 9))
def test_an_image_lies_as_its_masks_do(client: TestClient, photos: Path, orientation: int) -> None:
    """The document's size, the browser's view, the tiles and our reader agree."""
    exif = Image.Exif()
    exif[274] = orientation
    ramp = np.linspace(0, 255, 40 * 70).reshape(40, 70).astype(np.uint8)
    for number, name in ((1, "a.png"), (2, "b.jpg")):
        Image.fromarray(ramp).convert("RGB").save(photos / name, exif=exif, quality=100)
        expected = read_image(photos / name)
        height, width = expected.shape[:2]
        document = client.get(f"/api/images/{number}").json()
        assert (document["width"], document["height"]) == (width, height)
        for path in ("pixels?longest=69", "pixels?low=0&high=255", "tiles/0/0/0", "thumbnail"):
            pixels = shown(client, f"/api/images/{number}/{path}")
            view = np.asarray(Image.fromarray(expected).resize(pixels.shape[1::-1]))
            assert np.abs(pixels.astype(int) - view).mean() < 8, (path, orientation)


def test_tiles_put_together_are_the_image(client: TestClient, photos: Path) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (700, 1100, 3), np.uint8)
    Image.fromarray(pixels).save(photos / "a.png")
    for level in (0, 1):
        height, width = -(-700 // 2**level), -(-1100 // 2**level)
        whole = np.zeros((height, width, 3), np.uint8)
        for row in range(-(-height // TILE_PX)):
            for column in range(-(-width // TILE_PX)):
                tile = shown(client, f"/api/images/1/tiles/{level}/{column}/{row}")
                top, left = row * TILE_PX, column * TILE_PX
                whole[top : top + TILE_PX, left : left + TILE_PX] = tile
        if level == 0:
            assert (whole == pixels).all()
        assert abs(int(whole.mean()) - int(pixels.mean())) <= 2
    for beyond in ("0/3/0", "0/0/2", "0/-1/0", "99/0/0", "-1/0/0"):
        assert client.get(f"/api/images/1/tiles/{beyond}").status_code == 404


def test_sixteen_bits_have_a_window(client: TestClient, photos: Path) -> None:
    deep = np.linspace(0, 4095, 40 * 60).reshape(40, 60).astype(np.uint16)
    tifffile.imwrite(photos / "a.tif", deep)
    (photos / "a.png").write_bytes((photos / "a.tif").read_bytes())
    as_is = shown(client, "/api/images/1/pixels")
    assert as_is.min() < 5
    assert as_is.max() > 250
    brighter = shown(client, "/api/images/1/pixels?low=0&high=1000")
    assert brighter[20].min() == 255
    assert client.get("/api/images/1/pixels?low=5").status_code == 422
    assert client.get("/api/images/1/pixels?low=5&high=5").status_code == 422
    assert client.get("/api/images/1/pixels?low=nan&high=5").status_code == 422


def test_what_is_broken_or_gone_is_told(client: TestClient, photos: Path) -> None:
    (photos / "a.png").write_bytes(b"no image")
    answer = client.get("/api/images/1/thumbnail")
    assert (answer.status_code, answer.json()["kind"]) == (422, "invalid")
    assert str(photos) not in answer.json()["error"]
    (photos / "b.jpg").unlink()
    assert client.get("/api/images/2/thumbnail").status_code == 404
    assert client.get("/api/images/77/thumbnail").status_code == 404


def test_a_broken_file_is_listed_as_unreadable_until_it_is_whole(
    client: TestClient, photos: Path
) -> None:
    def listed(number: int) -> tuple[str, str | None]:
        image = client.get("/api/images").json()["images"][number - 1]
        return image["state"], image["fault"]

    whole = (photos / "b.jpg").read_bytes()
    (photos / "a.png").write_bytes(b"no image")
    (photos / "b.jpg").write_bytes(whole[: len(whole) // 2])  # its size can be read
    assert client.get("/api/images/1").status_code == 422
    state, reason = listed(1)
    assert state == "unreadable"
    assert "a.png" in (reason or "")
    assert client.get("/api/images/2/thumbnail").status_code == 422
    assert client.get("/api/images/2").status_code == 422, "nor is half of it opened"
    assert client.get("/api/project").json()["counts"]["unreadable"] == 2
    assert client.get("/api/next").json()["id"] == 3
    (photos / "b.jpg").write_bytes(whole)
    assert client.get("/api/images/2").json()["state"] == "new"
    assert listed(2) == ("new", None)


def test_masks_of_another_size_keep_an_image_closed(client: TestClient, photos: Path) -> None:

    Page(client).send(add())
    Image.new("RGB", (61, 40)).save(photos / "a.png")
    answer = client.get("/api/images/1")
    assert answer.status_code == 422
    assert "put the old file back" in answer.json()["error"]


def test_the_cache_keeps_its_limit_and_what_was_used(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path / "cache", 10_000)
    for number in range(30):
        cache.put(str(number), bytes(1000))
        assert cache.get("0") is not None
    kept = [number for number in range(30) if cache.has(str(number))]
    assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) <= 10_000
    assert 0 in kept
    assert 29 in kept
    assert 1 not in kept


def test_a_cache_that_takes_nothing_stops_nobody(tmp_path: Path, here: Workplace) -> None:
    (tmp_path / "file").write_text("")
    cache = DiskCache(tmp_path / "file", 10_000)
    cache.put("name", b"content")
    assert cache.get("name") is None
