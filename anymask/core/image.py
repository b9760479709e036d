"""Reading images: whatever a file or an array holds becomes (H, W, 3) uint8 RGB.

Shape legend: H W pixels.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from anymask.core.geometry import ResizeMap
from anymask.errors import ImageError

ImageSource = str | os.PathLike[str] | Image.Image | npt.NDArray[np.generic]
RGB = npt.NDArray[np.uint8]

# Sensors store 10 or 12 bits in 16: the depth that is used tells black from dark.
BIT_DEPTHS = (8, 10, 12, 14, 16)


def read_image(source: ImageSource) -> RGB:
    """Read a path, a PIL image, or an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4).

    Files and PIL images are turned the way their EXIF orientation says. Greyscale is repeated,
    palettes are looked up, CMYK is converted, transparency is laid over white, and 16-bit grey
    and arrays are scaled from the depth that they use (8, 10, 12, 14 or 16 bits; Pillow itself
    keeps the upper 8 of a colour file's 16). Arrays are RGB, not BGR. Raises ``ImageError`` for
    anything else.
    """
    if isinstance(source, (str, os.PathLike)):
        return _from_file(Path(source))
    if isinstance(source, Image.Image):
        return _from_pil(source, "the image")
    if isinstance(source, np.ndarray):
        return _from_array(source)
    raise ImageError(
        f"an image is a path, a PIL image or a numpy array, not {type(source).__name__}"
    )


def decode_image(content: bytes, name: str) -> RGB:
    """Read the bytes of an image file, as ``read_image`` does with a path.

    name: what errors call it. Raises ``ImageError``.
    """
    with _opened(io.BytesIO(content), name) as image:
        return _from_pil(image, name)


def resize(rgb: RGB, resize_map: ResizeMap) -> RGB:
    """(H, W, 3) pixels at the size of the map's content, filtered as officially."""
    return resize_to(rgb, resize_map.content_hw)


def resize_to(rgb: RGB, hw: tuple[int, int]) -> RGB:
    """(H, W, 3) pixels at another size, by the filter that official SAMs were trained with."""
    return np.array(Image.fromarray(rgb).resize(hw[::-1], Image.Resampling.BILINEAR))


def read_mask(path: str | os.PathLike[str]) -> npt.NDArray[np.bool_]:
    """Read an image of a mask as (H, W) bool: what is brighter than half of its brightest pixel.

    An image with transparency is a mask of what is not transparent. Raises ``ImageError``.
    """
    name = str(Path(path))
    with _opened(Path(path), name) as image:
        if image.has_transparency_data:
            values = np.asarray(ImageOps.exif_transpose(image).convert("RGBA").getchannel("A"))
        else:
            values = np.asarray(Image.fromarray(_from_pil(image, name)).convert("L"))
    return np.asarray(values > values.max() / 2)


def _from_file(path: Path) -> RGB:
    with _opened(path, str(path)) as image:
        return _from_pil(image, str(path))


@contextmanager
def _opened(source: Path | io.BytesIO, name: str) -> Iterator[Image.Image]:
    try:
        if isinstance(source, Path) and source.is_dir():
            raise ImageError(f"{name} is a folder, not an image")
        with warnings.catch_warnings():
            # Pillow warns from 89 megapixels on; twice that it refuses, and so do we.
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            with Image.open(source) as image:
                yield image
    except ImageError:
        raise
    except FileNotFoundError:
        raise ImageError(f"there is no file {name}") from None
    except UnidentifiedImageError:
        raise ImageError(f"{name} is not an image of a known format") from None
    except Exception as error:  # Pillow's readers raise many kinds for broken files
        raise ImageError(f"{name} can't be read: {error}") from None


def _from_pil(image: Image.Image, name: str) -> RGB:
    if 0 in image.size:
        raise ImageError(f"{name} has no pixels")
    try:
        upright = ImageOps.exif_transpose(image)
        if upright.mode.startswith("I") or upright.mode == "F":
            return _from_array(np.asarray(upright))
        if upright.has_transparency_data:
            upright = _over_white(upright)
        return _ready(np.asarray(upright.convert("RGB")))
    except Image.DecompressionBombError as error:
        raise ImageError(f"{name} is too large: {error}") from None
    except MemoryError:
        raise ImageError(f"{name} does not fit in memory") from None
    except ImageError:
        raise
    except Exception as error:  # Pillow's decoders raise many kinds for broken data
        raise ImageError(f"{name} can't be decoded: {error}") from None


def _over_white(image: Image.Image) -> Image.Image:
    coloured = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", coloured.size, "white"), coloured)


def _from_array(array: npt.NDArray[np.generic]) -> RGB:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        hint = " (channels go last)" if array.ndim == 3 and array.shape[0] in (1, 3, 4) else ""
        raise ImageError(
            f"an image array must be (H, W), (H, W, 3) or (H, W, 4), not {array.shape}{hint}"
        )
    if 0 in array.shape:
        raise ImageError(f"an image of shape {array.shape} has no pixels")
    eight_bit = _to_eight_bits(array[..., :3] if array.ndim == 3 else array)
    if eight_bit.ndim == 2:
        eight_bit = np.repeat(eight_bit[:, :, None], 3, axis=2)
    if (
        array.ndim == 3 and array.shape[2] == 4
    ):  # alpha uses its whole range even if colour does not
        with_alpha = Image.fromarray(np.dstack([eight_bit, _to_eight_bits(array[..., 3])]))
        return _ready(np.asarray(_over_white(with_alpha).convert("RGB")))
    return _ready(eight_bit)


def _to_eight_bits(array: npt.NDArray[np.generic]) -> RGB:
    if array.dtype == np.uint8:
        return array.view(np.uint8)
    if array.dtype == bool:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype.kind not in "ui":
        raise ImageError(
            f"pixels of type {array.dtype} have no agreed range; convert them to uint8 0-255 first"
        )
    integers = array.astype(np.int64)
    lowest, highest = int(integers.min()), int(integers.max())
    if lowest < 0 or highest >= 1 << BIT_DEPTHS[-1]:
        raise ImageError(f"pixels from {lowest} to {highest} are neither 8-bit nor 16-bit")
    depth = next(bits for bits in BIT_DEPTHS if highest < 1 << bits)
    return (integers * 255 / ((1 << depth) - 1) + 0.5).astype(np.uint8)


def _ready(pixels: npt.NDArray[np.uint8]) -> RGB:
    return np.ascontiguousarray(pixels)
