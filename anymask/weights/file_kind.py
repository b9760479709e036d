"""File kind: what a file of weights is by its first bytes, whatever its name ends in."""

from __future__ import annotations

from enum import Enum
from pathlib import Path

from anymask.errors import CorruptFileError

HEAD_BYTES = 1024
ZIP, PICKLE = b"PK\x03\x04", b"\x80"
LARGEST_HEADER = 100_000_000  # bytes, by safetensors' own rule
TAR_MAGIC = slice(257, 262)
MAGICS = (
    (b"version https://git-lfs", "is a pointer of Git LFS, not the file itself; git lfs pull it"),
    (b"\x1f\x8b", "is compressed by gzip; unpack it"),
    (b"\x89HDF", "is an HDF5 file, such as Keras writes"),
    (b"GGUF", "is a GGUF file"),
    (b"\x93NUMPY", "is a NumPy array"),
    (b"\x89PNG", "is a picture"),
    (b"\xff\xd8\xff", "is a picture"),
    (b"\x08", "is an ONNX graph or of another kind; of graphs, name the folder"),
)
PAGE_STARTS = (b"<!doctype", b"<html", b"<head", b"<body")


class FileKind(Enum):
    """The formats of tensors that are read."""

    safetensors = "safetensors"
    archive = "archive"  # PyTorch's since 1.6: a zip file
    pickle = "pickle"  # PyTorch's before


def file_kind(path: Path) -> FileKind:
    """The kind of a file. Raises ``CorruptFileError``, which says what it is, of any other."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise CorruptFileError(f"{path} can't be read: {error.strerror or error}") from None
    if head.startswith(ZIP):
        return FileKind.archive
    if head.startswith(PICKLE):
        return FileKind.pickle
    if _is_safetensors(head, size):
        return FileKind.safetensors
    raise CorruptFileError(f"{path} holds no weights: it {_stranger(head, size)}")


def _is_safetensors(head: bytes, size: int) -> bool:
    """Whether a length and the JSON of that length begin the file, which may end too early."""
    length = int.from_bytes(head[:8], "little")
    return head[8:9] == b"{" and 2 <= length <= min(LARGEST_HEADER, max(size, 1 << 20))


def _stranger(head: bytes, size: int) -> str:
    """What a file is that has no weights, to stand behind "it"."""
    if not size:
        return "is empty"
    if not head.strip(b"\0"):
        return "begins with zeros alone, as a download does that broke off"
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith(PAGE_STARTS) or (text.startswith(b"<") and b"<html" in text):
        return "is a web page, perhaps of an error or to sign in; download it again"
    if text.startswith(b"<"):
        return "is an XML document, perhaps a server's error; download it again"
    if text.startswith((b"{", b"[")):
        return "is JSON, perhaps a server's error or an index; name the file of the weights"
    if head[TAR_MAGIC] == b"ustar":
        return "is a tar archive; unpack it and name the file of the weights"
    for magic, words in MAGICS:
        if head.startswith(magic):
            return words
    kind = "text" if text.isascii() and text.decode("ascii").isprintable() else "data"
    return f"is neither a PyTorch nor a safetensors file, but other {kind}: {_shown(head)}"


def _shown(head: bytes) -> str:
    """The first bytes as a line."""
    first = head[:24]
    return repr(first.decode("ascii")) if first.isascii() else first[:12].hex(" ")
