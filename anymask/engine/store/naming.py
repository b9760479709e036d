"""Naming: what names of images are sorted and searched by."""

from __future__ import annotations

import re
import unicodedata

NUMBER = re.compile(r"[0-9]+")


def folded(text: str) -> str:
    """A name or a part of one, so that upper and lower case and ways to write "ü" are alike."""
    return unicodedata.normalize("NFKC", text).casefold()


def place(name: str) -> str:
    """What a list is sorted by: ``img2`` stands before ``img10``.

    A number becomes its length and its digits. Two names may have one place (``a1``, ``A01``).
    """
    return NUMBER.sub(_sortable, folded(name))


def _sortable(number: re.Match[str]) -> str:
    digits = number[0].lstrip("0")
    return f"{len(digits):03}{digits}"
