"""Licences of images, as the COCO file that a dataset was read from states them."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from anymask.datasets.listing import read_file
from anymask.datasets.sample import Dataset
from anymask.errors import Error


@dataclass(frozen=True)
class Licence:
    """A licence as a COCO file has it: its number there, its name and where it stands."""

    id: int | str
    name: str = ""
    url: str = ""

    def to_json(self) -> dict[str, Any]:
        """What is known of it."""
        known = {"id": self.id, "name": self.name, "url": self.url}
        return {key: value for key, value in known.items() if value != ""}


def licences_of(dataset: Dataset) -> dict[str, Licence]:
    """The licence of each image that has one, by its name without folders.

    Of names that several images share, none. {} for a dataset that is of no COCO file.
    """
    if not dataset.annotations:
        return {}
    try:
        content = json.loads(read_file(dataset.annotations, dataset.annotations))
    except (Error, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    table = {
        str(entry["id"]): entry for entry in _entries(content.get("licenses")) if "id" in entry
    }
    licences: dict[str, Licence] = {}
    shared: set[str] = set()
    for image in _entries(content.get("images")):
        name = posixpath.basename(str(image.get("file_name", "")).replace("\\", "/"))
        if name in licences:
            shared.add(name)
        if isinstance(image.get("license"), (int, str)):
            licences[name] = _licence(image["license"], table)
    return {name: licence for name, licence in licences.items() if name not in shared}


def _licence(number: int | str, table: Mapping[str, Mapping[str, Any]]) -> Licence:
    entry = table.get(str(number), {})
    return Licence(number, str(entry.get("name") or ""), str(entry.get("url") or ""))


def _entries(value: object) -> list[dict[str, Any]]:
    return [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
