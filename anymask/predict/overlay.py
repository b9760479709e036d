"""Overlays of masks for people to look at; labels and cutouts for programs to paste.

Shape legend: P prompts, M masks of a prompt, H W pixels.
"""

from __future__ import annotations

import colorsys
from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from anymask.core.image import RGB
from anymask.core.masks import Masks
from anymask.core.prompts import BACKGROUND, BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, OBJECT, Prompts
from anymask.errors import Error

Colour = tuple[int, int, int]
Mask = npt.NDArray[np.bool_]

PANEL_PX = 900  # longest side of one of several panels
GAP_PX = 12
SURROUNDINGS = 0.45  # how much of its light the rest of the image keeps
TINT = 0.35
SPECK_LINES = 16  # shortest outline that is drawn, in line widths
MARKS: dict[int, Colour] = {OBJECT: (46, 204, 113), BACKGROUND: (231, 76, 60)}
BOX_COLOUR: Colour = (255, 214, 10)
FIRST_HUE, GOLDEN_RATIO = 0.58, 0.618034  # successive hues far apart, whatever their number


def overlay(image: RGB, masks: Masks, prompts: Prompts) -> Image.Image:
    """Draw prompts and masks over their image.

    The masks of a single prompt stand side by side, best first, each with its predicted IoU;
    the first masks of several prompts lie over one copy in different colours.
    """
    columns = masks.predicted_iou.shape[1]
    if len(masks) == 1 and columns > 1:
        return _side_by_side([_panel(image, masks, prompts, i) for i in range(columns)])
    answers = masks.best().to_bool()[:, 0]
    colours = [colour(number) for number in range(len(answers))]
    painted = Image.fromarray(paint(image, answers, colours))
    for number in range(len(prompts)):
        _mark(painted, prompts, number, 1.0)
    if len(masks) == 1:
        _caption(painted, f"predicted IoU {masks.predicted_iou[0, 0]:.3f}")
    return painted


def labels(masks: Masks) -> Image.Image:
    """The first masks alone: white on black for one prompt, values 1 to P for several.

    Raises ``Error`` for more masks than 8 bits can number.
    """
    answers = masks.best().to_bool()[:, 0]
    if len(answers) == 1:
        return Image.fromarray(answers[0].astype(np.uint8) * np.uint8(255))
    if len(answers) > 255:
        raise Error(f"{len(answers)} masks do not fit in an 8-bit picture; write .npz or .json")
    values = np.zeros(answers.shape[1:], np.uint8)
    for number, mask in enumerate(answers, start=1):
        values[mask] = number
    return Image.fromarray(values)


def cutout(image: RGB, masks: Masks) -> Image.Image:
    """The image where any first mask covers it, transparent elsewhere."""
    covered = masks.best().to_bool().any(axis=(0, 1))
    alpha = covered.astype(np.uint8) * np.uint8(255)
    return Image.fromarray(np.dstack([image, alpha]))


def colour(number: int) -> Colour:
    """The colour of the mask with this number: bright, and unlike its neighbours'."""
    hue = (FIRST_HUE + number * GOLDEN_RATIO) % 1
    red, green, blue = colorsys.hsv_to_rgb(hue, 0.85, 1.0)
    return round(255 * red), round(255 * green), round(255 * blue)


def paint(image: RGB, masks: npt.NDArray[np.bool_], colours: list[Colour]) -> RGB:
    """Tint each (H, W) mask, outline it, and dim what no mask covers."""
    lit = image.astype(np.float32)
    lit[~masks.any(axis=0)] *= SURROUNDINGS
    for mask, rgb in zip(masks, colours):
        lit[mask] += TINT * (np.array(rgb, np.float32) - lit[mask])
    painted = lit.astype(np.uint8)
    width = _line_px(image.shape[:2])
    for mask, rgb in zip(masks, colours):
        outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        # An outline around a speck hides it: specks are only tinted.
        contours = [outline for outline in outlines if len(outline) > SPECK_LINES * width]
        cv2.drawContours(painted, contours, -1, (255, 255, 255), width + 2, cv2.LINE_AA)
        cv2.drawContours(painted, contours, -1, rgb, width, cv2.LINE_AA)
    return painted


def _panel(image: RGB, masks: Masks, prompts: Prompts, column: int) -> Image.Image:
    """One of several masks of the only prompt, small enough to stand beside the others."""
    mask = _column(masks, column).to_bool()[0, 0]
    scale = min(1.0, PANEL_PX / max(image.shape[:2]))
    size = tuple(max(1, round(side * scale)) for side in (image.shape[1], image.shape[0]))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    small_mask = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    panel = Image.fromarray(paint(small, small_mask[None], [colour(column)]))
    _mark(panel, prompts, 0, scale)
    _caption(panel, f"{column + 1}   predicted IoU {masks.predicted_iou[0, column]:.3f}")
    return panel


def _column(masks: Masks, column: int) -> Masks:
    here = slice(column, column + 1)
    return replace(masks, logits=masks.logits[:, here], predicted_iou=masks.predicted_iou[:, here])


def _side_by_side(panels: list[Image.Image]) -> Image.Image:
    width = sum(panel.width for panel in panels) + GAP_PX * (len(panels) - 1)
    sheet = Image.new("RGB", (width, panels[0].height), "white")
    left = 0
    for panel in panels:
        sheet.paste(panel, (left, 0))
        left += panel.width + GAP_PX
    return sheet


def _mark(painted: Image.Image, prompts: Prompts, number: int, scale: float) -> None:
    """Draw the points and the box of a prompt."""
    draw = ImageDraw.Draw(painted)
    line = _line_px((painted.height, painted.width))
    xy, kinds = prompts.points[number] * scale, prompts.labels[number]
    if (kinds == BOX_TOP_LEFT).any():
        corners = [*xy[kinds == BOX_TOP_LEFT][0], *xy[kinds == BOX_BOTTOM_RIGHT][0]]
        draw.rectangle(corners, outline=BOX_COLOUR, width=line + 1)
    for (x, y), kind in zip(xy, kinds):
        if kind in MARKS:
            radius = max(5, 3 * line)
            circle = (x - radius, y - radius, x + radius, y + radius)
            draw.ellipse(circle, fill=MARKS[int(kind)], outline="white", width=max(1, line // 2))


def _caption(painted: Image.Image, text: str) -> None:
    """Write in the upper left corner, on a dark plate."""
    draw = ImageDraw.Draw(painted, "RGBA")
    size = max(11, max(painted.size) // 42)
    font = ImageFont.load_default(size)
    left, top, right, bottom = draw.textbbox((size, size), text, font=font)
    pad = size // 2
    plate = (left - pad, top - pad, right + pad, bottom + pad)
    draw.rounded_rectangle(plate, radius=pad, fill=(0, 0, 0, 170))
    draw.text((size, size), text, font=font, fill="white")


def _line_px(hw: tuple[int, int]) -> int:
    return max(1, round(max(hw) / 500))
