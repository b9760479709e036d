"""TIFF: its pages, read by tifffile: Pillow drops bits, and takes some planes for RGB.

Overviews, thumbnails and transparency masks are no pages; planes that follow one page without
directories of their own, as ImageJ writes large stacks, are.

Shape legend: H W pixels, C bands.
"""

from __future__ import annotations

import io
import logging
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import tifffile
from PIL import Image
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, TiffFile, TiffPage

from anymask.core.rasters import lzw
from anymask.core.rasters.raster import (
    Alpha,
    Colour,
    Pages,
    Raster,
    check_size,
    rgb_of_cmyk,
    upright,
)
from anymask.errors import ImageError

MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
ORIENTATION, MAX_SAMPLE, INK_SET, SMIN_SAMPLE, SMAX_SAMPLE = 274, 281, 332, 340, 341
GDAL_NODATA = 42113
PAGES_WITHOUT_DIRECTORY = ("imagej", "shaped", "stk")
SLIDES = ("svs", "ndpi", "scn", "qpi", "bif", "avs", "philips")  # whose overviews are not marked
JPEGS = (COMPRESSION.OJPEG, COMPRESSION.JPEG, COMPRESSION.JPEG_LOSSY, COMPRESSION.ALT_JPEG)
LOSSY = (*JPEGS, COMPRESSION.WEBP)
COLOUR_BANDS = {
    PHOTOMETRIC.MINISWHITE: 1, PHOTOMETRIC.MINISBLACK: 1, PHOTOMETRIC.PALETTE: 1,
    PHOTOMETRIC.RGB: 3, PHOTOMETRIC.YCBCR: 3, PHOTOMETRIC.SEPARATED: 4,
}  # fmt: skip
ALPHAS = {EXTRASAMPLE.ASSOCALPHA: Alpha.associated, EXTRASAMPLE.UNASSALPHA: Alpha.straight}
CMYK = 1  # of InkSet
NUMPY_BITS = (8, 16, 32, 64)
USUAL_BANDS = 4  # which the limit of pixels is meant for
# What tifffile notes about odd files would come between our lines; errors it raises.
logging.getLogger(tifffile.__name__).addHandler(logging.NullHandler())


@dataclass(frozen=True, eq=False)
class Plane:
    """A page to choose from. offset: of its bytes, if it has no directory of its own."""

    page: TiffPage
    offset: int | None = None


def is_tiff(head: bytes) -> bool:
    """Whether a file that begins so is TIFF or BigTIFF."""
    return head[:4] in MAGIC


@contextmanager
def open_pages(file: IO[bytes], name: str) -> Iterator[Pages]:
    """The pages of a file, while it is open. Raises ``ImageError``, and what tifffile raises."""
    with TiffFile(file) as tiff:
        planes = _planes(tiff, name)
        yield Pages(len(planes), "page", lambda number: _raster(planes[number], file, name))


def read_directory(content: bytes, name: str, number: int) -> Raster:
    """The image of a directory, whatever it is, counted from 0 as Pillow counts frames."""
    file = io.BytesIO(content)
    with TiffFile(file) as tiff:
        return _raster(Plane(_page(tiff.pages[number])), file, name)


def _planes(tiff: TiffFile, name: str) -> list[Plane]:
    if any(getattr(tiff, f"is_{kind}") for kind in SLIDES) and len(tiff.series) > 0:
        return [Plane(_page(page)) for page in tiff.series[0].levels[0] if page is not None]
    every = [_page(page) for page in tiff.pages]
    pages = [page for page in every if not (page.is_reduced or page.is_mask)]
    if not pages:
        if any(page.subifds for page in every):
            raise ImageError(
                f"{name} has a thumbnail, and its image apart, as the raw files of cameras do; "
                f"convert it to an ordinary TIFF"
            )
        pages = [page for page in every if not page.is_mask] or every
    if len(pages) == 1:
        return _planes_of(tiff, pages[0])
    return [Plane(page) for page in pages]


def _planes_of(tiff: TiffFile, page: TiffPage) -> list[Plane]:
    """A lone page, or all planes that lie one behind the other from it on."""
    if any(getattr(tiff, f"is_{kind}") for kind in PAGES_WITHOUT_DIRECTORY):
        series = tiff.series[0]
        count = math.prod(series.shape) // max(math.prod(page.shape), 1)
        if count > 1 and series.dataoffset is not None and series.keyframe.index == page.index:
            offsets = range(series.dataoffset, series.dataoffset + count * page.nbytes, page.nbytes)
            return [Plane(page, offset) for offset in offsets]
    return [Plane(page)]


