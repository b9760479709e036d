"""The names of YOLO's classes: ``data.yaml``, or ``classes.txt`` with a name a line."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Any

import yaml

from anymask.datasets.labelling.numbers import whole_number_of
from anymask.datasets.listing import Listing, read_file
from anymask.errors import DatasetError, Error

YAMLS = (".yaml", ".yml")
KEY_POINTS = "kpt_shape"
LISTS = ("classes.txt", "obj.names")


def class_names(files: Listing) -> Mapping[int, str]:
    """Names by number; {} where no file has any.

    Raises ``DatasetError`` where files disagree, so that nobody knows what a number means, and
    where one says that lines hold key points, which look like corners.
    """
    known: dict[str, dict[int, str]] = {}
    for name in files.paths:
        if is_yaml(name):
            document = _document(_content(files, name))
            if KEY_POINTS in document:
                raise DatasetError(f"{name} is of key points ({KEY_POINTS}), which are no masks")
            known[name] = _names(document)
        elif posixpath.basename(name).lower() in LISTS:
            known[name] = _of_lines(_content(files, name))
    known = {name: names for name, names in known.items() if names}
    first = next(iter(known), "")
    for name, names in known.items():
        if names != known[first]:
            raise DatasetError(
                f"{first} and {name} have different names of classes; name the folder that one "
                f"of them is of"
            )
    return known[first] if known else {}


def is_yaml(name: str) -> bool:
    """Whether a file's name has the ending of YAML."""
    return name.lower().endswith(YAMLS)


def is_data(content: bytes) -> bool:
    """Whether a YAML file names classes."""
    return bool(_names(_document(content)))


def _document(content: bytes) -> dict[Any, Any]:
    """What a YAML file says; {} where it says nothing of the kind."""
    try:
        document: Any = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) else {}


def _names(document: dict[Any, Any]) -> dict[int, str]:
    names = document.get("names")
    if isinstance(names, list):
        names = dict(enumerate(names))
    if not isinstance(names, dict):
        return {}
    numbers = {whole_number_of(key): f"{name}" for key, name in names.items()}
    return {number: name for number, name in numbers.items() if number is not None}


def _of_lines(content: bytes) -> dict[int, str]:
    lines = content.decode("utf-8-sig", "replace").rstrip().splitlines()
    return dict(enumerate(line.strip() for line in lines))


def _content(files: Listing, name: str) -> bytes:
    try:
        return read_file(files.url(name), name)
    except Error:
        return b""
