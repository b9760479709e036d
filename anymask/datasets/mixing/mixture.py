"""Mixture: several datasets as one, each with its kind and its share of what is learned from.

A JSON file names them, from where it lies:

    {"mixture": [{"data": "coco/", "kind": "semantic", "weight": 4},
                 {"data": "cells/", "kind": "medical", "weight": 1, "name": "cells"}]}
"""

from __future__ import annotations

import json
import posixpath
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from anymask.datasets.listing import Listing, is_json, read_file
from anymask.datasets.photographs import LeftOut, Unread
from anymask.datasets.sample import VOID_GROUP, Dataset, Part, Sample
from anymask.errors import DatasetError

KEY = "mixture"
# What an image's masks are: those of the first kinds may be told apart one by one, of the others
# all that share a group are one thing, and all without a group are what the whole set is about.
SINGLE_OBJECTS = ("instance", "panoptic")
CLASSES = ("semantic", "part", "person", "medical", "aerial")
KINDS = (*SINGLE_OBJECTS, *CLASSES)
FIELDS = {"data", "kind", "weight", "name"}


@dataclass(frozen=True)
class Share:
    """One dataset of a mixture. weight: how often it is learned from, relative to the others."""

    name: str
    data: str
    kind: str
    weight: float


def read(files: Listing, open_set: Callable[[str], Dataset]) -> Dataset | None:
    """The datasets of a mixture's file as one; None for anything else.

    Names of parts and samples begin with their set's. open_set: opens one. Raises ``DatasetError``
    for a mixture that is none, and what ``open_set`` raises.
    """
    name = next(iter(files.paths), "")
    if len(files.paths) != 1 or not is_json(name):
        return None
    content = read_file(files.url(name), name)
    if f'"{KEY}"'.encode() not in content:
        return None
    try:
        plain = json.loads(content)
    except ValueError as error:
        raise DatasetError(f"{files.location} is no mixture: {error}") from None
    if not isinstance(plain, dict) or KEY not in plain:
        return None
    shares = _shares(plain[KEY], files.location)
    folder = posixpath.dirname(files.url(name))
    if files.url(name) in (_place(folder, share.data) for share in shares):
        raise DatasetError(f"{files.location} is a mixture of itself")
    opened = [(share, open_set(_place(folder, share.data))) for share in shares]
    parts = [part for share, dataset in opened for part in _parts(share, dataset)]
    notes = [
        LeftOut(f"{share.name}/{note.name}", note.reason)
        for share, dataset in opened
        for note in dataset.notes
    ]
    words = ", ".join(f"{share.name} ({dataset.kind})" for share, dataset in opened)
    return Dataset(files.location, f"a mixture of {words}", tuple(parts), notes=tuple(notes))


def _shares(plain: Any, location: str) -> list[Share]:
    if not isinstance(plain, list) or not plain:
        raise DatasetError(f"{location}: a mixture is a list of datasets, and not empty")
    shares = [_share(entry, location) for entry in plain]
    names = [share.name for share in shares]
    if len(set(names)) < len(names):
        raise DatasetError(f"{location} has two datasets of one name; give each a name of its own")
    return shares


def _share(entry: Any, location: str) -> Share:
    if not isinstance(entry, Mapping) or not isinstance(entry.get("data"), str):
        raise DatasetError(f"{location}: each dataset of a mixture says where its data is")
    if unknown := sorted(set(entry) - FIELDS):
        raise DatasetError(f"{location}: {', '.join(unknown)} is no field of a mixture's dataset")
    data, kind, weight = entry["data"], entry.get("kind", SINGLE_OBJECTS[0]), entry.get("weight", 1)
    if kind not in KINDS:
        raise DatasetError(f"{location}: {data} is of the kind {kind}, none of {', '.join(KINDS)}")
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not weight > 0:
        raise DatasetError(f"{location}: the weight of {data} must be above 0")
    name = str(entry.get("name") or posixpath.basename(data.rstrip("/")) or data)
    return Share(name, data, kind, float(weight))


def _place(folder: str, data: str) -> str:
    """Where data is; paths are from the mixture's file on."""
    return data if "://" in data or posixpath.isabs(data) else posixpath.join(folder, data)


def _parts(share: Share, dataset: Dataset) -> Iterator[Part]:
    """Its parts under names of their own; together they weigh what the set does."""
    each = share.weight / max(len(dataset), 1)
    for part in dataset.parts:
        name = f"{share.name}/{part.name}"
        yield Part(name, partial(_read, part, share), part.written, each)


def _read(part: Part, share: Share) -> Iterator[Sample | Unread]:
    for sample in part.read():
        named = replace(sample, name=f"{share.name}/{sample.name}")
        if isinstance(named, Sample):
            groups = tuple(_group(group, share) for group in named.groups)
            named = replace(named, groups=groups, kind=share.kind)
        yield named


def _group(group: str | None, share: Share) -> str | None:
    """A group's name among those of other sets: numbers mean something in their own set alone."""
    if group is VOID_GROUP:
        return group
    if group is None:
        return share.name if share.kind in CLASSES else None
    return f"{share.name} {group}" if group.isdigit() else group
