"""Which image is meant, by names of other machines and programs."""

from __future__ import annotations

import unicodedata

import pytest

from anymask.datasets.labelling.image_names import ImageNames
from anymask.errors import DatasetError

IMAGES = ImageNames(["a.png", "b/a.png", "c/d/e f.jpg", "c/é.jpg", "g%20h.png", "x-1.png"])


@pytest.mark.parametrize(
    ("written", "folder", "image"),
    [
        ("a.png", "", "a.png"),
        ("./a.png", "", "a.png"),
        ("a.png", "b", "b/a.png"),
        ("b/a.png", "", "b/a.png"),
        ("../a.png", "b", "a.png"),
        ("..\\..\\b\\a.png", "labels/x", "b/a.png"),
        ("C:\\data\\b\\a.png", "", "b/a.png"),
        ("/somewhere/else/a.png", "", "a.png"),
        ("/data/upload/1/abcdef12-a.png", "", "a.png"),
        ("/data/local-files/?d=photos/b/a.png", "", "b/a.png"),
        ("http://localhost:8080/data/local-files/?d=photos%2Fb%2Fa.png", "", "b/a.png"),
        ("s3://bucket/c/d/e%20f.jpg", "", "c/d/e f.jpg"),
        ("s3://bucket/e f.jpg", "", "c/d/e f.jpg"),
        ("https://host/c/d/e%20f.jpg?X-Signature=1&b=2", "", "c/d/e f.jpg"),
        ("g%20h.png", "", "g%20h.png"),
        (unicodedata.normalize("NFD", "é.jpg"), "", "c/é.jpg"),
        ("abcdef12-x-1.png", "", "x-1.png"),
        ("nothing.png", "", None),
        ("ABCDEF12-a.png", "", None),
        ("a.jpg", "", None),
        ("", "", None),
    ],
)
def test_an_image_is_found(written: str, folder: str, image: str | None) -> None:
    assert IMAGES.find(written, folder) == image


def test_images_that_agree_as_well_are_named() -> None:
    with pytest.raises(DatasetError, match=r"a\.png may be x/a\.png or y/a\.png"):
        ImageNames(["x/a.png", "y/a.png"]).find("/elsewhere/a.png")
