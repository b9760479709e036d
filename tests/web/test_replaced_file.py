"""A file that was replaced by another of the same size: the page says so, and looks at it anew."""

from __future__ import annotations

import io

import pytest
from PIL import Image, ImageOps
from playwright.sync_api import Page, expect

from anymask.datasets.sample import Sample
from tests.web.test_annotate import (
    NAME,
    Tool,
    accept,
    annotating,
    answered,
    sample,
    tool,
)

__all__ = ["annotating", "sample", "tool"]
pytestmark = [pytest.mark.data, pytest.mark.slow, pytest.mark.timeout(600)]


def opened(page: Page, name: str) -> None:
    """Wait until an image is open."""
    expect(page.locator("header .name")).to_have_text(name)
    page.wait_for_function("document.querySelector('footer button').textContent !== '100 %'")


def test_the_page_says_that_a_file_was_replaced(
    tool: Tool, annotating: Page, sample: Sample
) -> None:
    page = annotating
    page.keyboard.press("a")
    answered(page)
    accept(tool, page, 1)
    with Image.open(io.BytesIO(sample.content)) as photograph:
        ImageOps.invert(ImageOps.mirror(photograph)).save(tool.folder / NAME, quality=90)

    embeddings = list[str]()
    page.on("request", lambda request: embeddings.append(request.url))
    page.get_by_role("button", name="z.jpg").click()
    opened(page, "z.jpg")
    expect(page.get_by_text("The file of this image is another one")).to_have_count(0)
    page.get_by_role("button", name=NAME).click()
    opened(page, NAME)
    said = page.get_by_text("The file of this image is another one")
    expect(said).to_be_visible()
    expect(page.locator(".row")).to_have_count(1)
    expect(page.locator("footer .hint")).not_to_contain_text("the model", timeout=120_000)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("a")
    answered(page)
    assert any("/api/images/1/embedding?" in url for url in embeddings)
    accept(tool, page, 2)
    expect(said).to_be_visible()

    page.get_by_role("button", name="They fit").click()
    expect(said).to_have_count(0)
    page.reload()
    expect(page.locator(".row")).to_have_count(2)
    expect(said).to_have_count(0)
