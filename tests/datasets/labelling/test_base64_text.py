"""Base 64 in every spelling, and what is none."""

from __future__ import annotations

import base64

import pytest

from anymask.datasets.labelling.base64_text import bytes_of

CONTENT = bytes(range(256)) + b"\xff\xfe\xfb"
PLAIN = base64.b64encode(CONTENT).decode()


@pytest.mark.parametrize(
    "text",
    [
        PLAIN,
        PLAIN.rstrip("="),
        base64.encodebytes(CONTENT).decode(),
        base64.urlsafe_b64encode(CONTENT).decode(),
        f"data:image/png;base64,{PLAIN}",
        f"DATA:image/jpeg;charset=utf-8;base64, {PLAIN}",
        str(base64.b64encode(CONTENT)),
    ],
)
def test_the_same_bytes_in_every_spelling(text: str) -> None:
    assert bytes_of(text) == CONTENT


@pytest.mark.parametrize("value", [None, 7, "", "!", "data:image/png;base64,", "a", b"YWJj"])
def test_what_is_none(value: object) -> None:
    assert bytes_of(value) is None
