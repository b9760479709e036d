"""``--point``, ``--box``, ``--mask`` and ``--scribble`` as the prompts of objects."""

from __future__ import annotations

from itertools import zip_longest
from pathlib import Path

import typer

from anymask.datasets.prompting.object_prompt import Box, ObjectPrompt, Point


def objects_of(
    points: list[str], boxes: list[str], masks: list[Path], scribbles: list[Path]
) -> list[ObjectPrompt]:
    """One object of all points and perhaps one of the others, or several of those (§3).

    Raises ``BadParameter`` for what is no number, and for what can't be paired.
    """
    clicks, frames, drawn = list(map(_point, points)), list(map(_box, boxes)), masks or scribbles
    if masks and scribbles:
        raise typer.BadParameter("--mask and --scribble are two ways to say one thing; give one")
    if clicks and max(len(frames), len(drawn)) > 1:
        raise typer.BadParameter(
            "points go with one box, mask or scribble; several are several objects"
        )
    if frames and drawn and len(frames) != len(drawn):
        what = "masks" if masks else "scribbles"
        raise typer.BadParameter(f"{len(frames)} boxes and {len(drawn)} {what} can't be paired")
    if clicks:
        frame, path = frames[0] if frames else None, drawn[0] if drawn else None
        return [_object(tuple(clicks), frame, path, bool(masks))]
    return [_object((), frame, path, bool(masks)) for frame, path in zip_longest(frames, drawn)]


def _object(
    points: tuple[Point, ...], box: Box | None, path: Path | None, is_mask: bool
) -> ObjectPrompt:
    if is_mask:
        return ObjectPrompt(points, box, mask=path)
    return ObjectPrompt(points, box, scribble=path)


def _point(text: str) -> Point:
    values = _numbers(text)
    if len(values) not in (2, 3) or values[2:] not in ([], [0], [1]):
        raise typer.BadParameter(f"--point {text} is not of the form 120,80 or 120,80,0")
    return values[0], values[1], int((*values, 1)[2])


def _box(text: str) -> Box:
    values = _numbers(text)
    if len(values) != 4:
        raise typer.BadParameter(f"--box {text} is not of the form 10,20,200,180")
    return values[0], values[1], values[2], values[3]


def _numbers(text: str) -> list[float]:
    try:
        return [float(part) for part in text.split(",")]
    except ValueError:
        return []
