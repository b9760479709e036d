"""Raster: one page of an image file as it is stored, and what the file says of its values.

Shape legend: H W pixels, C bands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from anymask.core.rasters.scale import to_eight_bits
from anymask.core.read_options import AS_STORED, ReadOptions
from anymask.errors import ImageError

RGB = npt.NDArray[np.uint8]
GREY_WEIGHTS = np.array([299, 587, 114]) / 1000  # ITU-R 601-2, as Pillow has it
OPAQUE = 255
LARGEST_LABEL = 1 << 53  # beyond which floats skip whole numbers


class Colour(StrEnum):
    """What the bands are that are not alpha; ``unknown``: the file does not say."""

    grey = "grey"
    rgb = "rgb"
    palette = "palette"
    unknown = "unknown"


class Alpha(StrEnum):
    """Whether the last band is transparency; ``associated``: colours are multiplied by it."""

    none = "none"
    straight = "straight"
    associated = "associated"


@dataclass(frozen=True, eq=False)
class Raster:
    """An upright page, as stored.

    values: (H, W, C), of any type; of a palette, (H, W, 1) places in it. palette: (N, 4) RGBA.
    said: the values that the file calls black and white, if it does. is_inverted: 0 is white.
    nodata: the value that stands for none. is_lossy: compressed so that values are not exact.
    is_planar: bands lie one after the other, as arrays (C, H, W) are written.
    bands_said: what the file says of its bands, in words.
    """

    values: npt.NDArray[Any]
    colour: Colour
    alpha: Alpha = Alpha.none
    palette: npt.NDArray[np.uint8] | None = None
    said: tuple[float, float] | None = None
    is_inverted: bool = False
    nodata: float | None = None
    is_lossy: bool = False
    is_planar: bool = False
    bands_said: str = ""

    def to_rgb(self, name: str, options: ReadOptions = AS_STORED) -> RGB:
        """(H, W, 3) uint8, transparency laid over white.

        Raises ``ImageError`` where the file does not say which bands are colours, and for values
        without an agreed range.
        """
        shown = self._chosen(options.bands, name)
        if not shown.values.size:
            raise ImageError(f"{name} has no pixels")
        colours, alpha = shown.values, None
        if shown.alpha != Alpha.none:
            colours, alpha = colours[..., :-1], colours[..., -1:]
        pixels = to_eight_bits(colours, name, options.window, shown.said, shown.nodata)
        if shown.is_inverted:
            pixels = np.uint8(255) - pixels
        if pixels.shape[2] == 1:
            pixels = np.repeat(pixels, 3, axis=2)
        if alpha is not None:
            pixels = _over_white(pixels, _alpha_to_eight_bits(alpha, name), shown.alpha)
        return np.ascontiguousarray(pixels)

    def brightness(self, name: str) -> npt.NDArray[Any]:
        """(H, W) how bright each pixel is, on a scale of its own. Raises ``ImageError``."""
        if self.colour == Colour.unknown:
            raise ImageError(
                f"{name} has {self.values.shape[2]} bands (the file says: {self.bands_said}), "
                f"where a picture of masks has one, or red, green and blue"
            )
        coloured = self._chosen(None, name)
        values = coloured.values[..., :-1] if coloured.has_alpha else coloured.values
        if values.shape[2] == 3 and values.dtype == np.uint8:
            values = np.asarray(Image.fromarray(np.ascontiguousarray(values)).convert("L"))
        elif values.shape[2] == 3:
            values = values @ GREY_WEIGHTS
        else:
            values = values[..., 0]
        return _inverted(values, self.said) if self.is_inverted else values

    def check_whole(self, name: str) -> None:
        """Raise ``ImageError`` for values that are no labels: below 0, too large, or fractions."""
        values = self.values
        if values.dtype.kind == "b" or not values.size:
            return
        is_whole = values.dtype.kind in "iu" or (
            values.dtype.kind == "f" and bool((values == np.floor(values)).all())
        )
        if not is_whole or values.min() < 0 or values.max() > LARGEST_LABEL:
            raise ImageError(
                f"{name} has values that are no labels: below 0, too large, or fractions "
                f"({values.dtype})"
            )

    def labels(self, name: str) -> npt.NDArray[Any]:
        """(H, W) values of grey or of a palette's places. Raises ``ImageError`` for colours."""
        if self.colour not in (Colour.grey, Colour.palette):
            raise ImageError(f"{name} is a picture of colours, not of values")
        values: npt.NDArray[Any] = self.values[..., 0]
        # A scan's object is white, that is 0; deeper pictures of values mean the numbers.
        is_scan = self.is_inverted and values.dtype in (bool, np.uint8)
        return _inverted(values, self.said) if is_scan else values

    @property
    def has_alpha(self) -> bool:
        """Whether the last band, or the palette, is transparent somewhere or may be."""
        return self.alpha != Alpha.none

    def transparency(self) -> npt.NDArray[Any]:
        """(H, W) alpha of a raster that has it: 0 where nothing shows."""
        alpha: npt.NDArray[Any] = self._looked_up().values[..., -1]
        return alpha

    def colours(self, name: str) -> npt.NDArray[Any]:
        """(H, W, 3 or 4) RGB or RGBA as stored. Raises ``ImageError`` for what is no colours."""
        coloured = self._looked_up()
        if coloured.colour != Colour.rgb:
            raise ImageError(f"{name} is a picture of values, not of colours")
        return coloured.values

    def _looked_up(self) -> Raster:
        """The colours of a palette."""
        if self.palette is None:
            return self
        places = self.values[..., 0]
        if places.size and places.max() >= len(self.palette):
            raise ImageError(f"a pixel is number {places.max()} of {len(self.palette)} colours")
        table = self.palette if self.has_alpha else self.palette[:, :3]
        return replace(self, values=table[places], colour=Colour.rgb, palette=None, said=None)

    def _chosen(self, bands: tuple[int, ...] | None, name: str) -> Raster:
        """The bands that are shown. Raises ``ImageError``."""
        coloured = self._looked_up()
        count = coloured.values.shape[2]
        if bands is None:
            if self.colour == Colour.unknown:
                noun = "1 band" if count == 1 else f"{count} bands"
                raise ImageError(
                    f"{name} has {noun} (the file says: {self.bands_said}); say which are "
                    f"red, green and blue, as --bands 1,2,3, or which one is shown in grey, as "
                    f"--bands 1 (ReadOptions.bands)"
                )
            return coloured
        if max(bands) > count:
            noun = "1 band" if count == 1 else f"{count} bands"
            raise ImageError(f"{name} has {noun}; there is no band {max(bands)}")
        values = coloured.values[..., [band - 1 for band in bands]]
        colour = Colour.rgb if len(bands) == 3 else Colour.grey
        return replace(coloured, values=values, colour=colour, alpha=Alpha.none)


