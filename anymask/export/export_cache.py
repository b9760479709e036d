"""Export cache: exports that are made once for each model and kept beside the weights.

They lie in ``<cache>/exports/<sha256 of the weights, first 16 digits>/<dtype>``, without the
official decoders. An export of another version of anymask is made again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock

from anymask.core.atomic import explain_os_errors, make_folder
from anymask.errors import WeightsError
from anymask.weights.fetch import cache_folder
from anymask.weights.graph_pair import EXPORT_FILE, FORMAT, read_export
from anymask.weights.identity import weights_sha256

if TYPE_CHECKING:
    from anymask.weights.checkpoint import Checkpoint

LOCK_FILE = ".lock"
Step = Callable[[str], None]


def kept_export(weights: str | Path, dtype: str) -> Path | None:
    """The folder of the kept export of weights, its files proved; None if there is none.

    Needs neither torch nor the weights themselves.
    """
    sha256 = weights_sha256(weights)
    folder = None if sha256 is None else _folder(sha256, dtype)
    return folder if folder is not None and _is_current(folder) else None


def keep_export(checkpoint: Checkpoint, dtype: str, on_step: Step | None = None) -> Path:
    """Export a checkpoint and keep that; the folder.

    on_step: told what is going on. Two processes that want the same make it once. Raises
    ``ExportError``, ``MissingExtraError`` and ``OutputError``.
    """
    from anymask.export.onnx import export_onnx  # takes seconds to import

    folder = _folder(checkpoint.sha256, dtype)
    make_folder(folder)
    with _locked(folder):
        if not _is_current(folder):
            export_onnx(checkpoint, folder, dtype=dtype, official=False, on_step=on_step)
    return folder


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    lock = FileLock(folder / LOCK_FILE)
    with explain_os_errors(folder):
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def _folder(sha256: str, dtype: str) -> Path:
    return cache_folder() / "exports" / sha256[:16] / dtype


def _is_current(folder: Path) -> bool:
    """Whether a whole export of this anymask is in the folder."""
    try:
        read_export(folder)
        header = json.loads((folder / EXPORT_FILE).read_text())
        made_with, form = header["versions"]["anymask"], header["anymask_export"]
    except (WeightsError, OSError, ValueError, KeyError, TypeError):
        return False
    return bool(made_with == version("anymask") and form == FORMAT)
