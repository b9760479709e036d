"""Model messages: the model in use, as the JSON of a page says it."""

from __future__ import annotations

from anymask.engine.api.schema import Message


class ModelInUse(Message):
    """id: name and hash. folder: where a browser gets it, from the page's own on."""

    id: str
    folder: str