def _page(page: Any) -> TiffPage:
    """A page with all its tags."""
    whole: TiffPage = page.aspage()
    return whole


def _raster(plane: Plane, file: IO[bytes], name: str) -> Raster:
    page = plane.page
    _check(page, name)
    photometric = page.photometric
    stored: npt.NDArray[Any]
    if photometric == PHOTOMETRIC.YCBCR and not _is_converted(page):
        stored, photometric = _by_pillow(file, page), PHOTOMETRIC.RGB
    else:
        stored = _stored(plane, name)
        if photometric == PHOTOMETRIC.YCBCR:
            photometric = PHOTOMETRIC.RGB  # tifffile converts what JPEG holds
    values = upright(stored, page.tags.valueof(ORIENTATION, 1))
    colour, alpha = _meaning(page, photometric, values.shape[2])
    is_cmyk = photometric == PHOTOMETRIC.SEPARATED and colour == Colour.rgb
    return Raster(
        values=rgb_of_cmyk(values, alpha) if is_cmyk else values,
        colour=colour,
        alpha=alpha,
        palette=_palette(page, name) if colour == Colour.palette else None,
        said=None if is_cmyk else _range_said(page, values.dtype),
        is_inverted=photometric == PHOTOMETRIC.MINISWHITE and not _is_numpys_bool(page),
        nodata=page.nodata if GDAL_NODATA in page.tags else None,
        is_lossy=page.compression in LOSSY,
        is_planar=page.axes == "SYX",
        bands_said=_bands_said(page),
    )


def _check(page: TiffPage, name: str) -> None:
    """Raise ``ImageError`` for what is no picture, too large, or not all there."""
    width, height = page.imagewidth, page.imagelength
    if width < 1 or height < 1:
        raise ImageError(f"{name} has no pixels")
    check_size(width, height * math.ceil(page.samplesperpixel / USUAL_BANDS), name)
    check_size(page.tilewidth, page.tilelength, name)
    if page.imagedepth > 1:
        raise ImageError(f"{name} is a volume of {page.imagedepth} slices; write a page for each")
    if page.photometric not in COLOUR_BANDS:
        called = _called(page.photometric)
        raise ImageError(f"{name} has pixels of kind {called}; convert it to grey or RGB")
    if page.dtype is None:
        raise ImageError(
            f"{name} can't be read: no numbers have {page.bitspersample} bits of "
            f"SampleFormat {page.sampleformat}"
        )
    size = page.parent.filehandle.size
    segments = list(zip(page.dataoffsets, page.databytecounts))
    if page.is_contiguous:
        segments = [(page.dataoffsets[0], page.nbytes)]
    elif len(segments) < math.prod(page.chunked):
        raise ImageError(f"{name} can't be read: it lacks strips or tiles")
    if any(count < 0 or offset + count > size for offset, count in segments):
        raise ImageError(f"{name} can't be read: it is cut off")


def _stored(plane: Plane, name: str) -> npt.NDArray[Any]:
    """(H, W, C) values, whatever the order of planes in the file."""
    page = plane.page
    if page.compression == COMPRESSION.LZW:
        array = _by_libtiff(page)
    elif plane.offset is None:
        array = page.asarray()
    else:
        handle = page.parent.filehandle
        if plane.offset + page.nbytes > handle.size:
            raise ImageError(f"{name} can't be read: it is cut off")
        handle.seek(plane.offset)
        kind = np.dtype(page.dtype).newbyteorder(page.parent.byteorder)
        array = handle.read_array(kind, math.prod(page.shape)).reshape(page.shape)
    if array.ndim == 2:
        return array[:, :, None]
    return np.moveaxis(array, 0, 2) if page.axes == "SYX" else array


def _by_libtiff(page: TiffPage) -> npt.NDArray[Any]:
    """The values of a page of LZW: libtiff undoes that, tifffile all else."""
    handle = page.parent.filehandle
    page.compression = COMPRESSION.NONE  # for ``decode``, which gets what is decompressed
    whole = np.zeros(page.shaped, np.dtype(page.dtype).newbyteorder("="))
    _, depth, height, width, _ = page.shaped
    for index, (offset, count) in enumerate(zip(page.dataoffsets, page.databytecounts)):
        if not count:
            continue
        handle.seek(offset)
        data = lzw.decompress(handle.read(count), _segment_bytes(page, index))
        values, (plane, z, y, x, _), shape = page.decode(data, index)
        if values is None:
            continue
        rows, columns = min(shape[1], height - y), min(shape[2], width - x)
        whole[plane, z : z + shape[0], y : y + rows, x : x + columns] = values[
            : depth - z, :rows, :columns
        ]
    return whole.reshape(page.shape)


