"""The picture of a few answers: prompts and their masks over the image, with scores.

Shape legend: P prompts, M masks of a prompt, H W pixels.
"""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from anymask.core.drawing.colours import Colour, colour
from anymask.core.drawing.outlines import line_px, paint
from anymask.core.image import RGB
from anymask.core.prompts import BACKGROUND, BOX_BOTTOM_RIGHT, BOX_TOP_LEFT, OBJECT, Prompts

Mask = npt.NDArray[np.bool_]

PANEL_PX = 900  # longest side of one of several panels
GAP_PX = 12
EXTENTS = ("whole", "part", "subpart")  # what the three masks of a prompt may mean (§3)
MARKS: dict[int, Colour] = {OBJECT: (46, 204, 113), BACKGROUND: (231, 76, 60)}
BOX_COLOUR: Colour = (255, 214, 10)


def draw_answers(
    image: RGB, masks: Mask, predicted_iou: npt.NDArray[np.float32], prompts: Prompts | None
) -> Image.Image:
    """Draw (P, M, H, W) masks of (P, M) predicted IoUs over their image, and what asked for them.

    The masks of a single prompt stand side by side, each with its predicted IoU: three as whole,
    part and subpart, by falling area; the first masks of several prompts lie over one copy in
    different colours.
    """
    if masks.shape[0] == 1 and masks.shape[1] > 1:
        panels = []
        for column, (number, name) in enumerate(_in_order(masks[0])):
            caption = f"{name}predicted IoU {predicted_iou[0, number]:.3f}"
            panels.append(_panel(image, masks[0, number], caption, prompts, column))
        return _side_by_side(panels)
    first = masks[:, 0]
    painted = Image.fromarray(paint(image, first, [colour(number) for number in range(len(first))]))
    if prompts is not None:
        for number in range(len(prompts)):
            _mark(painted, prompts, number, 1.0)
    if len(first) == 1:
        _caption(painted, f"predicted IoU {predicted_iou[0, 0]:.3f}")
    return painted


def _in_order(masks: Mask) -> Iterator[tuple[int, str]]:
    """The places of (M, H, W) masks in the order of their panels, and what each is called."""
    numbers = range(len(masks))
    if len(masks) != len(EXTENTS):
        yield from ((number, f"{number + 1}   ") for number in numbers)
        return
    by_area = sorted(numbers, key=lambda number: -np.count_nonzero(masks[number]))
    for column, number in enumerate(by_area):
        yield number, f"{column + 1}   {EXTENTS[column]}   {'best, ' if number == 0 else ''}"


def _panel(
    image: RGB, mask: Mask, caption: str, prompts: Prompts | None, column: int
) -> Image.Image:
    """One of several masks of the only prompt, small enough to stand beside the others."""
    scale = min(1.0, PANEL_PX / max(image.shape[:2]))
    size = tuple(max(1, round(side * scale)) for side in (image.shape[1], image.shape[0]))
    small = np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.uint8)
    small_mask = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_NEAREST) > 0
    panel = Image.fromarray(paint(small, small_mask[None], [colour(column)]))
    if prompts is not None:
        _mark(panel, prompts, 0, scale)
    _caption(panel, caption)
    return panel


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
    line = line_px((painted.height, painted.width))
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
