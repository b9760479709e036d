"""Frames: the images in a file that Pillow reads, as rasters.

Shape legend: H W pixels, C bands.
"""

from __future__ import annotations

import io

import numpy as np
from PIL import Image, ImageOps

from anymask.core.rasters.raster import OPAQUE, Alpha, Colour, Raster

OF_ONE_FRAME = ("JPEG", "PSD")  # Photoshop's layers are within the picture
# What a gain map says, which a phone puts behind its photograph.
GAIN_MAPS = (b"hdrgm:", b"HDRGainMap", b"urn:iso:std:iso:ts:21496:-1")
LOSSY = ("AVIF", "JPEG", "JPEG2000", "MPO", "WEBP")
LOSSLESS_WEBP = b"WEBPVP8L"
COLOURS = 256


def count(image: Image.Image) -> int:
    """How many frames there are to choose from."""
    return 1 if image.format in OF_ONE_FRAME else int(getattr(image, "n_frames", 1))


def count_views(mpo: bytes) -> int:
    """How many photographs an MPO has to choose from, as cameras with several lenses take them.

    They come first, as large as the first one and of the same bands. A phone's previews and depths
    are smaller; gain maps may be as large, but say what they are.
    """
    if any(mark in mpo for mark in GAIN_MAPS):
        return 1
    views = 0
    try:
        with Image.open(io.BytesIO(mpo)) as image:
            first = image.size, image.mode
            for number in range(int(getattr(image, "n_frames", 1))):
                image.seek(number)
                if (image.size, image.mode) != first:
                    break
                views += 1
    except Exception:  # Pillow's readers raise many kinds for what is broken behind the first
        return max(views, 1)
    return views


def read_only_frame(image: Image.Image, head: bytes, number: int = 0) -> Raster:
    """The image of an open file, upright. It is turned itself. head: what the file begins with."""
    ImageOps.exif_transpose(image, in_place=True)
    return raster_of(image, _format(image, head))


def read_frame(image: Image.Image, head: bytes, number: int) -> Raster:
    """One of several frames of an open file, upright, by its number from 0 on."""
    image.seek(number)
    return raster_of(_in_colours(ImageOps.exif_transpose(image)), _format(image, head))


def _format(image: Image.Image, head: bytes) -> str | None:
    """Pillow's name of a format, where it says whether values are exact."""
    return None if head[8:16] == LOSSLESS_WEBP else image.format


def raster_of(image: Image.Image, form: str | None = None) -> Raster:
    """An upright image, in the mode that it has. form: Pillow's name of its format."""
    is_lossy = form in LOSSY
    if image.mode == "P":
        return _of_palette(image, is_lossy)
    if image.has_transparency_data and image.mode[0] not in "IF":
        grey = image.mode in ("1", "L", "LA", "La")
        values = np.asarray(image.convert("LA" if grey else "RGBA"))
        colour = Colour.grey if grey else Colour.rgb
        return Raster(values, colour, Alpha.straight, is_lossy=is_lossy)
    if image.mode in ("1", "L", "F") or image.mode.startswith("I"):
        return Raster(np.asarray(image)[..., None], Colour.grey, is_lossy=is_lossy)
    rgb = image if image.mode == "RGB" else image.convert("RGB")
    return Raster(np.asarray(rgb), Colour.rgb, is_lossy=is_lossy)


def _of_palette(image: Image.Image, is_lossy: bool) -> Raster:
    assert image.palette is not None
    places = Image.new("P", (COLOURS, 1))
    places.putdata(range(COLOURS))
    mode, table = image.palette.mode, image.palette.tobytes()
    places.putpalette(table, mode)
    if "transparency" in image.info:
        places.info["transparency"] = image.info["transparency"]
    palette = np.asarray(places.convert("RGBA"))[0]
    values = np.asarray(image)[..., None]
    is_opaque = bool((palette[..., 3] == OPAQUE).all())
    alpha = Alpha.none if is_opaque else Alpha.straight
    return Raster(values, Colour.palette, alpha, palette, is_lossy=is_lossy)


def _in_colours(frame: Image.Image) -> Image.Image:
    """A frame of an animation: grey or colours, whatever the others' palettes are."""
    coloured = frame.convert("RGBA" if frame.has_transparency_data else "RGB")
    values = np.asarray(coloured)
    is_grey = values.shape[2] == 3 and (values == values[..., :1]).all()
    return coloured.convert("L") if is_grey else coloured