@dataclass(frozen=True, eq=False)
class Pages:
    """What an open image file has to choose from.

    count: of pages. noun: what they are called. read: one of them, by its number from 0 on.
    """

    count: int
    noun: str
    read: Callable[[int], Raster]


def _inverted(values: npt.NDArray[Any], said: tuple[float, float] | None) -> npt.NDArray[Any]:
    if values.dtype == bool:
        return ~values
    if values.dtype.kind == "f":
        return np.asarray(values.max() - values)
    white = int(said[1]) if said else np.iinfo(values.dtype).max
    inverted: npt.NDArray[Any] = (white - values).astype(values.dtype)
    return inverted


def upright(values: npt.NDArray[Any], orientation: int) -> npt.NDArray[Any]:
    """(H, W, C) as it is to be looked at, by the EXIF orientation (CIPA DC-008, table 6)."""
    turns = {3: 2, 4: 2, 5: 3, 6: 3, 7: 1, 8: 1}  # by 90° against the clock
    turned = np.rot90(values, turns.get(orientation, 0))
    return turned[:, ::-1] if orientation in (2, 4, 5, 7) else turned


def rgb_of_cmyk(values: npt.NDArray[Any], alpha: Alpha) -> npt.NDArray[np.uint8]:
    """(H, W, 3 or 4) of inks, which use their whole range. Raises ``ImageError``."""
    if values.dtype.kind != "u":
        raise ImageError(f"inks of type {values.dtype} have no agreed range")
    eight_bit = (values >> (8 * (values.dtype.itemsize - 1))).astype(np.uint8)
    inks = np.ascontiguousarray(eight_bit[..., :4])
    rgb = np.asarray(Image.fromarray(inks, "CMYK").convert("RGB"))
    return rgb if alpha == Alpha.none else np.concatenate([rgb, eight_bit[..., 4:]], axis=2)


def check_size(width: int, height: int, name: str) -> None:
    """Raise ``ImageError`` for more pixels than Pillow opens, which is twice its own limit."""
    if Image.MAX_IMAGE_PIXELS is None or width * height <= 2 * Image.MAX_IMAGE_PIXELS:
        return
    raise ImageError(
        f"{name} can't be read: Image size ({width * height} pixels) exceeds limit of "
        f"{2 * Image.MAX_IMAGE_PIXELS} pixels (twice PIL.Image.MAX_IMAGE_PIXELS)"
    )


def _alpha_to_eight_bits(alpha: npt.NDArray[Any], name: str) -> npt.NDArray[np.uint8]:
    """Alpha uses its whole range even where colours do not."""
    if alpha.dtype.kind == "f":
        return to_eight_bits(alpha, name, (0.0, 1.0))
    return to_eight_bits(alpha, name)


def _over_white(pixels: RGB, alpha: npt.NDArray[np.uint8], kind: Alpha) -> RGB:
    if kind == Alpha.associated:
        lit = pixels.astype(np.uint16) + (OPAQUE - alpha)
        return np.asarray(np.minimum(lit, 255), np.uint8)
    coloured = Image.fromarray(np.concatenate([pixels, alpha], axis=2))
    white = Image.new("RGBA", coloured.size, "white")
    return np.asarray(Image.alpha_composite(white, coloured).convert("RGB"))
