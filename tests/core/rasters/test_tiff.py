"""TIFF: every way to lay out the same pixels gives the same image, and what is unclear is asked."""

from __future__ import annotations

import io
import itertools
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from anymask.core.image import count_pages, decode_image, read_image, read_mask, read_pages
from anymask.core.read_options import ReadOptions
from anymask.errors import ImageError
from tests.core.stored_pixels import UPRIGHT, Pixels, noise

HW = (40, 56)


def tiff(array: Pixels, **how: Any) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, array, **how)
    return file.getvalue()


def by_pillow(image: Image.Image, **how: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, "TIFF", **how)
    return file.getvalue()


def read(content: bytes, **options: Any) -> npt.NDArray[np.uint8]:
    return decode_image(content, "x.tif", options=ReadOptions(**options))


@pytest.mark.parametrize("depth", ["u1", "u2"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
@pytest.mark.parametrize("tile", [None, (16, 32)])
@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "zstd", "packbits", "lzma"])
@pytest.mark.parametrize(("byteorder", "bigtiff"), [("<", False), (">", True)])
def test_every_layout_of_colours_gives_the_very_pixels(
    depth: str, planes: str, tile: Any, compression: str | None, byteorder: Any, bigtiff: bool
) -> None:
    pixels = noise(*HW, 3)
    stored = pixels if depth == "u1" else pixels.astype(np.uint16) * 257
    for predictor in (False, True) if compression in ("lzw", "deflate", "zstd") else (False,):
        content = tiff(
            np.moveaxis(stored, 2, 0) if planes == "separate" else stored,
            photometric="rgb",
            planarconfig=planes,
            tile=tile,
            rowsperstrip=None if tile else 7,
            compression=compression,
            predictor=predictor,
            byteorder=byteorder,
            bigtiff=bigtiff,
        )
        np.testing.assert_array_equal(read(content), pixels)


def test_an_array_of_planes_first_as_tifffile_writes_it_by_default_is_read_exactly(
    tmp_path: Path,
) -> None:
    pixels = noise(*HW, 3)
    path = tmp_path / "planes.tif"
    tifffile.imwrite(path, np.moveaxis(pixels.astype(np.uint16) * 256, 2, 0))
    for source in (path, Image.open(path)):
        assert np.abs(read_image(source).astype(int) - pixels).max() <= 1


@pytest.mark.parametrize("compression", [None, "lzw", "deflate"])
def test_grey_of_other_depths_uses_the_whole_range_that_its_bits_have(
    compression: str | None,
) -> None:
    for bits, expected in ((4, [0, 17, 136, 255]), (12, [0, 0, 0, 1]), (2, [0, 85, 170, 255])):
        values = np.array([[0, 1, 2 if bits == 2 else 8, 3 if bits == 2 else 15]])
        stored = values.astype(np.uint8 if bits < 9 else np.uint16)
        if bits == 12 and compression:
            continue
        content = tiff(stored, photometric="minisblack", bitspersample=bits)
        assert read(content)[0, :, 0].tolist() == expected


def test_jpeg_within_tiff_is_read_as_pillow_reads_it() -> None:
    smooth = np.add.outer(np.arange(40), np.arange(56))
    pixels = np.dstack([smooth, smooth[::-1], 255 - smooth]).astype(np.uint8)
    for colours, subsampling in (("ycbcr", (1, 1)), ("ycbcr", (2, 2)), ("rgb", (1, 1))):
        content = tiff(
            pixels,
            photometric="rgb",
            compression="jpeg",
            subsampling=subsampling,
            compressionargs={"outcolorspace": colours},
        )
        theirs = np.asarray(Image.open(io.BytesIO(content)).convert("RGB")).astype(int)
        assert np.abs(read(content) - theirs).max() <= 3
        assert np.abs(read(content).astype(int) - pixels).mean() < 3
    for compression in ("raw", "tiff_lzw"):
        content = by_pillow(Image.fromarray(pixels).convert("YCbCr"), compression=compression)
        assert np.abs(read(content).astype(int) - pixels).max() <= 4


