"""Masks of one image as text, in the format that a file's ending names."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

from anymask.core.mask_files.coco import coco_file
from anymask.core.mask_files.geojson import geojson_file
from anymask.core.mask_files.sa1b import Record
from anymask.core.mask_files.svg import svg_file
from anymask.errors import OutputError, shown

PICTURES, ARRAYS = (".png", ".jpg", ".jpeg"), ".npz"
TEXTS = (".coco.json", ".json", ".geojson", ".svg")  # the longer of two that fit comes first
ENDINGS = (*TEXTS, ARRAYS, *PICTURES)


def target_of(path: object) -> Path:
    """Where somebody wants a file. Raises ``OutputError`` for what is no path."""
    if isinstance(path, (str, os.PathLike)) and isinstance(os.fspath(path), str):
        return Path(path)
    raise OutputError(f"a file is named by a path, not by {shown(path)}")


def ending_of(path: Path) -> str:
    """Which of ``ENDINGS`` a file's name has, in small letters. Raises ``OutputError``."""
    name = path.name.lower()
    for ending in ENDINGS:
        if name.endswith(ending):
            return ending
    raise OutputError(f"{path} must end in one of {', '.join(ENDINGS)}")


def text_of(record: Record, ending: str, href: str | None = None) -> str:
    """A record as a file of one of ``TEXTS`` holds it. href: the image's place, for ``.svg``.

    An image without a number is number 1 of a COCO file, as its annotations are.
    """
    if ending == ".svg":
        return svg_file(record, href)
    contents: dict[str, Callable[[], object]] = {
        ".json": lambda: record,
        ".coco.json": lambda: coco_file([_numbered(record)]),
        ".geojson": lambda: geojson_file(record),
    }
    return json.dumps(contents[ending](), allow_nan=False) + "\n"


def _numbered(record: Record) -> Record:
    image = record["image"]
    return {**record, "image": {**image, "image_id": image["image_id"] or 1}}
