"""The page's types are made of the server's schema, and of the one that it has now."""

from __future__ import annotations

import runpy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from anymask.engine.annotate import api as annotate_api
from anymask.engine.rating.rate import api as rate_api

SCRIPT = Path(__file__).resolve().parents[3] / "web" / "schema.py"


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(SCRIPT))


def test_the_types_are_of_this_schema(script: dict[str, Any]) -> None:
    """`make schema` writes them anew."""
    assert len(script["APPS"]) == 2
    for file, api in script["APPS"].items():
        assert file.read_text().startswith(script["head"](api()))


def test_the_types_are_as_they_were_made(script: dict[str, Any]) -> None:
    if not (script["PROGRAMS"] / "openapi-typescript").exists():
        pytest.skip("openapi-typescript is not installed: make web")
    for file, api in script["APPS"].items():
        assert file.read_text() == script["types"](api(), file)


@pytest.mark.parametrize("api", [annotate_api, rate_api])
def test_every_address_is_named_once_and_says_what_it_refuses(api: Callable[[], FastAPI]) -> None:
    operations = [one for path in api().openapi()["paths"].values() for one in path.values()]
    names = [operation["operationId"] for operation in operations]
    assert len(set(names)) == len(names)
    for operation in operations:
        assert operation["description"]
        assert {"4XX", "5XX"} <= set(operation["responses"])