def _segment_bytes(page: TiffPage, index: int) -> int:
    """How many bytes a strip or a tile has when it is decompressed."""
    samples = page.samplesperpixel if page.planarconfig == 1 else 1
    if page.is_tiled:
        rows, columns = page.tilelength, page.tilewidth
    else:
        strips = math.ceil(page.imagelength / page.rowsperstrip)
        above = index % strips * page.rowsperstrip
        rows, columns = min(page.rowsperstrip, page.imagelength - above), page.imagewidth
    return int(rows) * math.ceil(columns * samples * page.bitspersample / 8)


def _is_converted(page: TiffPage) -> bool:
    """Whether tifffile makes RGB of YCbCr, as it does of JPEG's whole pixels."""
    return page.compression in JPEGS and page.planarconfig == 1 and not page.extrasamples


def _by_pillow(file: IO[bytes], page: TiffPage) -> npt.NDArray[Any]:
    """(H, W, 3) RGB of YCbCr that tifffile leaves as it is, or can't put together."""
    position = file.tell()
    file.seek(0)
    with Image.open(file) as image:
        image.seek(page.index)
        rgb = np.asarray(image.convert("RGB"))
    file.seek(position)
    return rgb


def _meaning(page: TiffPage, photometric: Any, bands: int) -> tuple[Colour, Alpha]:
    """What the bands are, as far as the file says."""
    colours = COLOUR_BANDS[photometric]
    extra = tuple(page.extrasamples)
    if photometric == PHOTOMETRIC.SEPARATED and page.tags.valueof(INK_SET, CMYK) != CMYK:
        return Colour.unknown, Alpha.none
    alpha = Alpha.none
    if bands == colours + 1 and len(extra) == 1:
        alpha = ALPHAS.get(EXTRASAMPLE(extra[0]), Alpha.none)
    if bands != colours + (alpha != Alpha.none):
        return Colour.unknown, Alpha.none
    if photometric == PHOTOMETRIC.PALETTE and alpha == Alpha.none:
        return Colour.palette, alpha
    if photometric == PHOTOMETRIC.PALETTE:
        return Colour.unknown, Alpha.none
    return (Colour.grey if colours == 1 else Colour.rgb), alpha


def _range_said(page: TiffPage, dtype: np.dtype[Any]) -> tuple[float, float] | None:
    """Black and white, where the file says more than how many bytes its numbers have."""
    lowest, highest = page.tags.valueof(SMIN_SAMPLE), page.tags.valueof(SMAX_SAMPLE)
    if dtype.kind in "if":
        return None if lowest is None or highest is None else (_least(lowest), _most(highest))
    bits = page.bitspersample
    if dtype.kind != "u" or not isinstance(bits, int) or bits == 8:
        return None
    highest = page.tags.valueof(MAX_SAMPLE) if highest is None else highest
    if bits > 8 and highest is not None and _most(highest) > 0:
        return 0, _most(highest)
    return None if bits in NUMPY_BITS else (0, 2**bits - 1)


def _least(said: Any) -> float:
    return float(min(np.atleast_1d(said)))


def _most(said: Any) -> float:
    return float(max(np.atleast_1d(said)))


def _palette(page: TiffPage, name: str) -> npt.NDArray[np.uint8]:
    """(N, 4) RGBA of a ColorMap, of 16 bits or, as some write it, of 8."""
    if page.colormap is None:
        raise ImageError(f"{name} has no colours for its palette")
    table = page.colormap.T
    eight_bit = table if table.max() < 256 else table >> 8
    opaque = np.full((len(table), 1), 255)
    return np.concatenate([eight_bit, opaque], axis=1).astype(np.uint8)


def _is_numpys_bool(page: TiffPage) -> bool:
    """Whether tifffile wrote it, which calls white 0 in every array of bool, and means True."""
    return page.dtype == bool and page.software.startswith("tifffile")


def _bands_said(page: TiffPage) -> str:
    """The photometric interpretation, and what is said of the bands beside it."""
    said = [_called(page.photometric)]
    for extra, alike in groupby(map(_called, page.extrasamples)):
        count = len(list(alike))
        said.append(extra if count == 1 else f"{count} {extra}")
    return ", ".join(said) if len(said) > 1 else f"{said[0]}, and nothing of others"


def _called(value: Any) -> str:
    """TIFF's word for a value of one of its lists."""
    return str(getattr(value, "name", value)).lower()
