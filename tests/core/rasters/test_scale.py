"""The one rule for more than 8 bits: the same picture is as bright whatever file it comes from."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import imagecodecs
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from anymask.core.image import decode_image, read_image
from anymask.core.rasters.scale import white_of
from anymask.core.read_options import ReadOptions
from anymask.errors import ImageError

Pixels = npt.NDArray[Any]
HW = (48, 64)


def noise(*shape: int, most: int = 256) -> npt.NDArray[np.uint16]:
    return np.random.default_rng(0).integers(0, most, shape, dtype=np.uint16)


def tiff(deep: Pixels) -> bytes:
    file = io.BytesIO()
    photometric = "rgb" if deep.ndim == 3 else "minisblack"
    tifffile.imwrite(file, deep, photometric=photometric)
    return file.getvalue()


def by_opencv(ending: str) -> Callable[[Pixels], bytes]:
    def write(deep: Pixels) -> bytes:
        bgr = deep[..., ::-1] if deep.ndim == 3 else deep
        return bytes(cv2.imencode(ending, bgr)[1])

    return write


def ppm(deep: Pixels) -> bytes:
    header = f"P{6 if deep.ndim == 3 else 5} # deep\n{deep.shape[1]} {deep.shape[0]}\n65535\n"
    return header.encode() + deep.astype(">u2").tobytes()


def text(deep: Pixels) -> bytes:
    header = f"P{3 if deep.ndim == 3 else 2} {deep.shape[1]} {deep.shape[0]} 65535\n"
    return (header + " ".join(map(str, deep.reshape(-1)))).encode()


def jpeg2000(deep: Pixels) -> bytes:
    return bytes(imagecodecs.jpeg2k_encode(deep, level=0, codecformat="jp2", reversible=True))


def png(deep: Pixels) -> bytes:
    return bytes(imagecodecs.png_encode(deep))


WRITERS: dict[str, Callable[[Pixels], bytes]] = {
    "x.tif": tiff, "opencv.png": by_opencv(".png"), "x.png": png, "opencv.tif": by_opencv(".tif"),
    "x.ppm": ppm, "text.ppm": text, "x.jp2": jpeg2000,
}  # fmt: skip
SOURCES = (*WRITERS, "array", "int32")


def source_of(name: str, deep: Pixels) -> Any:
    """An array, or a file's bytes and name."""
    if name in WRITERS:
        return WRITERS[name](deep), name
    return deep if name == "array" else deep.astype(np.int32)


def shown(source: Any) -> npt.NDArray[np.int64]:
    rgb = decode_image(*source) if isinstance(source, tuple) else read_image(source)
    assert rgb.shape == (*HW, 3)
    return rgb.astype(np.int64)


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("bands", [(), (3,)])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_the_bits_that_are_used_tell_what_is_white(
    name: str, bands: tuple[int, ...], bits: int
) -> None:
    deep = noise(*HW, *bands, most=1 << bits)
    expected = deep.astype(np.int64) * 255 / ((1 << bits) - 1)
    got = shown(source_of(name, deep))
    assert np.abs(got - (expected if bands else expected[..., None])).max() <= 1


@pytest.mark.parametrize("name", SOURCES)
@pytest.mark.parametrize("bands", [(), (3,)])
@pytest.mark.parametrize("most", [256, 60, 17])
def test_8_bits_that_were_moved_up_come_back_as_they_were(
    name: str, bands: tuple[int, ...], most: int
) -> None:
    """Also a dark picture, which would else be taken for one of 12 or 14 bits."""
    eight_bit = noise(*HW, *bands, most=most)
    for factor in (256, 257):
        got = shown(source_of(name, eight_bit * np.uint16(factor)))
        assert np.abs(got - (eight_bit if bands else eight_bit[..., None])).max() <= 1


def test_12_bits_that_were_moved_up_are_those_of_12() -> None:
    deep = noise(*HW, 3, most=4096)
    assert np.abs(shown(deep * np.uint16(16)) - deep * 255.0 / 4095).max() <= 1


