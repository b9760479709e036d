"""axe-core on a page: what it finds serious, in light and in dark colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

AXE = Path(__file__).resolve().parents[2] / "web/node_modules/axe-core/axe.min.js"
SERIOUS = ("serious", "critical")
RUN = "axe.run(document, { resultTypes: ['violations'] })"
FADED_MS = 300  # colours move into each other


def check(page: Page, state: str) -> None:
    """Look at the page as it is now. state: what that is, for the message."""
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: make web")
    if page.evaluate("typeof axe") == "undefined":
        page.add_script_tag(path=AXE)
    found = []
    for theme in ("light", "dark"):
        page.emulate_media(color_scheme=theme)
        page.evaluate("(theme) => (document.documentElement.dataset.theme = theme)", theme)
        page.wait_for_timeout(FADED_MS)
        results: dict[str, list[dict[str, Any]]] = page.evaluate(RUN)
        assert {"color-contrast", "button-name"} <= {one["id"] for one in results["passes"]}
        found += [
            f"{state}, {theme}: {one['id']} ({one['impact']}): {node['html'][:200]}"
            for one in results["violations"]
            if one["impact"] in SERIOUS
            for node in one["nodes"]
        ]
    assert not found, "\n".join(found)
