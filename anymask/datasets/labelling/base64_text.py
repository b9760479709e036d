"""Base 64 as programs write it into JSON: bare, in lines, as a data URL, as Python shows bytes."""

from __future__ import annotations

import base64
import binascii
import re

DATA_URL = re.compile(r"data:[^,]*,", re.IGNORECASE)
PYTHON_BYTES = re.compile(r"b(['\"])(.*)\1", re.DOTALL)
WEB_SAFE = str.maketrans("-_", "+/")


def bytes_of(text: object) -> bytes | None:
    """The bytes that a text certainly is, or None; none at all are none."""
    if not isinstance(text, str):
        return None
    bare = DATA_URL.sub("", text.strip(), count=1)
    shown = PYTHON_BYTES.fullmatch(bare)
    signs = "".join((shown[2] if shown else bare).split()).translate(WEB_SAFE).rstrip("=")
    try:
        return base64.b64decode(signs + "=" * (-len(signs) % 4), validate=True) or None
    except (ValueError, binascii.Error):
        return None
