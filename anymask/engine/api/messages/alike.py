"""Alike messages: what is like a mask, as the JSON of a page asks for it and hears of it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from anymask.engine.alike.background import SearchState
from anymask.engine.api.schema import Message, Uuid

MOST_EXAMPLES = 16


class AlikeRequest(Message):
    """mask_ids: of the masks that show what to look for."""

    mask_ids: Annotated[list[Uuid], Field(min_length=1, max_length=MOST_EXAMPLES)]


class AlikeSearch(Message):
    """How the search stands. sought: the label of what is sought, or "a mask".

    done, total: images. found: masks that are suggested; images: in how many. note: why it failed.
    """

    state: SearchState
    sought: str
    done: int
    total: int
    found: int
    images: int
    answered_by: str
    note: str