@pytest.mark.parametrize("name", SOURCES)
def test_a_few_hot_pixels_do_not_blacken_the_rest(name: str) -> None:
    deep = noise(*HW, 3, most=4096)
    deep[0, 0], deep[7, 9] = 65535, 50000
    got = shown(source_of(name, deep))
    expected = np.minimum(deep * 255.0 / 4095, 255)
    assert np.abs(got - expected).max() <= 1


def test_all_channels_have_one_scale_and_alpha_its_own() -> None:
    deep = np.zeros((*HW, 4), np.uint16)
    deep[..., 0], deep[..., 1], deep[..., 3] = 4000, 200, 65535
    for source in (deep, (png(deep), "x.png")):
        got = shown(source)
        assert got[0, 0].tolist() == [249, 12, 0]
    deep[..., 3] = 0
    for source in (deep, (png(deep), "x.png")):
        assert shown(source)[0, 0].tolist() == [255, 255, 255]


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png_chunk(content: bytes, name: bytes, body: bytes) -> bytes:
    return content[:33] + chunk(name, body) + content[33:]  # behind IHDR


def interlaced(deep: Pixels) -> bytes:
    """A PNG by hand in the seven passes of Adam7, which neither Pillow nor OpenCV writes."""
    passes = (0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)
    rows = b""
    for top, left, down, right in (*passes, (1, 0, 2, 1)):
        for row in deep[top::down, left::right].astype(">u2"):
            rows += b"\0" + row.tobytes()
    header = struct.pack(">IIBBBBB", deep.shape[1], deep.shape[0], 16, 2, 0, 0, 1)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def test_png_in_passes_is_put_together() -> None:
    deep = noise(*HW, 3, most=4096)
    assert np.abs(shown((interlaced(deep), "x.png")) - deep * 255.0 / 4095).max() <= 1


def test_png_says_how_many_bits_count() -> None:
    dark = noise(*HW, 3, most=500)
    said = png_chunk(png(dark), b"sBIT", bytes([12, 12, 12]))
    assert np.abs(shown((said, "x.png")) - dark * 255.0 / 4095).max() <= 1
    moved_up = png_chunk(png(dark * np.uint16(16)), b"sBIT", bytes([12, 12, 12]))
    assert np.abs(shown((moved_up, "x.png")) - dark * 255.0 / 4095).max() <= 1


def test_netpbm_and_jpeg_2000_say_what_is_white() -> None:
    dark = noise(*HW, 3, most=500)
    content = ppm(dark).replace(b"65535", b"4095")
    assert np.abs(shown((content, "x.ppm")) - dark * 255.0 / 4095).max() <= 1
    jp2 = imagecodecs.jpeg2k_encode(
        dark, level=0, codecformat="jp2", reversible=True, bitspersample=12
    )
    assert np.abs(shown((bytes(jp2), "x.jp2")) - dark * 255.0 / 4095).max() <= 1


def test_jpeg_2000_of_four_bands_is_not_blended() -> None:
    four = np.dstack([noise(*HW, 3), noise(*HW)]).astype(np.uint8)
    content = bytes(imagecodecs.jpeg2k_encode(four, level=0, codecformat="j2k", reversible=True))
    with pytest.raises(ImageError, match=r"has 4 bands.*--bands 1,2,3"):
        decode_image(content, "x.j2k")
    rgb = decode_image(content, "x.j2k", options=ReadOptions(bands=(1, 2, 3)))
    np.testing.assert_array_equal(rgb, four[..., :3])


