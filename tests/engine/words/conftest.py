"""The tool as the tests of its addresses have it."""

from __future__ import annotations

from tests.engine.api.conftest import client, here, photos, place, static, store, weights

__all__ = ["client", "here", "photos", "place", "static", "store", "weights"]
