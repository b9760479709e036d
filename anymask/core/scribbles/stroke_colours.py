"""Pictures of scribbles: which pixels are strokes, and which colour is about the object.

The habits of several programs agree on this much: white (GrabCut), green (napari, micro-sam) and
yellow (Lazy Snapping) are on the object; red, black, grey and blue are on the background. What they
don't agree on is refused.

Shape legend: N colours, H W pixels of the image.
"""

from __future__ import annotations

import colorsys
import os
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps, UnidentifiedImageError

from anymask.core.image import RGB
from anymask.core.scribbles.scribble import Mask, Scribble
from anymask.errors import ImageError, PromptError

Colours = npt.NDArray[np.float32]

OF_OBJECT = ("white", "green", "yellow")
OF_BACKGROUND = ("red", "black", "grey", "blue")
RULE = (
    "strokes on the object are white, green or yellow, or the only colour there is; "
    "those on the background red, black, grey or blue"
)
HUES = (
    (20, "red"), (45, "orange"), (70, "yellow"), (165, "green"), (190, "cyan"), (260, "blue"),
    (335, "violet"), (360, "red"),
)  # fmt: skip
LEAST_SATURATION, LEAST_LIGHT, WHITE_LIGHT = 0.35, 0.25, 0.75
OPAQUE = 128
OBJECT_LABEL, BACKGROUND_LABEL = 1, 2  # in a picture of labels
SAME_COLOUR = 40.0  # how far apart two shades of one colour are, in 0 to 255 RGB
SHADES = 32  # of a channel, told apart when colours are counted
LEAST_SHARE = 0.02  # of the pixels that are drawn: a colour is no rarer
EDGE_SHARE = 0.5  # of the pixels of a colour beside another one that make it that one's soft edge
SAME_AS_GROUND = 32  # of a channel: what differs no more is not drawn
FLAT, GROUND_SHARE = 3, 0.5  # where nothing is drawn: so little noise, so much of the picture
CLEAR_SHARE = 0.5  # of the pixels that are drawn: what is of fewer colours is a drawing


def read_scribble(path: str | os.PathLike[str], image_hw: tuple[int, int]) -> Scribble:
    """Read a picture of strokes on an image of (H, W).

    What is transparent or, where nothing is, of the most frequent colour is no stroke. One colour
    is the object; of two, ``RULE`` says which is. Soft edges of brushes belong to no stroke. In a
    picture of labels, which looks black, 1 is the object and 2 the background.
    Raises ``ImageError`` and ``PromptError``.
    """
    name = str(Path(path))
    rgb, is_clear, labels = _pixels(Path(path), name)
    if is_clear.shape != image_hw:
        raise PromptError(
            f"the scribble {name} is {is_clear.shape[1]}×{is_clear.shape[0]}, "
            f"but the image is {image_hw[1]}×{image_hw[0]}"
        )
    if labels is not None and labels.any():
        return _scribble(labels == OBJECT_LABEL, labels == BACKGROUND_LABEL, name)
    strokes = _strokes(rgb, is_clear)
    if strokes is None:
        raise PromptError(
            f"the scribble {name} has many colours; draw strokes on an empty picture as large as "
            f"the image: {RULE}"
        )
    if not strokes:
        raise PromptError(f"the scribble {name} is of one colour: there are no strokes on it")
    by_name: dict[str, Mask] = {}
    for mask in strokes:
        colour = colour_name(np.median(rgb[mask], axis=0))
        by_name[colour] = by_name.get(colour, np.zeros_like(mask)) | mask
    ours = [colour for colour in by_name if colour in OF_OBJECT] if len(by_name) > 1 else [*by_name]
    theirs = [colour for colour in by_name if colour in OF_BACKGROUND and colour not in ours]
    if len(ours) != 1 or len(theirs) != len(by_name) - 1 or len(theirs) > 1:
        raise PromptError(f"the scribble {name} has strokes of {_listed([*by_name])}: {RULE}")
    on_background = by_name[theirs[0]] if theirs else np.zeros_like(is_clear)
    return _scribble(by_name[ours[0]], on_background, name)


def colour_name(rgb: npt.ArrayLike) -> str:
    """What people call a colour of 0 to 255 RGB."""
    red, green, blue = (np.asarray(rgb, np.float64) / 255).tolist()
    hue, saturation, light = colorsys.rgb_to_hsv(red, green, blue)
    if light <= LEAST_LIGHT:
        return "black"
    if saturation < LEAST_SATURATION:
        return "white" if light >= WHITE_LIGHT else "grey"
    return next(name for limit, name in HUES if hue * 360 <= limit)


def _pixels(path: Path, name: str) -> tuple[RGB, Mask, npt.NDArray[np.generic] | None]:
    """Colours (H, W, 3), what is transparent (H, W), and labels (H, W) if the picture is of them.

    Labels are values of no more than 2 that all look alike.
    """
    try:
        with Image.open(path) as image:
            upright = ImageOps.exif_transpose(image)
            rgba = np.asarray(upright.convert("RGBA"))
            values = np.asarray(upright)
    except FileNotFoundError:
        raise ImageError(f"there is no file {name}") from None
    except UnidentifiedImageError:
        raise ImageError(f"the scribble {name} is not an image of a known format") from None
    except Exception as error:  # Pillow's readers raise many kinds for broken files
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise ImageError(f"the scribble {name} can't be read: {reason}") from None
    rgb, is_clear = rgba[..., :3], rgba[..., 3] < OPAQUE
    are_labels = values.ndim == 2 and values.dtype != bool and values.max() <= BACKGROUND_LABEL
    if are_labels and np.ptp(rgb.reshape(-1, 3), axis=0).max() <= BACKGROUND_LABEL:
        return rgb, is_clear, values
    return rgb, is_clear, None


