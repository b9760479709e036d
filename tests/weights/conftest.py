"""What the tests of weights share: a cache of their own and a server that can misbehave."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.weights.loopback import Server, serving


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """A web server on this machine."""
    monkeypatch.setenv("no_proxy", "*")
    with serving() as started:
        yield started


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache folder, not yet made."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("ANYMASK_CACHE", str(folder))
    monkeypatch.delenv("ANYMASK_OFFLINE", raising=False)
    return folder
