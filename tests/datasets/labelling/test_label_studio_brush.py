"""Label Studio's brush strokes: bits by hand, and what is broken."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anymask.datasets.labelling import label_studio_brush
from anymask.errors import RecordError

HEAD = "00111" + "0010" + "0011" + "0111" + "1111"  # values of 8 bits, lengths of 3, 4, 8, 16


def packed(bits: str) -> list[int]:
    """Bits as bytes."""
    bits += "0" * (-len(bits) % 8)
    return [int(bits[i : i + 8], 2) for i in range(0, len(bits), 8)]


def encoded(alpha: npt.NDArray[np.uint8], value_bits: int = 8) -> list[int]:
    """RGBA whose colours are 0, a value at a time or repeated, in turns."""
    rgba = np.zeros((*alpha.shape, 4), np.uint8)
    rgba[..., 3] = alpha
    values = rgba.reshape(-1).tolist()
    bits = f"{len(values):032b}{value_bits - 1:05b}" + HEAD[5:]
    start = 0
    while start < len(values):
        stop = start + 1
        if start % 3:
            stop = min(start + 7, len(values))
            literals = "".join(f"{value:0{value_bits}b}" for value in values[start:stop])
            bits += f"000{stop - start - 1:03b}{literals}"
        else:
            while stop < len(values) and values[stop] == values[start]:
                stop += 1
            bits += f"111{stop - start - 1:016b}{values[start]:0{value_bits}b}"
        start = stop
    return packed(bits)


def test_bits_by_hand() -> None:
    """Two pixels: 0 0 0 9, then 4 zeros."""
    literals = "000" + "011" + "00000000" * 3 + "00001001"
    repeated = "100" + "011" + "00000000"
    values = packed(f"{8:032b}" + HEAD + literals + repeated)
    assert label_studio_brush.decode(values, (1, 2)).tolist() == [[True, False]]
    assert label_studio_brush.decode(values, (2, 1)).tolist() == [[True], [False]]


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 99), st.sampled_from([8, 11, 32]))
def test_any_picture_is_read(height: int, width: int, seed: int, value_bits: int) -> None:
    alpha = np.random.default_rng(seed).choice([0, 1, 127, 255], (height, width)).astype(np.uint8)
    mask = label_studio_brush.decode(encoded(alpha, value_bits), (height, width))
    np.testing.assert_array_equal(mask, alpha > 0)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (None, "are no list of bytes"),
        (10**12, "are no list of bytes"),
        ("text", "are no list of bytes"),
        ([1, 300], "are no list of bytes"),
        ([1, -1], "are no list of bytes"),
        ([1, None], "are no list of bytes"),
        ([], "are cut off"),
        ([0, 0, 0, 8], "are cut off"),
        (packed(f"{12:032b}" + HEAD), "are of 12 values, not of 2×1 RGBA"),
        (packed(f"{8:032b}" + HEAD), "are cut off"),
        (packed(f"{8:032b}" + HEAD + "110" + "11111111"), "lead out of the image"),
        (packed(f"{8:032b}" + HEAD + "000" + "111" + "1" * 40), "are cut off"),
    ],
)
def test_what_is_broken_is_named(values: object, reason: str) -> None:
    with pytest.raises(RecordError, match=f"its brush strokes {reason}"):
        label_studio_brush.decode(values, (1, 2))