@pytest.mark.parametrize("bands", [1, 2, 3, 4])
def test_deep_png_is_turned_and_woven_as_shallow_png_is(bands: int) -> None:
    eight_bit = noise(*HW, bands).squeeze().astype(np.uint8)
    deep = eight_bit.astype(np.uint16) * np.uint16(257)
    exif = Image.Exif()
    exif[0x0112] = 6
    for chunk in ((b"gAMA", b"\0\0\xb1\x8f"), (b"eXIf", exif.tobytes()[6:])):
        shallow = decode_image(png_chunk(png(eight_bit), *chunk), "x.png")
        got = decode_image(png_chunk(png(deep), *chunk), "x.png")
        assert np.abs(got.astype(int) - shallow).max() <= 1


def test_a_colour_that_deep_png_calls_transparent_is_white() -> None:
    deep = np.full((*HW, 3), 65535, np.uint16)
    deep[:, :9] = 1, 2, 3
    content = png_chunk(png(deep), b"tRNS", bytes([0, 1, 0, 2, 0, 3]))
    assert (shown((content, "x.png")) == 255).all()


@pytest.mark.parametrize("name", ["x.tif", "x.png", "x.ppm", "x.jp2"])
def test_a_pil_image_that_is_not_loaded_yet_is_read_as_its_file(name: str) -> None:
    deep = noise(*HW, 3, most=4096)
    content = WRITERS[name](deep)
    image = Image.open(io.BytesIO(content))
    np.testing.assert_array_equal(read_image(image), decode_image(content, name))
    assert image.size == HW[::-1]
    assert image.convert("RGB").size == HW[::-1]  # it can be loaded still


def test_a_window_is_stretched_whatever_the_type() -> None:
    values = np.array([[-100, 0, 50, 100, 200]])
    for kind in ("i2", "i4", "i8", "f2", "f4", "f8"):
        rgb = read_image(values.astype(kind), options=ReadOptions(window=(0, 100)))
        assert rgb[0, :, 0].tolist() == [0, 0, 128, 255, 255]
    rgb = read_image(np.arange(256, dtype=np.uint8)[None], options=ReadOptions(window=(100, 200)))
    assert rgb[0, [99, 100, 150, 200, 255], 2].tolist() == [0, 0, 128, 255, 255]
    flat = read_image(np.full((3, 3), 0.25), options=ReadOptions(window="auto"))
    assert flat.max() == 0


def test_bands_of_an_array_are_chosen() -> None:
    array = noise(*HW, 13).astype(np.uint8)
    with pytest.raises(ImageError, match=r"not \(48, 64, 13\); of other bands, ReadOptions.bands"):
        read_image(array)
    rgb = read_image(array, options=ReadOptions(bands=(4, 3, 2)))
    np.testing.assert_array_equal(rgb, array[..., [3, 2, 1]])


@pytest.mark.parametrize(
    "wrong",
    [
        {"page": 0}, {"bands": (1, 2)}, {"bands": (0,)}, {"bands": ()}, {"window": (1.0, 1.0)},
        {"window": (0.0, float("nan"))}, {"window": (2.0, 1.0)},
    ],
)  # fmt: skip
def test_options_that_choose_nothing_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ImageError):
        ReadOptions(**wrong)


def test_options_as_json_are_what_is_set() -> None:
    assert ReadOptions().to_json() == {}
    every = ReadOptions(2, (1, 2, 3), (0.0, 0.5))
    assert every.to_json() == {"page": 2, "bands": [1, 2, 3], "window": [0.0, 0.5]}
    assert ReadOptions(window="auto").to_json() == {"window": "auto"}


@pytest.mark.parametrize(
    ("values", "white"),
    [([0], 255), ([255], 255), ([256, 1], 1023), ([1023], 1023), ([1024, 1], 4095),
     ([16384], 65535), ([4096, 16], 16383), ([4096, 256], 16383), ([514, 257], 1023),
     ([2560, 3840, 14080], 16383), ([256 * level for level in range(9)], 65535)],
)  # fmt: skip
def test_white_is_the_end_of_the_smallest_depth(values: list[int], white: int) -> None:
    assert white_of(np.array(values, np.uint16)) == white
