"""axe-core finds nothing serious on the annotation tool's page, light and dark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.web.test_annotate import Tool, accept, annotating, answered, sample, tool

__all__ = ["annotating", "sample", "tool"]
pytestmark = [pytest.mark.data, pytest.mark.slow, pytest.mark.timeout(600)]

AXE = Path(__file__).resolve().parents[2] / "web/node_modules/axe-core/axe.min.js"
SERIOUS = ("serious", "critical")
RUN = "axe.run(document, { resultTypes: ['violations'] })"


def check(page: Page, state: str) -> None:
    """Look at the page as it is now, in both sets of colours."""
    found = []
    for theme in ("light", "dark"):
        page.evaluate("(theme) => (document.documentElement.dataset.theme = theme)", theme)
        page.wait_for_timeout(300)  # colours move into each other
        results: dict[str, list[dict[str, Any]]] = page.evaluate(RUN)
        assert {"color-contrast", "button-name"} <= {one["id"] for one in results["passes"]}
        found += [
            f"{state}, {theme}: {one['id']} ({one['impact']}): {node['html'][:200]}"
            for one in results["violations"]
            if one["impact"] in SERIOUS
            for node in one["nodes"]
        ]
    assert not found, "\n".join(found)


def test_axe_finds_nothing_serious(tool: Tool, annotating: Page) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: make web")
    page = annotating
    page.add_script_tag(path=AXE)
    check(page, "an image")
    page.keyboard.press("a")
    answered(page)
    check(page, "a mask in work")
    accept(tool, page, 1)
    page.keyboard.press("n")
    check(page, "a mask that is selected")
    page.keyboard.press("p")
    check(page, "an outline")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog")).to_be_visible()
    check(page, "keys")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_role("dialog")).to_be_visible()
    check(page, "export")
    page.keyboard.press("Escape")
    tool.process.kill()
    tool.process.wait()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("a")
    answered(page)
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_be_visible()
    check(page, "a server that is away")
