"""Other formats: what a file is that is no image that can be read, told by how it begins."""

from __future__ import annotations

BOX = 4  # where the boxes of ISO's formats have their kind, and what follows it their brand
SIGNATURES = (
    (b"version https://git-lfs", "is a pointer of Git LFS, not the image (git lfs pull)"),
    (b"/annex/objects/", "is a pointer of git-annex, not the image (git annex get)"),
    (b"%PDF", "is a PDF"),
    (b"PK\x03\x04", "is a ZIP archive"),
    (b"\x1f\x8b", "is compressed by gzip"),
    (b"\x93NUMPY", "is an array of NumPy: load it, and give the array"),
    (b"MATLAB", "is a file of MATLAB"),
    (b"\x89HDF", "is HDF5"),
    (b"8BPB", "is a large document of Photoshop"),
    (b"\x1aE\xdf\xa3", "is a film"),
    (b"FUJIFILMCCD-RAW", "is the raw file of a camera"),
)  # fmt: skip
BRANDS = (
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"mif1", b"msf1"),
    (b"crx ",),
    (b"isom", b"iso2", b"mp41", b"mp42", b"avc1", b"qt  ", b"M4V ", b"3gp4", b"3gp5"),
)
BRANDED = (
    "is HEIC, which is not read: convert it to JPEG or PNG",
    "is the raw file of a camera",
    "is a film",
)
DICOM_AT, DICOM = 128, b"DICM"
MARKUP = (
    (b"<!doctype html", "is a web page, not an image: was it downloaded?"),
    (b"<html", "is a web page, not an image: was it downloaded?"),
    (b"<svg", "is SVG, a drawing without pixels"),
)


def what_it_is(head: bytes) -> str:
    """What a file is that begins so, as it stands after its name."""
    if not head:
        return "is empty: it has no bytes"
    for signature, words in SIGNATURES:
        if head.startswith(signature):
            return words
    if head[BOX : BOX + 4] == b"ftyp":
        for brands, words in zip(BRANDS, BRANDED):
            if head[BOX + 4 : BOX + 8] in brands:
                return words
    if head[DICOM_AT:].startswith(DICOM):
        return "is DICOM, which is not read: convert it to PNG or TIFF"
    small = head.lower()
    for mark, words in MARKUP:
        if mark in small:
            return words
    return "is not an image of a known format"
