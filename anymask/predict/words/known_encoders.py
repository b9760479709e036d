"""Which text encoder a name, a file or a folder is."""

from __future__ import annotations

import os
from pathlib import Path

from anymask.errors import UnknownWeightsError
from anymask.models.text import TextConfig
from anymask.predict.words.text_encoder import TextEncoder

NAMES = "names"  # the encoder that the registry has all files of


def text_config(source: str) -> TextConfig:
    """What ``load_text_encoder`` will give, without loading it. Raises as it does."""
    if os.path.isdir(source):
        from anymask.predict.words.clip import clip_config

        return clip_config(Path(source))
    from anymask.predict.words.sentence_space import names_config

    return names_config(_adapter(source))


def load_text_encoder(source: str = NAMES, *, offline: bool | None = None) -> TextEncoder:
    """An encoder by what it is called.

    source: ``names``: a classifier's and an adapter's names, embedded as sentences; the file of
    another adapter for it (``.npz``); or the folder of a CLIP or SigLIP, as Hugging Face has them.
    Raises ``WeightsError``, and ``MissingExtraError`` without the extra that it needs.
    """
    if os.path.isdir(source):
        from anymask.predict.words.clip import ClipEncoder

        return ClipEncoder(Path(source))
    from anymask.predict.words.sentence_space import SentenceSpace

    return SentenceSpace.load(_adapter(source), offline=offline)


def _adapter(source: str) -> Path | None:
    """The adapter's file; None for the one of the package."""
    if source == NAMES:
        return None
    path = Path(source)
    if path.suffix == ".npz" and path.is_file():
        return path
    raise UnknownWeightsError(
        f"there is no text encoder {source!r}: take {NAMES}, an adapter's file, or the folder of a "
        "CLIP or SigLIP"
    )
