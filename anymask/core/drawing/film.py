"""A film of masks over its frames, as a video or, where no codec is at hand, an animation.

Shape legend: H W pixels.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from anymask.core.atomic import writing
from anymask.core.drawing.colours import colour
from anymask.core.drawing.outlines import paint
from anymask.core.image import RGB, resize_to
from anymask.core.in_context.palette import Labels

CODEC = "mp4v"
LONGEST_PX = 1280
ANIMATION = ".webp"


def draw_frame(pixels: RGB, labels: Labels) -> RGB:
    """A frame with its labels, each in a colour that it keeps through the film; sides are even.

    labels: (H, W), 0 where nothing is. A large frame is made smaller.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, LONGEST_PX / max(height, width))
    hw = max(2, round(height * scale) // 2 * 2), max(2, round(width * scale) // 2 * 2)
    shown = cv2.resize(labels, hw[::-1], interpolation=cv2.INTER_NEAREST_EXACT)
    numbers = np.unique(shown[shown > 0]).tolist()
    small = resize_to(pixels, hw)
    if not numbers:
        return small
    masks = np.stack([shown == number for number in numbers])
    return paint(small, masks, [colour(number - 1) for number in numbers])


def write_film(pictures: Iterable[RGB], fps: float, target: Path) -> Path:
    """Write pictures of one size as a video; where it was written to.

    target: ends in ``.mp4``, or ``.webp`` for an animation, which it also becomes where the codec
    lacks. Raises ``OutputError``.
    """
    each = iter(pictures)
    first = next(each)
    together = itertools.chain([first], each)
    hw = first.shape[0], first.shape[1]
    video = target.with_name(f".{target.name}.{os.getpid()}.mp4")  # the ending says what to write
    writer = None if target.suffix.lower() == ANIMATION else _open_video(video, hw, fps)
    if writer is None:
        target = target.with_suffix(ANIMATION)
        with writing(target) as part:
            _write_animation(together, fps, part)
        return target
    with writing(target) as part:
        try:
            for picture in together:
                writer.write(cv2.cvtColor(_of_size(picture, hw), cv2.COLOR_RGB2BGR))
            writer.release()
            video.replace(part)
        finally:
            video.unlink(missing_ok=True)
    return target


def _open_video(path: Path, hw: tuple[int, int], fps: float) -> cv2.VideoWriter | None:
    """None where the codec lacks."""
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*CODEC), fps, hw[::-1])
    return writer if writer.isOpened() else None


def _of_size(picture: RGB, hw: tuple[int, int]) -> RGB:
    return picture if picture.shape[:2] == hw else resize_to(picture, hw)


def _write_animation(pictures: Iterator[RGB], fps: float, path: Path) -> None:
    first, rest = next(pictures), (Image.fromarray(picture) for picture in pictures)
    Image.fromarray(first).save(
        path, format="WEBP", save_all=True, append_images=rest, duration=round(1000 / fps), loop=0
    )
