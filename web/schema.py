"""Writes the TypeScript types of what the pages say to their servers, from the servers' schemas.

`make schema` runs it, after anything in anymask/engine/api or anymask/engine/rating has changed.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

from fastapi import FastAPI

from anymask.engine.annotate import api as annotate_api
from anymask.engine.rating.rate import api as rate_api

WEB = Path(__file__).parent
# The application behind each file of types.
APPS = {
    WEB / "src" / "annotate" / "api" / "schema.d.ts": annotate_api,
    WEB / "src" / "rate" / "api" / "schema.d.ts": rate_api,
}
PROGRAMS = WEB / "node_modules" / ".bin"
HEAD = "// Made by `make schema` of the schema with sha256 {sha256}: don't edit.\n"


def schema(app: FastAPI) -> str:
    """The OpenAPI schema, as JSON that is the same for the same schema."""
    document = app.openapi()
    document["info"]["version"] = ""  # a release changes no type
    return json.dumps(document, indent=1, sort_keys=True)


def head(app: FastAPI) -> str:
    """The first line of the types, which tells what schema they are of."""
    return HEAD.format(sha256=hashlib.sha256(schema(app).encode()).hexdigest())


def types(app: FastAPI, file: Path) -> str:
    """The types, as they are to stand in the file."""
    made = _piped(schema(app), "openapi-typescript", "--immutable")
    return _piped(head(app) + "\n" + made, "prettier", "--stdin-filepath", str(file))


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
    for types_file, make in APPS.items():
        types_file.write_text(types(make(), types_file))
