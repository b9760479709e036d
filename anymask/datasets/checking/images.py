"""Images of a dataset, looked at without their pixels unless these are asked for."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import IO

from PIL import ExifTags, Image

from anymask.core.image import decode_image, read_size
from anymask.datasets.checking.faults import Fault, Kind
from anymask.datasets.locations import open_binary
from anymask.datasets.photographs import Photograph
from anymask.errors import Error, ImageError

QUARTER_TURNS = (5, 6, 7, 8)
EXIF_APART = ("JPEG", "MPO", "PNG", "WEBP")  # from what describes the pixels, as TIFF has it
EXIF_KEYS = frozenset({"exif", "Raw profile type exif"})
OTHERS = {frozenset({"xmp", "XML:com.adobe.xmp"}): "XMP", frozenset({"photoshop"}): "IPTC"}


@dataclass(frozen=True)
class ImageHead:
    """What the first bytes of an image file say: (H, W) as stored, and what it tells of its making.

    turned: whether its EXIF orientation exchanges the sides. metadata: of EXIF, GPS, XMP and
    IPTC, what it has.
    """

    hw: tuple[int, int]
    turned: bool
    metadata: tuple[str, ...]

    def may_be(self, hw: tuple[int, int]) -> bool:
        """Whether masks of (H, W) fit the image, upright or as it is stored."""
        return hw == self.hw or (self.turned and hw == self.hw[::-1])


def read_head(photograph: Photograph, pixels: bool = False) -> ImageHead:
    """The head of an image. pixels: read it whole, too, which finds one that is cut off.

    Raises ``ImageError`` for one that can't be read.
    """
    if photograph.page is not None:  # of a size that only it tells
        height, width, _ = photograph.pixels().shape
        return ImageHead((height, width), False, ())
    if photograph.member is not None or pixels:
        return head_of(photograph.read(), photograph.name, pixels)
    try:
        file = open_binary(photograph.url)
    except Exception as error:  # every file system has errors of its own
        raise ImageError(f"{photograph.name} can't be read: {error}") from None
    with closing(file):
        return _head(file) or head_of(photograph.read(), photograph.name, pixels)


def head_of(content: bytes, name: str, pixels: bool = False) -> ImageHead:
    """As ``read_head``, of an image file's bytes."""
    head = _head(io.BytesIO(content))
    if head is None:
        head = ImageHead(read_size(content, name), False, ())
    if pixels:
        height, width, _ = decode_image(content, name).shape
        if not head.may_be((height, width)):
            head = ImageHead((height, width), False, head.metadata)
    return head


def metadata_faults(head: ImageHead, name: str) -> Iterator[Fault]:
    """A fault for an image that should tell nothing of its making, and does."""
    if head.metadata:
        yield Fault(name, Kind.metadata, f"has {', '.join(head.metadata)}")


def size_fault(head: ImageHead, name: str, hw: tuple[int, int]) -> Iterator[Fault]:
    """A fault for an image that is not (H, W)."""
    if not head.may_be(hw):
        reason = f"is {head.hw[1]}×{head.hw[0]}, and its masks are of {hw[1]}×{hw[0]}"
        yield Fault(name, Kind.image_size, reason)


def broken(name: str, error: Error) -> Fault:
    """The fault of an image that can't be read."""
    return Fault(name, Kind.image, str(error).removeprefix(f"{name} "))


def _head(file: IO[bytes]) -> ImageHead | None:
    """None for what Pillow does not open."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of large images, and of damaged EXIF
            with Image.open(file) as image:
                width, height = image.size
                turned, metadata = _told(image)
    except Exception:  # its readers raise many kinds
        return None
    return ImageHead((height, width), turned, metadata)


def _told(image: Image.Image) -> tuple[bool, tuple[str, ...]]:
    """Whether an image is turned, and which of EXIF, GPS, XMP and IPTC it has."""
    others = tuple(name for keys, name in OTHERS.items() if image.info.keys() & keys)
    if image.format in EXIF_APART and not image.info.keys() & EXIF_KEYS:
        return False, others
    exif = image.getexif()
    is_told = exif if image.format in EXIF_APART else exif.keys() & {*ExifTags.IFD}
    named = ("EXIF" if is_told else "", "GPS" if ExifTags.IFD.GPSInfo in exif else "")
    turned = exif.get(ExifTags.Base.Orientation) in QUARTER_TURNS
    return turned, (*filter(None, named), *others)
