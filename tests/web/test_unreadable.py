"""Files that can't be read, among the images of the annotation tool: they stop nobody."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from playwright.sync_api import Browser, Locator, Page, expect

from anymask.engine.sample import drawing
from tests.web.test_annotate import Tool, start

pytestmark = [pytest.mark.slow, pytest.mark.data, pytest.mark.timeout(600)]

TIMEOUT_MS = 60_000


@pytest.fixture
def tool(tmp_path: Path, mobile_sam: object) -> Iterator[Tool]:
    """The first file is cut short, and the third is none."""
    for name in ("a.png", "b.png", "d.png"):
        Image.fromarray(drawing()).save(tmp_path / name)
    whole = (tmp_path / "a.png").read_bytes()
    (tmp_path / "a.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "c.png").write_text("no image")
    tool = start(tmp_path)
    yield tool
    tool.process.kill()
    tool.process.wait()


@pytest.fixture
def page(tool: Tool, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(TIMEOUT_MS)
    expect.set_options(timeout=TIMEOUT_MS)
    page.goto(tool.address)
    at(page, "b.png")
    page.wait_for_function("document.querySelector('footer button').textContent !== '100 %'")
    for name in ("a.png", "c.png"):
        expect(row(page, name)).to_contain_text("unreadable: ")
    yield page
    expect.set_options(timeout=None)
    page.close()


def at(page: Page, name: str) -> None:
    expect(page.locator("header .name")).to_have_text(name, timeout=120_000)


def row(page: Page, name: str) -> Locator:
    return page.locator("li", has_text=name)


def test_the_next_that_can_be_read_is_opened(page: Page, tool: Tool) -> None:
    page.keyboard.press("PageDown")
    at(page, "d.png")
    expect(page.locator("footer .hint")).to_contain_text("Passed over, as it can't be read: c.png")
    page.keyboard.press("PageUp")
    at(page, "b.png")
    page.keyboard.press("PageUp")
    expect(page.locator("footer .hint")).to_contain_text("No image there can be read: a.png")
    page.get_by_role("button", name="Done", exact=True).click()
    at(page, "d.png")
    page.get_by_role("button", name="Done", exact=True).click()
    expect(
        page.get_by_text("That was the last image. What can't be read is left: 2.")
    ).to_be_visible()
    for _ in range(100):
        if tool.json("/api/images/4")["lease"] is None:
            break
        page.wait_for_timeout(100)
    assert tool.json("/api/images/4")["lease"] is None, "others may go on with it"


def test_they_are_listed_apart_and_opened_once_they_are_whole(page: Page, tool: Tool) -> None:
    expect(page.get_by_role("progressbar", name="Finished images")).to_have_attribute(
        "aria-valuemax", "2"
    )
    row(page, "c.png").click()
    expect(page.get_by_role("alert")).to_contain_text("c.png is not an image")
    at(page, "b.png")
    states = page.get_by_label("Show images of a state")
    states.select_option("unreadable")
    expect(page.locator("aside li")).to_have_count(2)
    Image.fromarray(drawing()).save(tool.folder / "c.png")
    row(page, "c.png").click()
    at(page, "c.png")
    states.select_option("")
    expect(row(page, "c.png")).to_contain_text("new")
    expect(page.get_by_role("option", name="unreadable (1)")).to_have_count(1)


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