def test_palettes_inks_and_bits_are_read_as_pillow_reads_them() -> None:
    pixels = Image.fromarray(noise(*HW, 3))
    for mode, how in itertools.product(["P", "CMYK", "1", "L", "LA", "RGBA"], [{}, "lzw"]):
        image = pixels.convert("L").convert(mode) if mode in ("1", "LA") else pixels.convert(mode)
        content = by_pillow(image, **({"compression": "tiff_lzw"} if how else {}))
        np.testing.assert_array_equal(read(content), read_image(image))
    fax = by_pillow(pixels.convert("1"), compression="group4")
    np.testing.assert_array_equal(read(fax), read_image(pixels.convert("1")))


def test_where_0_is_white_the_picture_is_the_other_way_round() -> None:
    grey = noise(*HW)
    content = tiff(255 - grey, photometric="miniswhite")
    np.testing.assert_array_equal(read(content)[..., 0], grey)
    deep = tiff((255 - grey).astype(np.uint16) * 257, photometric="miniswhite")
    np.testing.assert_array_equal(read(deep)[..., 1], grey)


def test_an_array_of_bool_is_white_where_it_is_true() -> None:
    """tifffile calls 0 white in such a file, and other readers show its complement."""
    bits = noise(*HW) > 200
    np.testing.assert_array_equal(read(tiff(bits))[..., 0] > 0, bits)


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_orientations_are_undone(orientation: int, planes: str) -> None:
    pixels = noise(5, 7, 3)
    content = tiff(
        np.moveaxis(pixels, 2, 0) if planes == "separate" else pixels,
        photometric="rgb",
        planarconfig=planes,
        extratags=[(274, 3, 1, orientation, True)],
    )
    np.testing.assert_array_equal(read(content), UPRIGHT[orientation](pixels))


@pytest.mark.parametrize("depth", ["u1", "u2"])
@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
def test_what_is_called_alpha_is_laid_over_white(kind: str, depth: str) -> None:
    alpha = np.array([0, 64, 128, 255])
    colour = np.array([[200, 100, 0]] * 4)
    expected = (colour * alpha[:, None] + 255 * (255 - alpha[:, None])) / 255
    shown = colour if kind == "unassalpha" else colour * alpha[:, None] // 255
    stored = np.dstack([shown[None], alpha[None, :, None]]).astype(depth)
    content = tiff(stored * (257 if depth == "u2" else 1), photometric="rgb", extrasamples=[kind])
    assert np.abs(read(content)[0] - expected).max() <= 1.5


UNCLEAR: dict[str, tuple[int, dict[str, Any], str]] = {
    "infrared": (4, {"photometric": "rgb", "extrasamples": ["unspecified"]}, "rgb, unspecified"),
    "four greys": (4, {"photometric": "minisblack"}, "minisblack, 3 unspecified"),
    "two": (2, {"photometric": "minisblack"}, "minisblack, unspecified"),
    "five": (5, {"photometric": "minisblack"}, "minisblack"),
    "thirteen": (13, {"photometric": "minisblack"}, "minisblack"),
    "alpha and more": (5, {"photometric": "rgb", "extrasamples": ["unassalpha", 0]}, "unassalpha"),
}


@pytest.mark.parametrize("name", UNCLEAR)
@pytest.mark.parametrize("depth", ["u1", "u2", "f4"])
@pytest.mark.parametrize("planes", ["contig", "separate"])
def test_bands_that_the_file_does_not_call_colours_are_asked_for(
    name: str, depth: str, planes: str
) -> None:
    bands, how, said = UNCLEAR[name]
    pixels = noise(*HW, bands).astype(depth)
    stored = np.moveaxis(pixels, 2, 0) if planes == "separate" else pixels
    content = tiff(stored, planarconfig=planes, **how)
    with pytest.raises(ImageError, match=rf"has {bands} bands .*{said}.*--bands 1,2,3.*--bands 1"):
        read(content)
    window = (0.0, 255.0)
    last = bands, 1, 1
    chosen = read(content, bands=last, window=window)
    np.testing.assert_array_equal(chosen, pixels[..., [bands - 1, 0, 0]].astype(np.uint8))
    grey = read(content, bands=(2,), window=window)
    np.testing.assert_array_equal(grey, np.dstack([pixels[..., 1].astype(np.uint8)] * 3))
    with pytest.raises(ImageError, match=f"has {bands} bands; there is no band {bands + 1}"):
        read(content, bands=(bands + 1,))


def stack(pages: int) -> npt.NDArray[np.uint8]:
    return np.stack([np.full(HW, 10 * (page + 1), np.uint8) for page in range(pages)])


