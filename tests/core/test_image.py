"""Reading images: every kind of file and array becomes the same upright RGB, or a named error."""

from __future__ import annotations

import io
import itertools
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from anymask.core.image import read_image, read_mask
from anymask.errors import ImageError
from tests.core.stored_pixels import UPRIGHT, Pixels, noise

ORIENTATION_TAG = 0x0112


def turned(orientation: int) -> Image.Exif:
    exif = Image.Exif()
    exif[ORIENTATION_TAG] = orientation
    return exif


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(ihdr: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG by hand, for what Pillow does not write."""
    every = (b"IHDR", ihdr), *chunks, (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(png_chunk(*chunk) for chunk in every)


@pytest.fixture
def file(tmp_path: Path) -> Callable[..., Path]:
    """Writes a PIL image (with options for Pillow) or bytes under a name, and gives the path."""

    def write(content: Image.Image | bytes, name: str = "x.png", **options: Any) -> Path:
        path = tmp_path / name
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            content.save(path, **options)
        return path

    return write


@pytest.mark.parametrize("name", ["x.png", "x.tif", "x.bmp", "x.webp", "x.ppm"])
def test_files_without_loss_give_the_very_pixels(file: Callable[..., Path], name: str) -> None:
    pixels = noise(7, 11, 3)
    options = {"lossless": True} if name == "x.webp" else {}
    path = file(Image.fromarray(pixels), name, **options)
    for source in (path, str(path), Image.open(path)):
        read = read_image(source)
        np.testing.assert_array_equal(read, pixels)
        assert read.dtype == np.uint8
        assert read.flags.c_contiguous


@pytest.mark.parametrize("orientation", UPRIGHT)
@pytest.mark.parametrize("name", ["x.png", "x.jpg"])
def test_exif_orientations_are_undone(
    file: Callable[..., Path], name: str, orientation: int
) -> None:
    blocks = noise(2, 3, 3).repeat(16, axis=0).repeat(16, axis=1)
    options = {"quality": 100, "subsampling": 0} if name == "x.jpg" else {}
    path = file(Image.fromarray(blocks), name, exif=turned(orientation), **options)
    expected = UPRIGHT[orientation](blocks).astype(int)
    for read in (read_image(path), read_image(Image.open(path))):
        assert read.shape == expected.shape
        assert np.abs(read - expected).max() <= 5


def test_greyscale_is_repeated(file: Callable[..., Path]) -> None:
    grey = noise(5, 6)
    for source in (file(Image.fromarray(grey)), Image.fromarray(grey), grey, grey[:, :, None]):
        np.testing.assert_array_equal(read_image(source), np.dstack([grey] * 3))


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_transparency_is_laid_over_white(file: Callable[..., Path], mode: str) -> None:
    alphas = {"LA": (1, 0, 128, 255), "RGBA": (0, 0, 128, 255)}[mode]
    colour = (100,) if mode == "LA" else (100, 50, 0)
    image = Image.new(mode, (4, 1))
    for x, alpha in enumerate(alphas):
        image.putpixel((x, 0), (*colour, alpha))
    solid = np.array(colour * 3 if mode == "LA" else colour)
    share = np.array(alphas)[:, None] / 255
    expected = solid * share + 255 * (1 - share)
    for source in (image, file(image)):
        assert np.abs(read_image(source)[0] - expected).max() <= 1
    if mode == "RGBA":
        assert np.abs(read_image(np.asarray(image))[0] - expected).max() <= 1


def palette_image() -> Image.Image:
    image = Image.new("P", (3, 1))
    image.putpalette([10, 20, 30, 200, 100, 0, 1, 2, 3])
    for x in range(3):
        image.putpixel((x, 0), x)
    return image


@pytest.mark.parametrize("name", ["x.png", "x.gif"])
def test_palettes_are_looked_up(file: Callable[..., Path], name: str) -> None:
    expected = [[[10, 20, 30], [200, 100, 0], [1, 2, 3]]]
    assert read_image(file(palette_image(), name)).tolist() == expected
    see_through = read_image(file(palette_image(), name, transparency=1))
    assert see_through.tolist() == [[[10, 20, 30], [255, 255, 255], [1, 2, 3]]]


def test_one_bit_is_black_and_white(file: Callable[..., Path]) -> None:
    bits = np.array([[True, False, True]])
    for source in (file(Image.fromarray(bits)), Image.fromarray(bits), bits):
        assert read_image(source)[:, :, 0].tolist() == [[255, 0, 255]]


@pytest.mark.parametrize(
    ("cmyk", "rgb"),
    [
        ((0, 0, 0, 0), (255, 255, 255)),
        ((255, 0, 0, 0), (0, 255, 255)),
        ((0, 255, 255, 0), (255, 0, 0)),
        ((0, 0, 0, 255), (0, 0, 0)),
    ],
)
def test_cmyk_is_converted(
    file: Callable[..., Path], cmyk: tuple[int, ...], rgb: tuple[int, ...]
) -> None:
    path = file(Image.new("CMYK", (16, 16), cmyk), "x.jpg", quality=95)
    assert Image.open(path).mode == "CMYK"
    assert np.abs(read_image(path).astype(int) - rgb).max() <= 4


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([0, 32768, 65535], [0, 128, 255]),
        ([0, 2048, 4095], [0, 128, 255]),  # twelve bits in sixteen
        ([0, 512, 1023], [0, 128, 255]),
        ([0, 8192, 16383], [0, 128, 255]),
        ([0, 128, 255], [0, 128, 255]),
        ([0, 16, 4096], [0, 0, 64]),  # one above twelve bits: fourteen
        ([0, 0, 0], [0, 0, 0]),
    ],
)
@pytest.mark.parametrize("kind", ["uint16", "int32"])
def test_sixteen_bits_are_scaled_from_the_depth_that_is_used(
    file: Callable[..., Path], values: list[int], expected: list[int], kind: str
) -> None:
    deep = np.array([values], kind)
    image = Image.fromarray(deep)
    assert image.mode == {"uint16": "I;16", "int32": "I"}[kind]
    path = file(image, "x.png" if kind == "uint16" else "x.tif")
    for source in (path, image, deep):
        read = read_image(source)
        assert read.shape == (1, 3, 3)
        assert read[0, :, 1].tolist() == expected


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 1), (5, 6, 3)])
@pytest.mark.parametrize(
    "kind", ["uint8", "int8", "uint16", "int16", ">u2", "int32", "uint32", "int64", "uint64"]
)
def test_arrays_of_all_whole_numbers_are_taken(shape: tuple[int, ...], kind: str) -> None:
    values = np.random.default_rng(1).integers(0, 128, shape)
    read = read_image(values.astype(kind))
    expected = values.reshape(5, 6, -1)
    np.testing.assert_array_equal(read, np.broadcast_to(expected, (5, 6, 3)))
    assert read.dtype == np.uint8


def test_an_array_need_not_lie_in_order_in_memory() -> None:
    pixels = noise(8, 6, 4)
    for view in (pixels[::-1, ::2], pixels[..., :3][:, ::-1], np.asfortranarray(pixels[..., :3])):
        read = read_image(view)
        np.testing.assert_array_equal(read, read_image(view.copy()))
        assert read.flags.c_contiguous


def test_a_single_pixel_is_an_image(file: Callable[..., Path]) -> None:
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I"):
        assert read_image(Image.new(mode, (1, 1))).shape == (1, 1, 3)
    assert read_image(file(Image.new("RGB", (1, 1), (1, 2, 3)))).tolist() == [[[1, 2, 3]]]


@pytest.mark.parametrize("kind", ["float32", "float64", "complex64", "object", "U1", "M8[s]"])
def test_pixels_without_an_agreed_range_are_refused(kind: str) -> None:
    with pytest.raises(ImageError, match=r"have no agreed range; convert them to uint8"):
        read_image(np.zeros((4, 4, 3), kind))


def test_float_files_are_refused(file: Callable[..., Path]) -> None:
    image = Image.fromarray(np.array([[0.0, 0.5]], np.float32))
    for source in (image, file(image, "x.tif")):
        with pytest.raises(ImageError, match="float32 have no agreed range"):
            read_image(source)


@pytest.mark.parametrize("value", [-1, 65536, 2**40])
def test_values_outside_sixteen_bits_are_refused(value: int) -> None:
    with pytest.raises(ImageError, match=f"{value} are neither 8-bit nor 16-bit"):
        read_image(np.array([[min(value, 0), max(value, -1)]]))


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((), r"must be \(H, W\)"),
        ((5,), r"not \(5,\)"),
        ((5, 6, 2), r"not \(5, 6, 2\)"),
        ((5, 6, 5), r"must be \(H, W\)"),
        ((1, 5, 6, 3), r"must be \(H, W\)"),
        ((3, 50, 60), "channels go last"),
        ((0, 5), "has no pixels"),
        ((5, 0, 3), "has no pixels"),
        ((0, 0, 1), "has no pixels"),
    ],
)
def test_arrays_of_other_shapes_are_refused(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ImageError, match=message):
        read_image(np.zeros(shape, np.uint8))


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "I", "I;16"])
@pytest.mark.parametrize("size", [(0, 5), (5, 0), (0, 0)])
def test_pil_images_without_pixels_are_refused(mode: str, size: tuple[int, int]) -> None:
    with pytest.raises(ImageError):
        read_image(Image.new(mode, size))


@pytest.mark.parametrize("source", [None, 5, [[1, 2], [3, 4]], b"x.png", {}, io.BytesIO()])
def test_what_is_no_source_is_refused_by_its_type(source: Any) -> None:
    with pytest.raises(ImageError, match=f"not {type(source).__name__}"):
        read_image(source)


BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty: it has no bytes"),
    "text": (b"this is no image\n", "not an image of a known format"),
    "magic only": (b"\x89PNG\r\n\x1a\n", "PNG|not an image|can't be read"),
    "short PNG header": (png(b"\0\0\0\1"), "can't be read|not an image"),
    "too much text": (
        png(
            struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0),
            (b"zTXt", b"note\0\0" + zlib.compress(bytes(1 << 21))),
        ),
        "can't be read|not an image|can't be decoded",
    ),
    "QOI without pixels": (b"qoif" + struct.pack(">IIBB", 8, 8, 4, 0), "can't be"),
    "no number in a PGM": (b"P5 4x 4 255\n" + bytes(16), "can't be read|not an image"),
    "endless PGM number": (b"P5 " + b"4" * 99, "can't be read|not an image"),
}


@pytest.mark.parametrize("read", [read_image, read_mask])
@pytest.mark.parametrize("name", BROKEN)
def test_files_that_are_no_images_are_refused(
    file: Callable[..., Path], name: str, read: Callable[[Path], Pixels]
) -> None:
    content, message = BROKEN[name]
    path = file(content)
    with pytest.raises(ImageError, match=message) as caught:
        read(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("read", [read_image, read_mask])
@pytest.mark.parametrize(
    ("name", "mode"), [*itertools.product(["x.png", "x.webp", "x.tif"], ["RGB", "RGBA"]),
                       ("x.jpg", "RGB"), ("x.bmp", "RGB"), ("x.gif", "L")]
)  # fmt: skip
def test_a_file_that_was_cut_short_is_refused(
    file: Callable[..., Path], name: str, mode: str, read: Callable[[Path], Pixels]
) -> None:
    path = file(Image.fromarray(noise(64, 64, 3)).convert(mode), name)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError) as caught:
        read(path)
    assert name in str(caught.value)


@pytest.mark.parametrize("read", [read_image, read_mask])
def test_folders_and_missing_files_are_told_apart(
    tmp_path: Path, read: Callable[[Path | str], Pixels]
) -> None:
    with pytest.raises(ImageError, match="is a folder, not an image"):
        read(tmp_path)
    for missing in (tmp_path / "no.png", "", "\0", tmp_path / "no.png" / "x.png"):
        with pytest.raises(ImageError, match=r"there is no file|can't be read|names no file"):
            read(missing)


@pytest.mark.parametrize("read", [read_image, read_mask])
def test_a_name_too_long_for_the_disk_is_refused(read: Callable[[str], Pixels]) -> None:
    with pytest.raises(ImageError):
        read("a" * 300 + ".png")


def test_an_image_beyond_pillows_limit_is_refused(
    file: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file(Image.new("L", (30, 30)))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 500)  # 900 pixels: Pillow would only warn
    assert read_image(path).shape == (30, 30, 3)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
    with pytest.raises(ImageError, match=r"can't be read: Image size \(900 pixels\)"):
        read_image(path)


@pytest.mark.slow
def test_a_hundred_megapixels_are_read_right(file: Callable[..., Path]) -> None:
    grey = np.zeros((9000, 12000), np.uint8)
    grey[1000:2000, 3000:5000] = 200
    grey[-1, -1] = 7
    read = read_image(file(Image.fromarray(grey), compress_level=1))
    assert read.shape == (9000, 12000, 3)
    assert all(np.array_equal(read[:, :, channel], grey) for channel in range(3))


@pytest.mark.parametrize("peak", [1, 100, 255])
def test_a_mask_is_what_is_brighter_than_half_of_its_brightest(
    file: Callable[..., Path], peak: int
) -> None:
    path = file(Image.fromarray(np.array([[0, peak // 2, peak]], np.uint8)))
    mask = read_mask(path)
    assert mask.dtype == bool
    assert mask.tolist() == [[False, False, True]]


def test_masks_of_other_kinds_are_read_too(file: Callable[..., Path]) -> None:
    bits = np.array([[True, False], [False, True]])
    np.testing.assert_array_equal(read_mask(file(Image.fromarray(bits))), bits)
    deep = bits.astype(np.uint16) * 4095
    np.testing.assert_array_equal(read_mask(file(Image.fromarray(deep))), bits)
    colours = np.zeros((2, 2, 3), np.uint8)
    colours[bits] = (200, 30, 90)
    np.testing.assert_array_equal(read_mask(file(Image.fromarray(colours))), bits)
    assert not read_mask(file(Image.new("L", (3, 2)))).any()
    assert read_mask(file(Image.new("L", (3, 2), 255))).all()


def test_a_mask_with_transparency_is_what_is_not_transparent(file: Callable[..., Path]) -> None:
    pixels = np.zeros((1, 3, 4), np.uint8)
    pixels[0, :, 3] = (0, 255, 100)
    assert read_mask(file(Image.fromarray(pixels))).tolist() == [[False, True, False]]
    assert read_mask(file(palette_image(), transparency=1)).tolist() == [[True, False, True]]


@pytest.mark.parametrize("mode", ["L", "RGBA"])
def test_a_mask_is_turned_as_its_image_is(file: Callable[..., Path], mode: str) -> None:
    bits = np.array([[True, False, False], [False, False, False]])
    layers = [bits * 255] if mode == "L" else [bits * 0] * 3 + [bits * 255]
    stored = np.dstack(layers).astype(np.uint8).squeeze()
    path = file(Image.fromarray(stored), exif=turned(6))
    np.testing.assert_array_equal(read_mask(path), UPRIGHT[6](bits))


def test_a_mask_that_is_an_array_of_numbers_without_range_is_refused(
    file: Callable[..., Path],
) -> None:
    path = file(Image.fromarray(np.array([[0.0, 0.5]], np.float32)), "x.tif")
    with pytest.raises(ImageError, match="float32"):
        read_mask(path)
