"""Stores: where a person says that work is kept."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anymask.errors import Error, MissingExtraError

if TYPE_CHECKING:
    from anymask.engine.store.store import Store

STORE_FOLDER, STORE_FILE = ".anymask", "store.sqlite"

StoreArgument = Annotated[
    str,
    typer.Argument(
        metavar="STORE",
        help="The folder that is annotated, the store's own file, or postgresql://…",
    ),
]
FolderOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="The folder that is annotated, where STORE does not lie in it.",
        show_default=False,
    ),
]


def beside_images(folder: Path) -> Path:
    """The file of a folder's store, in a hidden folder that is made. Raises ``Error``."""
    path = folder / STORE_FOLDER / STORE_FILE
    try:
        path.parent.mkdir(exist_ok=True)
        is_writable = os.access(path.parent, os.W_OK | os.X_OK)
    except OSError:
        is_writable = False
    if not is_writable:
        raise Error(f"{folder} can't be written to: say with --store where the work is kept")
    return path


def open_store(where: str) -> Store:
    """A store that is there. Raises ``Error`` where there is none, ``StoreError``."""
    try:
        from anymask.engine.store.store import Store
    except ModuleNotFoundError as missing:
        raise MissingExtraError(missing.name or "sqlalchemy", "engine") from None

    if "://" in where:
        return Store.open(where)
    path = Path(where)
    if path.is_dir():
        path = path / STORE_FOLDER / STORE_FILE
    if not path.is_file():
        raise Error(f"there is no store {path}: `anymask annotate` makes one")
    return Store.open(path)


def folder_of(where: str, named: Path | None = None) -> Path:
    """The folder that a store's images lie in: the named one, or that in which the store lies.

    Raises ``Error`` where there is none.
    """
    return checked_folder(named or _folder_around(where))


def checked_folder(folder: Path) -> Path:
    """A folder that is there. Raises ``Error``."""
    if folder.is_file():
        raise Error(f"{folder} is a file: name the folder of the images")
    if not folder.is_dir():
        raise Error(f"there is no folder {folder}")
    return folder


def _folder_around(where: str) -> Path:
    """The folder that a store lies in. Raises ``Error`` where that is another place."""
    path = Path(where)
    if "://" not in where and path.is_dir():
        return path
    if "://" not in where and path.absolute().parent.name == STORE_FOLDER:
        return path.absolute().parents[1]
    raise Error(f"{where} does not lie in the folder of its images: say with --images which it is")
