"""A team as tests play it: a tool that asks everybody for a token, and their browsers."""

from __future__ import annotations

from typing import Any

from fastapi.testclient import TestClient

TEAM_HOST = "http://team.example:8420"


def browser(app: Any, host: str = TEAM_HOST, **headers: str) -> TestClient:
    return TestClient(app, base_url=host, headers=headers, raise_server_exceptions=False)


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
