"""Frames: animations are asked about, a phone's previews are not, and labels stay as they are."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from anymask.core.image import count_pages, decode_image, read_image, read_mask, read_pages
from anymask.core.read_options import ReadOptions
from anymask.errors import ImageError

HW = (20, 30)


def frames(count: int) -> list[Image.Image]:
    return [Image.new("RGB", HW[::-1], (60 * number, 0, 200)) for number in range(count)]


def animation(form: str, count: int = 3, **how: Any) -> bytes:
    file = io.BytesIO()
    first, *others = frames(count)
    first.save(file, form, save_all=True, append_images=others, **how)
    return file.getvalue()


@pytest.mark.parametrize(
    ("form", "how"),
    [("GIF", {}), ("WEBP", {"lossless": True}), ("PNG", {}), ("PNG", {"default_image": True})],
)
def test_of_several_frames_one_is_asked_for(form: str, how: dict[str, Any]) -> None:
    content = animation(form, **how)
    name = f"x.{form.lower()}"
    with pytest.raises(ImageError, match=rf"{name} has 3 frames; say which: --page 1"):
        decode_image(content, name)
    assert count_pages(content, name) == 3
    for page in (3, 1, 2):
        rgb = decode_image(content, name, options=ReadOptions(page=page))
        assert np.abs(rgb.astype(int) - (60 * (page - 1), 0, 200)).max() <= 2
    with pytest.raises(ImageError, match="there is no frame 4"):
        decode_image(content, name, options=ReadOptions(page=4))


@pytest.mark.parametrize("form", ["GIF", "WEBP", "PNG"])
def test_an_animation_of_one_frame_is_an_image(form: str) -> None:
    assert decode_image(animation(form, 1, lossless=True), "x").shape == (*HW, 3)


def mpo(*others: Image.Image, mark: bytes = b"", **how: Any) -> bytes:
    file = io.BytesIO()
    frames(1)[0].save(file, "MPO", save_all=True, append_images=others, **how)
    assert getattr(Image.open(file), "n_frames", 1) == len(others) + 1
    return file.getvalue() + mark


@pytest.mark.parametrize(
    "content",
    [
        mpo(Image.new("RGB", (15, 10))),
        mpo(Image.new("RGB", (15, 10)), Image.new("RGB", HW[::-1])),
        mpo(Image.new("L", HW[::-1])),
        mpo(Image.new("RGB", HW[::-1]), mark=b'<x hdrgm:Version="1.0"/>'),
    ],
    ids=["preview", "previews", "depth", "gain map"],
)
def test_what_a_phone_puts_behind_a_photograph_is_no_frame(content: bytes) -> None:
    assert count_pages(content, "x.jpg") == 1
    assert np.abs(decode_image(content, "x.jpg").astype(int) - (0, 0, 200)).max() <= 4


def test_the_views_of_a_stereo_camera_are_frames() -> None:
    exif = Image.Exif()
    for orientation, hw in ((1, HW), (6, HW[::-1])):
        exif[0x0112] = orientation
        content = mpo(*frames(3)[1:], Image.new("RGB", (15, 10)), exif=exif)
        assert count_pages(content, "x.mpo") == 3
        with pytest.raises(ImageError, match=r"x\.mpo has 3 frames; say which: --page 1 to"):
            decode_image(content, "x.mpo")
        for page in (3, 1, 2):
            rgb = decode_image(content, "x.mpo", options=ReadOptions(page=page))
            assert np.abs(rgb.astype(int) - (60 * (page - 1), 0, 200)).max() <= 4
            assert rgb.shape[:2] == hw


def test_webp_without_losses_holds_labels() -> None:
    labels = np.zeros((*HW, 3), np.uint8)
    labels[2:8, 3:9] = 3
    for lossless in (True, False):
        file = io.BytesIO()
        Image.fromarray(labels).save(file, "WEBP", lossless=lossless)
        (raster,) = read_pages(file.getvalue(), "x.webp")
        assert raster.is_lossy is not lossless


def test_a_pil_image_is_the_frame_that_it_stands_at() -> None:
    image = Image.open(io.BytesIO(animation("GIF")))
    image.seek(2)
    assert np.abs(read_image(image).astype(int) - (120, 0, 200)).max() <= 2


def test_a_mask_of_several_frames_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.gif"
    path.write_bytes(animation("GIF"))
    with pytest.raises(ImageError, match="has 3 frames"):
        read_mask(path)


def test_frames_of_grey_are_values_whatever_their_palettes_are() -> None:
    values = [[[0, 1]], [[2, 0]], [[7, 9]]]
    pages = [Image.fromarray(np.array(rows, np.uint8)).resize((8, 4), 0) for rows in values]
    file = io.BytesIO()
    pages[0].save(file, "GIF", save_all=True, append_images=pages[1:])
    stored = [raster.labels("m.gif")[0] for raster in read_pages(file.getvalue(), "m.gif")]
    assert [row[[0, -1]].tolist() for row in stored] == [[0, 1], [2, 0], [7, 9]]


def test_bands_of_a_png_are_chosen() -> None:
    file = io.BytesIO()
    Image.new("RGBA", HW[::-1], (1, 2, 3, 4)).save(file, "PNG")
    chosen = decode_image(file.getvalue(), "x.png", options=ReadOptions(bands=(3, 2, 1)))
    assert chosen[0, 0].tolist() == [3, 2, 1]
    alpha = decode_image(file.getvalue(), "x.png", options=ReadOptions(bands=(4,)))
    assert alpha[0, 0].tolist() == [4, 4, 4]


@pytest.mark.parametrize("form", ["JPEG", "TIFF", "JPEG2000"])
def test_inks_are_colours(form: str) -> None:
    for inks, rgb in (((0, 255, 255, 0), (255, 0, 0)), ((0, 0, 0, 255), (0, 0, 0))):
        file = io.BytesIO()
        Image.new("CMYK", HW[::-1], inks).save(file, form)
        assert np.abs(decode_image(file.getvalue(), "x").astype(int) - rgb).max() <= 3
