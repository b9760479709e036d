"""Files that can't be read, among the images of the annotation tool: they stop nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from anymask.engine.sample import drawing
from tests.web.test_annotate import start

pytestmark = [pytest.mark.slow, pytest.mark.data, pytest.mark.timeout(600)]


@pytest.fixture
def page(tmp_path: Path, browser: Browser, mobile_sam: object) -> Iterator[Page]:
    """The first and the third file are none."""
    for name in ("b.png", "d.png"):
        Image.fromarray(drawing()).save(tmp_path / name)
    for name in ("a.png", "c.png"):
        (tmp_path / name).write_text("no image")
    tool = start(tmp_path)
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(60_000)
    page.goto(tool.address)
    expect(page.locator("footer .hint")).to_contain_text("can't be read: a.png", timeout=120_000)
    page.wait_for_function("document.querySelector('footer button').textContent !== '100 %'")
    yield page
    page.close()
    tool.process.kill()
    tool.process.wait()


def at(page: Page, name: str) -> None:
    expect(page.locator("header .name")).to_have_text(name, timeout=60_000)


def test_the_next_that_can_be_read_is_opened(page: Page) -> None:
    at(page, "b.png")
    page.keyboard.press("PageDown")
    at(page, "d.png")
    expect(page.locator("footer .hint")).to_contain_text("Passed over, as it can't be read: c.png")
    page.keyboard.press("PageUp")
    at(page, "b.png")
    page.get_by_role("button", name="Done", exact=True).click()
    at(page, "d.png")
    page.keyboard.press("PageDown")
    at(page, "d.png")


def test_done_accepts_no_suggestion_that_nobody_accepted(page: Page) -> None:
    page.keyboard.press("w")
    page.locator(".stage").click()
    expect(page.locator(".side")).to_contain_text("suggested", timeout=180_000)
    page.get_by_role("button", name="Done", exact=True).click()
    at(page, "d.png")
    done = page.locator("li", has_text="b.png")
    expect(done).to_contain_text("done")
    expect(done).not_to_contain_text("mask")


def test_keys_are_the_tools_again_once_a_label_is_named(page: Page) -> None:
    page.get_by_label("Name of a new label").fill("house")
    page.keyboard.press("Enter")
    expect(page.get_by_role("radio", name="house")).to_be_checked()
    page.keyboard.press("PageDown")
    at(page, "d.png")
