"""Other formats: a file that is no image says what it is, on one line."""

from __future__ import annotations

from pathlib import Path

import pytest

from anymask.core.image import decode_image, read_image, read_mask
from anymask.errors import ImageError

ISO = b"\0\0\0\x18ftyp"
KNOWN = {
    b"": "is empty: it has no bytes",
    b"hello": "is not an image of a known format",
    b"\n<!DOCTYPE HTML><html>": "is a web page",
    b"<?xml version='1.0'?>\n<svg xmlns='http://www.w3.org/2000/svg'/>": "is SVG",
    b"version https://git-lfs.github.com/spec/v1\noid sha256:ab": "is a pointer of Git LFS",
    b"%PDF-1.7\n": "is a PDF",
    b"PK\x03\x04" + bytes(40): "is a ZIP archive",
    b"\x93NUMPY\x01\0" + bytes(90): "is an array of NumPy",
    ISO + b"heic" + bytes(90): "is HEIC",
    ISO + b"isom" + bytes(90): "is a film",
    ISO + b"what" + bytes(90): "is not an image of a known format",
    bytes(128) + b"DICM" + bytes(90): "is DICOM",
}


@pytest.mark.parametrize(("content", "words"), KNOWN.items())
def test_what_is_no_image_says_what_it_is(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(content)
    for read in (read_image, read_mask):
        with pytest.raises(ImageError) as error:
            read(path)
        assert str(error.value).startswith(f"{path} {words}")
        assert "\n" not in str(error.value)
    with pytest.raises(ImageError, match=rf"^y\.jpg {words}"):
        decode_image(content, "y.jpg")


@pytest.mark.parametrize("text", ["", " "])
def test_an_empty_path_names_no_file(text: str) -> None:
    for read in (read_image, read_mask):
        with pytest.raises(ImageError, match=r"the path of an image is '.*', which names no file"):
            read(text)


def test_a_folder_and_an_address_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="is a folder, not an image"):
        read_image(tmp_path)
    with pytest.raises(ImageError, match=r"^https://x\.org/a\.jpg is an address"):
        read_image("https://x.org/a.jpg")