STACKS: dict[str, dict[str, Any]] = {
    "pages": {"photometric": "minisblack"},
    "ImageJ": {"imagej": True},
    "ImageJ, without directories": {"imagej": True, "truncate": True},
    "without directories": {"photometric": "minisblack", "truncate": True},
    "OME": {"ome": True, "photometric": "minisblack"},
    "compressed": {"photometric": "minisblack", "compression": "lzw", "byteorder": ">"},
}


@pytest.mark.parametrize("kind", STACKS)
@pytest.mark.parametrize("pages", [2, 3, 7])
def test_of_several_pages_one_is_asked_for(kind: str, pages: int) -> None:
    content = tiff(stack(pages), **STACKS[kind])
    with pytest.raises(ImageError, match=f"x.tif has {pages} pages; say which: --page 1"):
        read(content)
    assert count_pages(content, "x.tif") == pages
    for page in range(1, pages + 1):
        np.testing.assert_array_equal(read(content, page=page), np.full((*HW, 3), 10 * page))
    with pytest.raises(ImageError, match=f"has {pages} pages; there is no page {pages + 1}"):
        read(content, page=pages + 1)
    values = [raster.values[0, 0, 0] for raster in read_pages(content, "x.tif")]
    assert values == [10 * (page + 1) for page in range(pages)]


def test_a_single_page_may_be_named() -> None:
    content = tiff(stack(1)[0])
    assert read(content, page=1).max() == 10
    with pytest.raises(ImageError, match="has 1 page; there is no page 2"):
        read(content, page=2)


def pyramid(subifds: bool) -> bytes:
    pixels, file = noise(64, 64, 3), io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(pixels, photometric="rgb", tile=(16, 16), subifds=2 if subifds else 0)
        for step in (2, 4):
            smaller = np.ascontiguousarray(pixels[::step, ::step])
            writer.write(smaller, photometric="rgb", tile=(16, 16), subfiletype=1)
    return file.getvalue()


@pytest.mark.parametrize("subifds", [False, True])
def test_overviews_are_no_pages(subifds: bool) -> None:
    np.testing.assert_array_equal(read(pyramid(subifds)), noise(64, 64, 3))


def test_masks_of_transparency_and_thumbnails_are_no_pages() -> None:
    pixels, file = noise(64, 64, 3), io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(pixels[::8, ::8], photometric="rgb", subfiletype=1)
        writer.write(pixels, photometric="rgb")
        writer.write(np.ones((64, 64), bool), subfiletype=4, photometric=4)
    np.testing.assert_array_equal(read(file.getvalue()), pixels)


def test_a_volume_and_raw_data_are_refused_by_name() -> None:
    volume = tiff(noise(16, 32, 32), volumetric=True, tile=(16, 16, 16), photometric="minisblack")
    with pytest.raises(ImageError, match="is a volume of 16 slices"):
        read(volume)
    with pytest.raises(ImageError, match="pixels of kind cfa"):
        read(tiff(noise(*HW), photometric="cfa"))


def test_floats_and_numbers_below_0_are_refused_with_their_range() -> None:
    for values in (np.array([[-2, 0.5]], "f4"), np.array([[0, 0.5]], "f8")):
        with pytest.raises(ImageError, match=r"--window LOW,HIGH.* 0.5$"):
            read(tiff(values, photometric="minisblack"))
    with pytest.raises(ImageError, match=r"from -7 to 900 .*--window LOW,HIGH or --window auto"):
        read(tiff(np.array([[-7, 900]], "i2"), photometric="minisblack"))
    shown = read(tiff(np.array([[-1, 0, 1, 2]], "f4"), photometric="minisblack"), window=(0, 1))
    assert shown[0, :, 0].tolist() == [0, 0, 255, 255]
    holes = np.array([[np.nan, -np.inf, np.inf, 1, 0]], "f4")
    assert read(tiff(holes), window=(0, 2))[0, :, 0].tolist() == [0, 0, 255, 128, 0]


def test_the_automatic_window_is_of_percentiles() -> None:
    values = np.linspace(-5, 5, 10_000, dtype=np.float32).reshape(100, 100)
    values[0, 0], values[-1, -1] = -1e9, 1e9
    shown = read(tiff(values), window="auto")
    assert np.abs(shown[..., 0].reshape(-1) - np.linspace(0, 255, 10_000)).max() <= 1.5


