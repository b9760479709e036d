"""An image embedding as bytes: there and back, and never believed when damaged."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anymask.core.embedding import ALIGNMENT, HEADER, MAGIC, ImageEmbedding
from anymask.core.geometry import ResizeMap
from anymask.errors import EmbeddingError

PROPERTY = settings(max_examples=100, deadline=None)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
ARRAYS = hnp.arrays(
    np.float32, hnp.array_shapes(max_dims=3, max_side=5), elements=st.floats(-1000, 1000, width=32)
)


def embedding(seed: int = 0) -> ImageEmbedding:
    numbers = np.random.default_rng(seed).normal(size=(3, 4, 5)).astype(np.float32)
    return ImageEmbedding({"image_embed": numbers}, ResizeMap((60, 90), 128), "tiny@0123")


def packed(header: object, body: bytes = b"") -> bytes:
    """Bytes whose magic and checksum are right, whatever the header says."""
    return with_checksum(json.dumps(header).encode(), body)


def with_checksum(text: bytes, body: bytes = b"", length: int | None = None) -> bytes:
    """Header text and body behind a right magic and checksum."""
    claimed = len(text) if length is None else length
    return HEADER.pack(MAGIC, claimed, zlib.crc32(text + body)) + text + body


GOOD: Mapping[str, Any] = {
    "model": "tiny",
    "image_hw": [60, 90],
    "input_px": 128,
    "arrays": [{"name": "image_embed", "shape": [2, 2]}],
}
BODY = np.ones(4, "<f2").tobytes()
BYTES = embedding().to_bytes()
BODY_START = len(BYTES) - 3 * 4 * 5 * 2


def test_an_embedding_comes_back_to_the_precision_of_float16() -> None:
    there = embedding()
    back = ImageEmbedding.from_bytes(there.to_bytes())
    assert (back.resize_map, back.model) == (ResizeMap((60, 90), 128), "tiny@0123")
    array = back.arrays["image_embed"]
    assert array.dtype == np.float32
    np.testing.assert_allclose(array, there.arrays["image_embed"], rtol=2**-11, atol=2**-24)
    assert back.to_bytes() == there.to_bytes()


NUMBERS = np.linspace(-5 / 8, 6 / 8, 12, dtype=np.float32).reshape(3, 2, 2)
FINE = np.full((1, 1, 3), 0.1, np.float32)


@pytest.mark.parametrize(
    ("made", "data"),
    [
        (
            ImageEmbedding(
                {"image_embed": NUMBERS, "fine": FINE}, ResizeMap((60, 90), 128), "tiny@0123"
            ),
            b'ANYMASK\x01\xb0\x00\x00\x00\xc4\x12\x9b\xe9{"model": "tiny@0123", "image_hw": '
            b'[60, 90], "input_px": 128, "stretch": false, "arrays": [{"name": "image_embed", '
            b'"shape": [3, 2, 2]}, {"name": "fine", "shape": [1, 1, 3]}]}  \x00\xb9\x00\xb8\x00'
            b"\xb6\x00\xb4\x00\xb0\x00\x00\x000\x004\x006\x008\x009\x00:f.f.f.",
        ),
        (
            ImageEmbedding({"image_embed": FINE}, ResizeMap((3, 1), 64, stretch=True), "m"),
            b'ANYMASK\x01\x80\x00\x00\x00\x8e\x87\x9c\x19{"model": "m", "image_hw": [3, 1], '
            b'"input_px": 64, "stretch": true, "arrays": [{"name": "image_embed", "shape": '
            b"[1, 1, 3]}]}    f.f.f.",
        ),
    ],
    ids=["padded", "stretched"],
)
def test_bytes_are_what_files_and_browsers_have(made: ImageEmbedding, data: bytes) -> None:
    assert made.to_bytes() == data
    back = ImageEmbedding.from_bytes(data)
    assert (back.resize_map, back.model) == (made.resize_map, made.model)
    assert list(back.arrays) == list(made.arrays)


@PROPERTY
@given(
    st.dictionaries(st.text(max_size=8), ARRAYS, min_size=0, max_size=3),
    st.tuples(st.integers(1, 10**6), st.integers(1, 10**6)),
    st.text(max_size=20),
)
def test_any_embedding_comes_back_with_its_names_and_its_order(
    arrays: dict[str, npt.NDArray[np.float32]], image_hw: tuple[int, int], model: str
) -> None:
    data = ImageEmbedding(arrays, ResizeMap(image_hw, 1024), model).to_bytes()
    back = ImageEmbedding.from_bytes(data)
    assert (back.image_hw, back.model, list(back.arrays)) == (image_hw, model, list(arrays))
    for name, array in arrays.items():
        np.testing.assert_array_equal(back.arrays[name], array.astype(np.float16))


@PROPERTY
@given(st.text(max_size=40), st.integers(1, 10**9))
def test_the_numbers_begin_on_a_boundary_that_a_browser_can_view(model: str, side: int) -> None:
    numbers = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    resize_map = ResizeMap((side, 1), 64)
    data = ImageEmbedding({"image_embed": numbers}, resize_map, model).to_bytes()
    (length,) = struct.unpack_from("<I", data, 8)
    start = HEADER.size + length
    assert ALIGNMENT == 8
    assert start % 8 == 0
    np.testing.assert_array_equal(np.frombuffer(data, "<f2", offset=start), np.arange(6))
    assert json.loads(data[HEADER.size : start])["arrays"][0]["shape"] == [1, 2, 3]


def test_arrays_in_any_order_in_memory_are_packed_row_by_row() -> None:
    numbers = np.arange(6, dtype=np.float32).reshape(1, 2, 3)
    turned = np.asfortranarray(numbers)
    resize_map = ResizeMap((1, 1), 64)
    one, other = (ImageEmbedding({"a": a}, resize_map, "m").to_bytes() for a in (numbers, turned))
    assert one == other


def test_the_map_belongs_to_the_image() -> None:
    assert embedding().resize_map == ResizeMap((60, 90), 128)


@PROPERTY
@given(st.integers(BODY_START, len(BYTES) - 1), st.integers(1, 255))
def test_a_flipped_byte_among_the_numbers_is_noticed(place: int, bits: int) -> None:
    data = bytearray(BYTES)
    data[place] ^= bits
    with pytest.raises(EmbeddingError, match="checksum"):
        ImageEmbedding.from_bytes(bytes(data))


@PROPERTY
@given(st.integers(0, len(BYTES) - 1))
def test_an_embedding_that_was_cut_short_is_noticed(length: int) -> None:
    with pytest.raises(EmbeddingError):
        ImageEmbedding.from_bytes(BYTES[:length])


@PROPERTY
@given(st.integers(0, BODY_START - 1), st.integers(1, 255))
def test_a_flipped_byte_in_the_header_is_never_a_surprise(place: int, bits: int) -> None:
    data = bytearray(BYTES)
    data[place] ^= bits
    try:
        back = ImageEmbedding.from_bytes(bytes(data))
    except EmbeddingError:
        return
    (array,) = back.arrays.values()
    np.testing.assert_array_equal(
        array.reshape(-1), embedding().arrays["image_embed"].reshape(-1).astype(np.float16)
    )


@pytest.mark.parametrize(
    ("old", "new"),
    [(b"60, 90", b"60, 98"), (b": 128", b": 129"), (b"[3, 4, 5]", b"[3, 4, 4]")],
)
def test_a_damaged_size_in_the_header_is_noticed(old: bytes, new: bytes) -> None:
    assert BYTES.count(old) == 1
    with pytest.raises(EmbeddingError):
        ImageEmbedding.from_bytes(BYTES.replace(old, new))


@PROPERTY
@given(st.binary(max_size=200))
def test_random_bytes_are_no_embedding(data: bytes) -> None:
    with pytest.raises(EmbeddingError):
        ImageEmbedding.from_bytes(data)


@PROPERTY
@given(st.integers(0, 2**32 - 1), st.binary(max_size=100))
def test_random_bytes_behind_the_magic_are_no_embedding(length: int, rest: bytes) -> None:
    with pytest.raises(EmbeddingError, match="damaged"):
        ImageEmbedding.from_bytes(with_checksum(rest, length=length % 200))


@PROPERTY
@given(JSON)
def test_any_json_as_a_header_is_no_embedding(header: object) -> None:
    with pytest.raises(EmbeddingError, match="damaged"):
        ImageEmbedding.from_bytes(packed(header))


def test_the_header_that_the_bad_ones_are_made_from_is_good() -> None:
    back = ImageEmbedding.from_bytes(packed(dict(GOOD), BODY))
    assert back.arrays["image_embed"].tolist() == [[1, 1], [1, 1]]


def shaped(*shape: object) -> dict[str, object]:
    return {"arrays": [{"name": "image_embed", "shape": list(shape)}]}


@pytest.mark.parametrize(
    "change",
    [
        shaped(float("inf")),
        shaped(float("nan")),
        shaped(2**70),
        shaped(2**62, 4),
        shaped(-1, 2),
        shaped(2.0, 2),
        shaped("2", 2),
        shaped(5),
        {"arrays": [{"name": "image_embed"}]},
        {"arrays": [{"shape": [4]}]},
        {"arrays": [7]},
        {"arrays": None},
        {"image_hw": ["60", "90"]},
        {"image_hw": [60]},
        {"image_hw": [0, 90]},
        {"image_hw": [60.5, 90]},
        {"image_hw": None},
        {"input_px": "128"},
        {"input_px": 0},
        {"input_px": None},
        {"model": 7},
    ],
    ids=str,
)
def test_a_header_that_makes_no_sense_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(EmbeddingError):
        ImageEmbedding.from_bytes(packed({**GOOD, **change}, BODY))


@pytest.mark.parametrize("missing", ["model", "image_hw", "input_px", "arrays"])
def test_a_header_that_lacks_something_is_refused(missing: str) -> None:
    header = {name: value for name, value in GOOD.items() if name != missing}
    with pytest.raises(EmbeddingError, match=missing):
        ImageEmbedding.from_bytes(packed(header, BODY))


def test_json_too_deep_to_read_is_refused() -> None:
    with pytest.raises(EmbeddingError):
        ImageEmbedding.from_bytes(with_checksum(b"[" * 200_000))


@pytest.mark.parametrize(
    "data", [b"", MAGIC, MAGIC[:-1] + b"\x02" + BYTES[8:], b"\x89PNG\r\n\x1a\n" + bytes(64)]
)
def test_foreign_bytes_are_told_from_damaged_ones(data: bytes) -> None:
    with pytest.raises(EmbeddingError, match="no image embedding"):
        ImageEmbedding.from_bytes(data)
