"""Over a thousand malformed images: a named error, or pixels that are whole.

Every kind of malformation is a function of a seeded generator.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from anymask.core.image import read_image, read_mask
from anymask.errors import ImageError
from anymask.predict.predictor import Predictor

pytestmark = pytest.mark.filterwarnings("ignore")  # Pillow's about damaged notes in files

Rng = random.Random
File = Callable[[Rng], tuple[bytes, str]]


def picture(rng: Rng) -> Image.Image:
    pixels = np.random.default_rng(rng.randrange(10)).integers(0, 256, (24, 18, 4), dtype=np.uint8)
    return Image.fromarray(pixels).convert(rng.choice(("RGB", "RGBA", "L", "P")))


def encoded(rng: Rng) -> tuple[bytes, str]:
    name, suffix = rng.choice(
        (("PNG", ".png"), ("JPEG", ".jpg"), ("TIFF", ".tif"), ("BMP", ".bmp"), ("GIF", ".gif"),
         ("WEBP", ".webp"), ("PPM", ".ppm"))
    )  # fmt: skip
    image, written = picture(rng), io.BytesIO()
    image.convert("RGB" if name in ("JPEG", "PPM") else image.mode).save(written, name)
    return written.getvalue(), suffix


def tiff(rng: Rng) -> tuple[bytes, str]:
    """A TIFF as Pillow writes none: tiles, planes, 16 bits, other compressions and byte orders."""
    pixels = np.random.default_rng(rng.randrange(10)).integers(0, 256, (24, 18, 3), dtype=np.uint8)
    stored = pixels if rng.random() < 0.5 else pixels.astype(np.uint16) * np.uint16(257)
    planar = rng.random() < 0.5
    file = io.BytesIO()
    tifffile.imwrite(
        file,
        np.moveaxis(stored, 2, 0) if planar else stored,
        photometric="rgb",
        planarconfig="separate" if planar else "contig",
        tile=rng.choice((None, (16, 16))),
        compression=rng.choice((None, "lzw", "deflate", "packbits", "zstd")),
        byteorder=rng.choice(("<", ">")),
        bigtiff=rng.random() < 0.3,
        metadata=None,
    )
    return file.getvalue(), ".tif"


def tiff_cut_short(rng: Rng) -> tuple[bytes, str]:
    content, suffix = tiff(rng)
    return content[: rng.randrange(len(content) - 1)], suffix


def tiff_of_lies(rng: Rng) -> tuple[bytes, str]:
    """Values of tags overwritten: sizes, counts, offsets, bits, compression."""
    content, suffix = tiff(rng)
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 2, 5))):
        place = rng.randrange(4, min(len(damaged), 400) - 4)
        word = rng.choice((b"\0\0", b"\xff\xff", b"\0\x01", b"\x01\0", rng.randbytes(2)))
        damaged[place : place + 2] = word
    return bytes(damaged), suffix


def random_bytes(rng: Rng) -> tuple[bytes, str]:
    magic = rng.choice((b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"BM", b"GIF89a",
                        b"RIFF\x20\0\0\0WEBP", b"P6 ", b"8BPS", b"\0\0\1\0"))  # fmt: skip
    suffix = rng.choice((".png", ".jpg", ".tif", ".bmp", ".gif", ".webp", ""))
    return magic + rng.randbytes(rng.randrange(300)), suffix


def cut_short(rng: Rng) -> tuple[bytes, str]:
    content, suffix = encoded(rng)
    return content[: rng.randrange(len(content) * 9 // 10)], suffix


def header_overwritten(rng: Rng) -> tuple[bytes, str]:
    content, suffix = encoded(rng)
    damaged = bytearray(content)
    for _ in range(rng.choice((1, 3, 9))):
        damaged[rng.randrange(min(len(damaged), 60))] = rng.randrange(256)
    return bytes(damaged), suffix


def cut_and_overwritten(rng: Rng) -> tuple[bytes, str]:
    content, suffix = header_overwritten(rng)
    return content[: rng.randrange(len(content) * 9 // 10)], suffix


# How many of a hundred files must be refused; chance may make a header whole again, or hit a
# colour or a note in it, which nobody can notice.
FILES: dict[File, int] = {
    random_bytes: 99,
    cut_short: 90,
    header_overwritten: 30,
    cut_and_overwritten: 90,
    tiff_cut_short: 99,
    tiff_of_lies: 30,
}
FILE_ROUNDS = 200


def check_pixels(pixels: npt.NDArray[np.uint8]) -> None:
    assert pixels.dtype == np.uint8
    assert pixels.ndim == 3
    assert pixels.shape[2] == 3
    assert pixels.size > 0
    assert pixels.flags.c_contiguous


@pytest.mark.parametrize("kind", FILES, ids=lambda kind: kind.__name__)
def test_malformed_files_are_refused_or_read_whole(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    tiniest_predictor: Predictor,
    kind: File,
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50_000)  # or a damaged size costs gigabytes
    refused: list[str] = []
    for seed in range(FILE_ROUNDS):
        content, suffix = kind(random.Random(seed))
        path = tmp_path / f"{seed}{suffix}"
        path.write_bytes(content)
        try:
            pixels = read_image(path)
        except ImageError as error:
            refused.append(str(error))
            continue
        check_pixels(pixels)
        assert np.isfinite(tiniest_predictor.encode(pixels).arrays["image_embed"]).all()
    assert len(refused) * 100 >= FILES[kind] * FILE_ROUNDS
    assert all(str(tmp_path) in message for message in refused)


@pytest.mark.parametrize("kind", FILES, ids=lambda kind: kind.__name__)
def test_malformed_masks_are_refused_or_read_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: File
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50_000)
    refused = 0
    for seed in range(1000, 1000 + FILE_ROUNDS):
        content, suffix = kind(random.Random(seed))
        path = tmp_path / f"{seed}{suffix}"
        path.write_bytes(content)
        try:
            mask = read_mask(path)
        except ImageError:
            refused += 1
            continue
        assert (mask.ndim, mask.dtype == bool, mask.size > 0) == (2, True, True)
    assert refused * 100 >= FILES[kind] * FILE_ROUNDS


def odd_dtypes(rng: Rng) -> object:
    kind = rng.choice(("f2", "f4", "f8", "c8", "c16", "O", "U3", "S2", "M8[s]", "m8[s]", "V4",
                       "i4,f4"))  # fmt: skip
    return np.zeros(rng.choice(((4, 5), (4, 5, 3), (4, 5, 4), (4, 5, 1))), kind)


def odd_shapes(rng: Rng) -> object:
    sides = [rng.choice((0, 1, 2, 5, 7)) for _ in range(rng.randrange(6))]
    if len(sides) in (2, 3):  # the only counts that can be right
        sides[rng.randrange(2)] = 0
    return np.zeros(sides, rng.choice(("u1", "u2", "?", "i4")))


def odd_values(rng: Rng) -> object:
    array = np.zeros((4, 5, 3), np.int64)
    array[rng.randrange(4), rng.randrange(5)] = rng.choice((-1, -255, 65536, 2**31, 2**62))
    return array


def no_sources(rng: Rng) -> object:
    junk: tuple[object, ...] = (
        None, 5, 5.5, True, b"x.png", {}, [], [[1]], (), object(), len, io.BytesIO(b"x"),
        "", ".", "\0", "no.png", "x" * 300, Path("/no/such"), "~", "/",
    )  # fmt: skip
    return rng.choice(junk)


def odd_pil_images(rng: Rng) -> object:
    closed = Image.new("RGB", (3, 3))
    closed.close()
    size = rng.choice(((0, 5), (5, 0), (0, 0)))
    return rng.choice((closed, Image.new("F", (3, 3)), Image.new(rng.choice("1LPI"), size)))


SOURCES = (odd_dtypes, odd_shapes, odd_values, no_sources, odd_pil_images)
SOURCE_ROUNDS = 50


@pytest.mark.parametrize("kind", SOURCES, ids=lambda kind: kind.__name__)
def test_malformed_sources_are_refused(
    tiniest_predictor: Predictor, kind: Callable[[Rng], object]
) -> None:
    for seed in range(SOURCE_ROUNDS):
        source: Any = kind(random.Random(seed))
        with pytest.raises(ImageError):
            read_image(source)
        if not isinstance(source, (list, tuple)):  # which encode takes for several images
            with pytest.raises(ImageError):
                tiniest_predictor.encode(source)


def test_there_are_a_thousand_malformed_images() -> None:
    assert 2 * len(FILES) * FILE_ROUNDS + len(SOURCES) * SOURCE_ROUNDS >= 1000
