"""Prompts as the official functions take them, checked and joined to ours.

Shape legend: P prompts, N points, h w low-resolution grid.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from anymask.core.prompts import (
    BACKGROUND,
    BOX_BOTTOM_RIGHT,
    BOX_TOP_LEFT,
    OBJECT,
    PADDING,
    Prompts,
)
from anymask.errors import PromptError
from anymask.models.prompt_encoder import PromptBatch

Array = npt.NDArray[Any]
Given = Tensor | npt.ArrayLike | None
TIMES = "mM"  # numpy's kinds: they are no numbers, and go with none


def join_prompts(
    point_coords: Given, point_labels: Given, boxes: Given, mask_input: Given, mask_side: int
) -> Prompts | None:
    """P prompts of points, boxes and masks; None where nothing is given.

    point_coords (P, N, 2) and point_labels (P, N) of 1, 0 or -1; boxes (P, 4); mask_input
    (P, 1, h, w), both sides ``mask_side``, or one for all. Raises ``PromptError`` for what has
    another shape, means nothing or does not belong together.
    """
    if (point_coords is None) != (point_labels is None):
        raise PromptError("point_coords and point_labels go together")
    masks = None if mask_input is None else _masks(mask_input, mask_side)
    parts = [] if point_coords is None else [_points(point_coords, point_labels)]
    if boxes is not None:
        parts.append(_corners(boxes))
    if not parts and masks is None:
        return None
    counts = [len(labels) for _, labels in parts] or [0 if masks is None else len(masks)]
    if len(set(counts)) > 1:
        raise PromptError(f"points of {counts[0]} prompts and {counts[1]} boxes: give as many")
    parts.append((np.zeros((counts[0], 0, 2)), np.zeros((counts[0], 0))))
    if masks is not None and len(masks) == 1:
        masks = np.repeat(masks, counts[0], axis=0)
    coords, labels = (np.concatenate(arrays, axis=1) for arrays in zip(*parts))
    return Prompts(coords, labels, masks)


def check_in_frame(prompts: Prompts | None, side: int) -> None:
    """Raise ``PromptError`` for prompts in the model's frame that leave its square of a ``side``.

    The rule is that of ``Prompts.check_inside``, less what mapping to the frame may round.
    """
    if prompts is None:
        return
    try:
        replace(prompts, points=np.round(prompts.points, 3)).check_inside((side, side))
    except PromptError as error:
        message = str(error).replace("the image, which is", "the model's frame, which is")
        raise PromptError(
            f"{message}; tensors are mapped to it by transform.apply_coords_torch or "
            "apply_boxes_torch"
        ) from None


def to_batch(prompts: Prompts | None, device: torch.device) -> PromptBatch:
    """Prompts in the frame of the model's input, all about one image, as the model takes them."""
    if prompts is None:
        coords, labels, masks = np.zeros((1, 0, 2), np.float32), np.zeros((1, 0), np.int64), None
    else:
        coords, labels, masks = prompts.points, prompts.labels, prompts.masks
    return PromptBatch(
        point_coords=torch.tensor(coords, device=device),
        point_labels=torch.tensor(labels, device=device),
        image_index=torch.zeros(len(labels), dtype=torch.long, device=device),
        mask_inputs=None if masks is None else torch.tensor(masks[:, None], device=device),
    )


def array(name: str, given: Given) -> Array:
    """A tensor of any device, an array or lists, as an array. Raises ``PromptError``."""
    try:
        if isinstance(given, Tensor):
            given = given.detach().cpu()
            return np.asarray((given.float() if given.is_floating_point() else given).numpy())
        plain = np.asarray(given)
        if plain.dtype.kind in TIMES:
            raise TypeError
        return plain
    except (TypeError, ValueError, RuntimeError):
        raise PromptError(f"{name} must be an array or a tensor of numbers") from None


def _points(point_coords: Given, point_labels: Given) -> tuple[Array, Array]:
    coords, labels = array("point_coords", point_coords), array("point_labels", point_labels)
    if coords.ndim != 3 or coords.shape[2] != 2 or labels.shape != coords.shape[:2]:
        raise PromptError(
            f"point_coords and point_labels must be (P, N, 2) and (P, N), not {coords.shape} and "
            f"{labels.shape}"
        )
    if labels.dtype.kind in "buif" and not np.isin(labels, (BACKGROUND, OBJECT, PADDING)).all():
        raise PromptError(
            "point_labels must be 1 (object), 0 (background) or -1 (padding); a box is given as box"
        )
    return coords, labels


def _corners(boxes: Given) -> tuple[Array, Array]:
    """The corners of boxes as points (P, 2, 2), and their labels (P, 2)."""
    corners = array("boxes", boxes)
    if corners.ndim != 2 or corners.shape[1] != 4:
        raise PromptError(f"boxes must be (P, 4), X0, Y0, X1, Y1 each, not {corners.shape}")
    labels = np.tile([BOX_TOP_LEFT, BOX_BOTTOM_RIGHT], (len(corners), 1))
    return corners.reshape(-1, 2, 2), labels


def _masks(mask_input: Given, side: int) -> Array:
    """(P, h, w)."""
    masks = array("mask_input", mask_input)
    if masks.ndim != 4 or masks.shape[1:] != (1, side, side):
        raise PromptError(
            f"mask_input must be low-resolution logits (P, 1, {side}, {side}), as an earlier "
            f"answer has them, not {masks.shape}"
        )
    return masks[:, 0]