def _strokes(rgb: RGB, is_clear: Mask) -> list[Mask] | None:
    """The pixels of each colour that is drawn with; None where there are too many to tell."""
    is_drawn, ground = ~is_clear, None
    if not is_clear.any():
        ground = _most_frequent(rgb)
        from_ground = _largest_difference(rgb, ground)
        if np.mean(from_ground <= FLAT) < GROUND_SHARE:
            return None
        is_drawn = from_ground > SAME_AS_GROUND
    if not is_drawn.any():
        return []
    drawn = rgb[is_drawn].astype(np.float32)
    taken = _colours_taken(drawn, is_drawn, ground)
    if not taken:
        return None
    distances = np.stack([_distance(drawn, colour) for colour in taken])
    nearest = np.where(distances.min(axis=0) <= SAME_COLOUR, distances.argmin(axis=0), -1)
    ends = taken if ground is None else [ground, *taken]
    if np.mean((nearest >= 0) | _are_mixtures(drawn, ends)) < CLEAR_SHARE:
        return None
    strokes = [np.zeros(is_drawn.shape, bool) for _ in taken]
    for number, mask in enumerate(strokes):
        mask[is_drawn] = nearest == number
    return strokes


def _colours_taken(drawn: Colours, is_drawn: Mask, ground: Colours | None) -> list[Colours]:
    """The colours that somebody chose, the furthest from the ground first: no mixtures of them.

    drawn: (N, 3) colours of the N pixels of (H, W) where something is drawn.
    """
    taken: list[Colours] = []
    beside = np.zeros(is_drawn.shape, np.uint8)  # pixels of those colours, and their neighbours
    for colour in _frequent_colours(drawn, ground):
        if any(_distance(colour, other) <= SAME_COLOUR for other in taken):
            continue
        here = _distance(drawn, colour) <= SAME_COLOUR / 2
        ends = taken if ground is None else [ground, *taken]
        if _are_mixtures(colour[None], ends)[0] and np.mean(beside[is_drawn][here]) >= EDGE_SHARE:
            continue
        taken.append(colour)
        colour_mask = np.zeros_like(beside)
        colour_mask[is_drawn] = here
        beside |= np.asarray(cv2.dilate(colour_mask, np.ones((3, 3))), np.uint8)
    return taken


def _frequent_colours(drawn: Colours, ground: Colours | None) -> list[Colours]:
    """What of (N, 3) pixels is no rarer than a stroke, the furthest from the ground first."""
    shades = (drawn * (SHADES / 256)).astype(np.int32)
    codes = shades @ np.array([SHADES * SHADES, SHADES, 1], np.int32)
    values, counts = np.unique(codes, return_counts=True)
    frequent = values[counts >= LEAST_SHARE * len(drawn)]
    colours = [np.median(drawn[codes == value], axis=0) for value in frequent]
    if ground is None:
        return colours
    return sorted(colours, key=lambda colour: -float(_distance(colour, ground)))


def _are_mixtures(colours: Colours, ends: list[Colours]) -> Mask:
    """Which of (N, 3) colours lie between two others."""
    between = np.zeros(len(colours), bool)
    for number, start in enumerate(ends):
        for end in ends[number + 1 :]:
            way = end - start
            share = np.clip((colours - start) @ way / max(1.0, float(way @ way)), 0, 1)
            between |= _distance(colours, start + share[:, None] * way) <= SAME_COLOUR / 2
    return between


def _most_frequent(rgb: RGB) -> Colours:
    codes = cv2.cvtColor(np.ascontiguousarray(rgb), cv2.COLOR_RGB2RGBA).view(np.uint32)
    values, counts = np.unique(codes, return_counts=True)
    return values[counts.argmax(), None].view(np.uint8)[:3].astype(np.float32)


def _largest_difference(rgb: RGB, colour: Colours) -> npt.NDArray[np.uint8]:
    """How far each of (H, W, 3) pixels is from a colour in the channel where it is furthest."""
    channels = [np.abs(rgb[..., i].astype(np.int16) - int(colour[i])) for i in range(3)]
    return np.asarray(np.maximum(np.maximum(channels[0], channels[1]), channels[2]), np.uint8)


def _distance(rgb: Colours, other: Colours) -> npt.NDArray[np.float32]:
    return np.asarray(np.linalg.norm(rgb - other, axis=-1), np.float32)


def _scribble(on_object: Mask, on_background: Mask, name: str) -> Scribble:
    try:
        return Scribble(on_object, on_background)
    except PromptError as error:
        raise PromptError(f"{error}, in {name}") from None


def _listed(names: list[str]) -> str:
    return ", ".join(names[:-1]) + f" and {names[-1]}"
