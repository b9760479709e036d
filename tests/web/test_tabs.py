"""Two tabs of one person on one image, and a server that ends while a page is open."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.web.test_annotate import Tool, answered, press, ready, sample, start_again, tool

__all__ = ["sample", "tool"]
pytestmark = [pytest.mark.data, pytest.mark.slow, pytest.mark.timeout(600)]

SOON_MS = 12_000


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(60_000)
    expect.set_options(timeout=60_000)
    yield context
    context.close()


def tab(context: BrowserContext, tool: Tool) -> Page:
    """Another tab with the first image open."""
    page = context.new_page()
    page.goto(f"{tool.address}#image=1")
    expect(page.locator(".row, .empty, footer .hint").first).to_be_visible()
    return page


def elsewhere(page: Page) -> None:
    """Wait until a page says that its person works in another tab."""
    expect(page.get_by_text("You work on this image in another tab")).to_be_visible()


def work_here(page: Page) -> None:
    page.get_by_role("button", name="Work here").click()
    expect(page.get_by_text("in another tab")).to_have_count(0)


def test_a_mask_in_work_is_accepted_once_in_two_tabs(tool: Tool, context: BrowserContext) -> None:
    first = tab(context, tool)
    ready(first)
    first.keyboard.press("a")  # a click in the middle
    answered(first)

    second = tab(context, tool)
    elsewhere(second)
    work_here(second)
    answered(second)  # the mask in work came along
    elsewhere(first)
    expect(first.get_by_text("Somebody else")).to_have_count(0)
    press(tool, second, "Enter")
    first.bring_to_front()
    first.keyboard.press("Enter")
    expect(first.locator(".row")).to_have_count(0)  # it is only shown there

    work_here(first)
    elsewhere(second)
    expect(first.locator(".row")).to_have_count(1)
    first.keyboard.press("Enter")
    first.keyboard.press("ArrowUp")
    first.keyboard.press("a")
    answered(first)
    press(tool, first, "Enter")
    expect(first.locator(".row")).to_have_count(2)
    assert len(tool.masks()) == 2
    assert tool.revision() == 2


def test_a_server_that_ends_is_told_within_seconds(tool: Tool, context: BrowserContext) -> None:
    page = tab(context, tool)
    ready(page)
    away = page.get_by_text("The server is away")
    expect(away).to_have_count(0)
    tool.process.kill()
    tool.process.wait()
    expect(away).to_be_visible(timeout=SOON_MS)
    expect(page.get_by_text("Server away", exact=True)).to_be_visible()
    expect(page.get_by_text("All saved")).to_have_count(0)
    page.keyboard.press("a")
    answered(page)
    page.keyboard.press("Enter")
    expect(page.get_by_text("1 not saved yet")).to_be_visible()
    page.get_by_role("button", name="z.jpg").click()
    expect(page.locator("footer .hint")).to_contain_text("needs the server")
    expect(page.get_by_role("alert")).to_have_count(0)  # nothing is wrong here
    start_again(tool, 1)
    expect(page.get_by_text("All saved")).to_be_visible(timeout=SOON_MS)
    expect(away).to_have_count(0)
    expect(page.locator("footer .hint")).not_to_contain_text("needs the server")
    assert len(tool.masks()) == 1
