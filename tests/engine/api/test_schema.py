"""The page's types are made of the server's schema, and of the one that it has now."""

from __future__ import annotations

import runpy
from pathlib import Path
from typing import Any

import pytest

from anymask.engine.annotate import api

SCRIPT = Path(__file__).resolve().parents[3] / "web" / "schema.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_the_types_are_of_this_schema(script: dict[str, Any]) -> None:
    """`make schema` writes them anew."""
    assert script["TYPES"].read_text().startswith(script["head"]())


def test_the_types_are_as_they_were_made(script: dict[str, Any]) -> None:
    if not (script["PROGRAMS"] / "openapi-typescript").exists():
        pytest.skip("openapi-typescript is not installed: make web")
    assert script["TYPES"].read_text() == script["types"]()


def test_every_address_is_named_once_and_says_what_it_refuses() -> None:
    operations = [one for path in api().openapi()["paths"].values() for one in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    for operation in operations:
        assert operation["description"]
        assert {"4XX", "5XX"} <= set(operation["responses"])