def test_the_range_that_the_file_says_is_taken() -> None:
    dark = np.array([[0, 100, 400]], np.uint16)
    for tag in (281, 341):
        content = tiff(dark, photometric="minisblack", extratags=[(tag, 3, 1, 4095, True)])
        assert read(content)[0, :, 0].tolist() == [0, 6, 25]
    wrong = tiff(dark, photometric="minisblack", extratags=[(281, 3, 1, 50, True)])
    assert read(wrong)[0, :, 0].tolist() == [0, 25, 100]
    said = [(340, "f", 1, -1.0, True), (341, "f", 1, 1.0, True)]
    floats = tiff(np.array([[-1, 0, 1]], "f4"), photometric="minisblack", extratags=said)
    assert read(floats)[0, :, 0].tolist() == [0, 128, 255]


def test_what_stands_for_no_data_is_black_and_changes_nothing() -> None:
    values = np.array([[0, 2048, 4095, 65535]], np.uint16)
    content = tiff(values, photometric="minisblack", extratags=[(42113, 2, 0, "65535", True)])
    assert read(content)[0, :, 0].tolist() == [0, 128, 255, 0]


def test_more_pixels_than_may_be_are_refused_before_they_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    content = tiff(noise(30, 30))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 450)
    assert read(content).shape == (30, 30, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
    with pytest.raises(ImageError, match=r"900 pixels.* exceeds limit of 800 pixels"):
        read(content)


@pytest.mark.parametrize("how", [{}, {"compression": "lzw"}, {"tile": (16, 16)}, {"bigtiff": True}])
def test_a_file_that_was_cut_off_is_refused_wherever(how: dict[str, Any]) -> None:
    content = tiff(noise(*HW, 3), photometric="rgb", **how)
    for size in range(0, len(content) - 1, 97):
        with pytest.raises(ImageError):
            read(content[:size])


def test_sizes_that_a_file_makes_up_are_refused() -> None:
    content = bytearray(tiff(noise(*HW), photometric="minisblack", metadata=None))
    place = content.index(np.array([257, 4], "<u2").tobytes())  # ImageLength
    content[place + 8 : place + 12] = np.uint32(9000).tobytes()
    with pytest.raises(ImageError):
        read(bytes(content))


def test_a_mask_may_be_any_tiff(tmp_path: Path) -> None:
    bits = noise(*HW) > 128
    kinds: dict[str, bytes] = {
        "bool": tiff(bits),
        "16 bits": tiff(bits.astype(np.uint16) * 3, photometric="minisblack"),
        "colours": tiff(np.dstack([bits * 40000] * 3).astype(np.uint16), photometric="rgb"),
        "whole floats": tiff(bits.astype(np.float32), photometric="minisblack"),
        "32 bits": tiff(bits.astype(np.uint32) * 70_000, photometric="minisblack"),
        "fax": by_pillow(Image.fromarray(bits), compression="group4"),
    }
    for name, content in kinds.items():
        path = tmp_path / f"{name}.tif"
        path.write_bytes(content)
        np.testing.assert_array_equal(read_mask(path), bits, name)
    several = tiff(stack(2), photometric="minisblack")
    banded = tiff(noise(*HW, 5), photometric="minisblack", planarconfig="contig")
    for content, said in ((several, "2 pages"), (banded, "5 bands")):
        (tmp_path / "x.tif").write_bytes(content)
        with pytest.raises(ImageError, match=said):
            read_mask(tmp_path / "x.tif")


@pytest.mark.parametrize("tile", [None, (16, 32)])
@pytest.mark.parametrize("planar", [False, True])
@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_lzw_is_undone_by_libtiff(
    dtype: type[np.generic], predictor: bool, planar: bool, tile: tuple[int, int] | None
) -> None:
    stored = np.random.default_rng(0).integers(0, 9, (45, 37, 3)).astype(dtype)
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        np.moveaxis(stored, 2, 0) if planar else stored,
        photometric="rgb",
        planarconfig="separate" if planar else "contig",
        compression="lzw",
        predictor=predictor,
        tile=tile,
        rowsperstrip=None if tile else 7,
        byteorder=">",
        metadata=None,
    )
    (page,) = read_pages(file.getvalue(), "x.tif")
    np.testing.assert_array_equal(page.values, stored)
