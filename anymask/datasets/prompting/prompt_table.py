"""Tables of prompts: a CSV file with a line for each point, box, rough mask or scribble.

Columns, any order, those that nobody needs left out:

* ``image``: path, relative to the table; URL; or the name of an image that is given beside it
* ``object``: lines of one image with the same number or name are one object, answered by one mask;
  a line without is an object of its own
* ``x``, ``y``, ``label``: a point, 1 (or empty) on the object, 0 on what does not belong to it
* ``x0``, ``y0``, ``x1``, ``y1``: a box
* ``mask``, ``scribble``: a picture as large as the image, relative to the table
"""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from pathlib import Path

from anymask.core.prompts import BACKGROUND, OBJECT
from anymask.datasets.csv_table import Cells, columns_of, missing, read_table
from anymask.datasets.prompting.object_prompt import Box, ObjectPrompt, Point
from anymask.errors import PromptError

IMAGE, OBJECT_NAME, LABEL = "image", "object", "label"
POINT_COLUMNS, BOX_COLUMNS, FILE_COLUMNS = (
    ("x", "y"),
    ("x0", "y0", "x1", "y1"),
    ("mask", "scribble"),
)
COLUMNS = (IMAGE, OBJECT_NAME, *POINT_COLUMNS, LABEL, *BOX_COLUMNS, *FILE_COLUMNS)
EXPECTED = "image, and x,y or x0,y0,x1,y1 or mask or scribble; label and object if you like"
LABELS = {"": OBJECT, "1": OBJECT, "0": BACKGROUND}

Line = tuple[int, Cells]


def read_prompts(path: Path) -> dict[str, list[ObjectPrompt]]:
    """The objects asked for, by image as the table names it, in its order.

    Raises ``DatasetError`` for a file that is no such table and ``PromptError`` for a line that
    says nothing clear; both name it.
    """
    _check_columns(path)
    lines: dict[str, dict[str, list[Line]]] = {}  # of an image, by object
    for number, cells in read_table(path):
        if not cells[IMAGE]:
            raise PromptError(f"{path}, line {number}, names no image")
        image = cells[IMAGE] if "://" in cells[IMAGE] else os.path.normpath(cells[IMAGE])
        name = cells.get(OBJECT_NAME, "") or f"\n{number}"  # no name has a line break
        lines.setdefault(image, {}).setdefault(name, []).append((number, cells))
    if not lines:
        raise PromptError(f"{path} has no line below its header")
    return {
        image: [_object_prompt(path, of_object) for of_object in objects.values()]
        for image, objects in lines.items()
    }


def unused_columns(path: Path) -> list[str]:
    """Names of columns that mean nothing here."""
    return [name for name in columns_of(path) if name not in COLUMNS]


def _check_columns(path: Path) -> None:
    columns = columns_of(path)
    complete = [
        set(group) <= set(columns)
        for group in (POINT_COLUMNS, BOX_COLUMNS, *((name,) for name in FILE_COLUMNS))
    ]
    if IMAGE not in columns or not any(complete):
        raise missing(path, columns, EXPECTED)
    for group in (POINT_COLUMNS, BOX_COLUMNS):
        absent = set(group) - set(columns)
        if absent and absent != set(group):
            raise missing(path, columns, f"{','.join(group)} together")


def _object_prompt(path: Path, lines: Sequence[Line]) -> ObjectPrompt:
    """What the lines about one object say."""
    points: list[Point] = []
    boxes: list[Box] = []
    files: dict[str, list[Path]] = {name: [] for name in FILE_COLUMNS}
    for number, cells in lines:
        source = f"{path}, line {number}"
        before = len(points) + len(boxes) + sum(map(len, files.values()))
        if xy := _numbers(cells, POINT_COLUMNS, source):
            points.append((xy[0], xy[1], _label(cells, source)))
        if box := _numbers(cells, BOX_COLUMNS, source):
            boxes.append((box[0], box[1], box[2], box[3]))
        for name, paths in files.items():
            if cells.get(name):
                paths.append(path.parent / cells[name])
        if len(points) + len(boxes) + sum(map(len, files.values())) == before:
            raise PromptError(f"{source}, says nothing of an object: no point, box, mask, scribble")
    sources = f"{path}, line {' and '.join(str(number) for number, _ in lines[:3])}"
    counts = {"boxes": len(boxes), **{f"{name}s": len(paths) for name, paths in files.items()}}
    for what, count in counts.items():
        if count > 1:
            raise PromptError(f"{sources}: one object has {count} {what}; it takes one")
    mask, scribble = (paths[0] if paths else None for paths in files.values())
    try:
        asked = ObjectPrompt(tuple(points), boxes[0] if boxes else None, mask, scribble, sources)
    except PromptError as error:
        raise PromptError(f"{sources}: {error}") from None
    if not asked.shows_object:
        raise PromptError(
            f"{sources}: there are only points of what does not belong to the object; lines of one "
            f"object have the same number or name in the column {OBJECT_NAME}"
        )
    return asked


def _numbers(cells: Cells, names: Sequence[str], source: str) -> list[float]:
    """The numbers in some columns, none where all are empty."""
    texts = [cells.get(name, "") for name in names]
    if not any(texts):
        return []
    try:
        numbers = [float(text) for text in texts]
    except ValueError:
        numbers = [math.nan]
    if not all(map(math.isfinite, numbers)):
        raise PromptError(f"{source}: {','.join(names)} must be numbers, not {','.join(texts)}")
    return numbers


def _label(cells: Cells, source: str) -> int:
    text = cells.get(LABEL, "").removesuffix(".0")
    if text not in LABELS:
        raise PromptError(f"{source}: a label is 1 (object) or 0 (not), not {text}")
    return LABELS[text]
