"""Writes the TypeScript types of the annotation tool's HTTP, from the server's own schema.

`make schema` runs it, after anything in anymask/engine/api has changed.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

from anymask.engine.annotate import api

WEB = Path(__file__).parent
TYPES = WEB / "src" / "annotate" / "api" / "schema.d.ts"
PROGRAMS = WEB / "node_modules" / ".bin"
HEAD = "// Made by `make schema` of the schema with sha256 {sha256}: don't edit.\n"


def schema() -> str:
    """The OpenAPI schema, as JSON that is the same for the same schema."""
    document = api().openapi()
    document["info"]["version"] = ""  # a release changes no type
    return json.dumps(document, indent=1, sort_keys=True)


def head() -> str:
    """The first line of the types, which tells what schema they are of."""
    return HEAD.format(sha256=hashlib.sha256(schema().encode()).hexdigest())


def types() -> str:
    """The types, as they are to stand in the file."""
    made = _piped(schema(), "openapi-typescript", "--immutable")
    return _piped(head() + "\n" + made, "prettier", "--stdin-filepath", str(TYPES))


def _piped(text: str, program: str, *arguments: str) -> str:
    return subprocess.run(
        [PROGRAMS / program, *arguments],
        cwd=WEB,
        input=text,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


if __name__ == "__main__":
    TYPES.write_text(types())
