"""Folder: its image files become rows of the store, new ones are added, lost ones are marked."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from anymask.datasets.photographs import Photograph, find_photographs
from anymask.engine.store.automation.held_out import held_out_fraction, is_held_out
from anymask.engine.store.automation.ranks import rank_of_new
from anymask.engine.store.checks import UNSTORABLE
from anymask.engine.store.clock import current_time
from anymask.engine.store.naming import folded, place
from anymask.engine.store.store import Store
from anymask.engine.store.tables import ImageRow
from anymask.engine.store.tallies import insert_new
from anymask.engine.store.values import FolderScan

AT_ONCE = 1_000
LONGEST_KEY = 2_500  # what an index of PostgreSQL takes, in bytes
Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True)
class FolderImages:
    """The images of a folder by name, and what is not taken, with the reason."""

    names: tuple[str, ...]
    unread: tuple[tuple[str, str], ...]


def images_in(folder: Path) -> FolderImages:
    """Look which images are in a folder.

    Those in shards, of names that are no text, and behind links that lead out of the folder are not
    taken. Raises ``Error`` for a folder that can't be searched.
    """
    listing = find_photographs([str(folder)])
    unread = [(entry.name, entry.reason) for entry in listing.unread]
    names = []
    for photograph in listing.photographs:
        reason = _objection(photograph, folder)
        if reason is None:
            names.append(photograph.name)
        else:
            unread.append((photograph.name, reason))
    return FolderImages(tuple(names), tuple(unread))


def scan_folder(store: Store, folder: Path) -> FolderScan:
    """Look which images are in a folder, and note it (``images_in``, ``note_images``)."""
    return note_images(store, images_in(folder))


def note_images(store: Store, images: FolderImages) -> FolderScan:
    """Note which images are there now; others can work on meanwhile.

    A file that is gone keeps its masks, and has them again when it is back. Raises ``StoreError``.
    """
    names, known = images.names, store.read(_known)
    there = set(names)
    back = [known[name][0] for name in names if name in known and known[name][1]]
    gone = [row for name, (row, missing) in known.items() if name not in there and not missing]
    added = 0
    for some in _portions(name for name in names if name not in known):
        added += store.write(add_images, some)
    for ids, is_missing in ((back, False), (gone, True)):
        for portion in _portions(ids):
            store.write(_mark, portion, is_missing)
    return FolderScan(added, len(back), len(gone), images.unread)


def _objection(photograph: Photograph, folder: Path) -> str | None:
    """Why an image is not taken."""
    if photograph.member is not None:
        return "lies in a shard; unpack it to annotate it"
    if UNSTORABLE.search(photograph.name):
        return "has a name that is no text; rename it"
    if len((place(photograph.name) + folded(photograph.name)).encode()) > LONGEST_KEY:
        return "has too long a path; put it higher up"
    if os.path.realpath(photograph.url) != os.path.abspath(photograph.url):
        root = os.path.realpath(folder)
        if not Path(os.path.realpath(photograph.url)).is_relative_to(root):
            return "leads out of the folder"
    return None


def _known(session: Session) -> Mapping[str, tuple[int, bool]]:
    """The images of the store by name: id, and whether they are missing."""
    query = select(ImageRow.name, ImageRow.id, ImageRow.is_missing)
    return {name: (image_id, missing) for name, image_id, missing in session.execute(query)}


def add_images(session: Session, names: Sequence[str]) -> int:
    """Add images by name; how many were not there yet."""
    now, fraction = current_time(), held_out_fraction(session)
    rank = rank_of_new(session)
    rows = [
        {
            "name": name,
            "place": place(name),
            "folded": folded(name),
            "state": "new",
            "masks": 0,
            "suggestions": 0,
            "revision": 0,
            "is_missing": False,
            "is_held_out": is_held_out(name, fraction),
            "rank": rank,
            "updated_at": now,
        }
        for name in names
    ]
    return insert_new(session, ImageRow, rows)


def _mark(session: Session, image_ids: Sequence[int], is_missing: bool) -> None:
    query = update(ImageRow).where(ImageRow.id.in_(image_ids)).values(is_missing=is_missing)
    session.execute(query.execution_options(synchronize_session=False))


def _portions(things: Iterable[Thing]) -> Iterator[list[Thing]]:
    rest = iter(things)
    while some := list(islice(rest, AT_ONCE)):
        yield some
