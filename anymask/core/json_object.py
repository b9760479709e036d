"""JSON objects in files: config, facts and the like, which people may have edited."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from anymask.errors import Error


def read_object(path: Path, error: type[Error]) -> dict[str, Any]:
    """The object in a file. Raises ``error`` for a file that can't be read or holds none."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as problem:
        raise error(f"{path} can't be read as JSON: {problem}") from None
    if not isinstance(content, dict):
        raise error(f"{path} holds no JSON object")
    return content
