"""Pictures: thumbnails, reduced views and tiles of the folder's images, kept on the disk.

What was made once is found by what its file holds. A tile of level n is of the image at 1/2^n of
its size, rounded up; level 0 is exact, the others and reduced views are as good as the eye.
"""

from __future__ import annotations

import io
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image

from anymask.core.image import RGB
from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.engine.pictures.decoding import (
    decoded,
    fitted,
    halved,
    media_type_of,
    reduced,
    size_of,
)
from anymask.engine.pictures.folder import ImageFile
from anymask.errors import StoreError
from anymask.predict.disk_cache import DiskCache

THUMBNAIL_PX, TILE_PX = 320, 512
LEAST_PX, MOST_PX = 16, 16_383  # WebP ends there
MOST_LEVELS = 16
QUALITY, THUMBNAIL_QUALITY = 90, 80
EXACT_EFFORT, EFFORT = 0, 2  # of WebP's 0 to 6: a person waits
KEPT_BYTES = 600 << 20  # of decoded images
WEBP = "image/webp"


@dataclass(frozen=True)
class Picture:
    """Bytes for a browser. tag: other bytes have another one."""

    content: bytes
    media_type: str
    tag: str


class Pictures:
    """Pictures of image files, made when they are asked for. Threads may share it."""

    def __init__(self, cache: DiskCache) -> None:
        self._cache = cache
        self._decoded = DecodedImages()

    def size(self, file: ImageFile) -> tuple[int, int]:
        """Width and height, upright. Raises ``ImageError``."""
        return size_of(file.path, file.name)

    def pixels(self, file: ImageFile, options: ReadOptions = AS_STORED) -> RGB:
        """All pixels, (H, W, 3), of the last images also without reading. Raises ``ImageError``."""
        return self._decoded.levels(file, options, 0)

    def thumbnail(self, file: ImageFile) -> Picture:
        """For a list. Raises ``ImageError``."""
        return self._kept(
            file,
            f"thumbnail {THUMBNAIL_PX}",
            lambda: _webp(reduced(file.path, file.name, THUMBNAIL_PX), THUMBNAIL_QUALITY),
        )

    def whole(
        self, file: ImageFile, longest: int | None = None, options: ReadOptions = AS_STORED
    ) -> Picture:
        """The whole image, its longer side no more than ``longest`` pixels.

        The file itself where that is what was asked for and browsers show it as we do. Raises
        ``ImageError``.
        """
        side = max(LEAST_PX, min(longest or MOST_PX, MOST_PX))
        if options == AS_STORED and max(self.size(file)) <= side:
            media_type = media_type_of(file.path)
            if media_type is not None:
                return Picture(file.path.read_bytes(), media_type, f"{file.fingerprint}-file")
        return self._kept(
            file,
            f"whole {side} {options.to_json()}",
            lambda: self._whole(file, side, options),
        )

    def tile(
        self,
        file: ImageFile,
        level: int,
        column: int,
        row: int,
        options: ReadOptions = AS_STORED,
    ) -> Picture:
        """A square of 512 pixels, less at the edges. Raises ``StoreError`` where there is none."""
        if not 0 <= level <= MOST_LEVELS:
            raise StoreError("not_found", f"{file.name} has no level {level}")
        return self._kept(
            file,
            f"tile {level} {column} {row} {options.to_json()}",
            lambda: self._tile(file, level, column, row, options),
        )

    def _whole(self, file: ImageFile, side: int, options: ReadOptions) -> bytes:
        if max(self.size(file)) <= side:
            return _exact_webp(Image.fromarray(self.pixels(file, options)))
        return _webp(fitted(reduced(file.path, file.name, side, options), side), QUALITY)

    def _tile(
        self, file: ImageFile, level: int, column: int, row: int, options: ReadOptions
    ) -> bytes:
        pixels = self._decoded.levels(file, options, level)
        top, left = row * TILE_PX, column * TILE_PX
        if not (0 <= top < pixels.shape[0] and 0 <= left < pixels.shape[1]):
            raise StoreError("not_found", f"{file.name} has no tile {column}, {row} of {level}")
        square = pixels[top : top + TILE_PX, left : left + TILE_PX]
        image = Image.fromarray(square)
        return _exact_webp(image) if level == 0 else _webp(image, QUALITY)

    def _kept(self, file: ImageFile, what: str, make: Callable[[], bytes]) -> Picture:
        name = f"{file.fingerprint} {what}"
        content = self._cache.get(name)
        if content is None:
            content = make()
            self._cache.put(name, content)
        return Picture(content, WEBP, f"{file.fingerprint}-{what.replace(' ', '-')}")


class DecodedImages:
    """The images that were decoded last, in all levels that were asked for.

    One is decoded at a time: a large one takes much memory.
    """

    def __init__(self, most_bytes: int = KEPT_BYTES) -> None:
        self._most_bytes = most_bytes
        self._turn = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], list[RGB]] = OrderedDict()

    def levels(self, file: ImageFile, options: ReadOptions, level: int) -> RGB:
        """An image at 1/2^level of its size. Raises ``ImageError``."""
        key = file.fingerprint, repr(options)
        with self._turn:
            levels = self._kept.pop(key, None) or [decoded(file.path, file.name, options)]
            while len(levels) <= level:
                levels.append(halved(levels[-1]))
            self._kept[key] = levels
            self._forget_oldest()
            return levels[level]

    def _forget_oldest(self) -> None:
        def size() -> int:
            return sum(one.nbytes for levels in self._kept.values() for one in levels)

        while len(self._kept) > 1 and size() > self._most_bytes:
            self._kept.popitem(last=False)


def _webp(image: Image.Image, quality: int) -> bytes:
    content = io.BytesIO()
    image.save(content, "WEBP", quality=quality, method=EFFORT)
    return content.getvalue()


def _exact_webp(image: Image.Image) -> bytes:
    content = io.BytesIO()
    image.save(content, "WEBP", lossless=True, quality=0, method=EXACT_EFFORT)
    return content.getvalue()
