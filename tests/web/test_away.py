"""A reload while the server is away: the page is there, with all that was done, and goes on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from anymask.engine.page import STATIC
from tests.web.team import HOUSE, TREE, Team, draw, serving_team
from tests.web.test_annotate import Tool, answered, press, ready, sample, start_again, tool

__all__ = ["sample", "tool"]
pytestmark = [pytest.mark.data, pytest.mark.slow, pytest.mark.timeout(600)]

BACK_WITHIN_MS = 15_000
# All that the browser keeps for pages of this address, as text.
KEPT = """
async () => {
  const parts = [JSON.stringify(localStorage), document.cookie];
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      const response = await cache.match(request);
      parts.push(request.url, JSON.stringify([...response.headers]));
      const isText = /json|html|javascript/.test(response.headers.get("Content-Type") ?? "");
      if (isText) parts.push(await response.text());
    }
  }
  for (const { name } of await indexedDB.databases()) {
    const database = await new Promise((resolve) => {
      const request = indexedDB.open(name);
      request.onsuccess = () => resolve(request.result);
    });
    for (const store of database.objectStoreNames) {
      const all = database.transaction(store).objectStore(store).getAll();
      await new Promise((resolve) => (all.onsuccess = resolve));
      parts.push(JSON.stringify(all.result));
    }
    database.close();
  }
  return parts.join("\\n");
}
"""


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    context.set_default_timeout(60_000)
    yield context.new_page()
    context.close()


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.wait()


def away(page: Page) -> Any:
    return page.get_by_text("The server is away")


def stroke(page: Page) -> None:
    """A stroke of the brush, a quarter into the stage."""
    box = page.locator(".stage").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 3, box["y"] + box["height"] / 3
    page.keyboard.press("b")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 30, y + 20, steps=3)
    page.mouse.up()


def is_drawn(page: Page) -> bool:
    """Whether the stage shows a picture: not one colour."""
    return bool(
        page.evaluate(
            """() => [...document.querySelectorAll(".stage canvas")].some((canvas) => {
              const context = canvas.getContext("2d");
              if (!context || !canvas.width) return false;
              const { width, height } = canvas;
              const { data } = context.getImageData(width / 4, height / 4, width / 2, height / 2);
              const colours = new Set();
              for (let i = 0; i < data.length; i += 4 * 97) colours.add(data[i] << 8 | data[i + 1]);
              return colours.size > 50;
            })"""
        )
    )


def test_a_reload_without_a_server_shows_the_work_and_goes_on(tool: Tool, page: Page) -> None:
    errors = list[str]()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(tool.address)
    ready(page)
    page.keyboard.press("a")
    answered(page)
    press(tool, page, "Enter")  # on the server
    kill(tool.process)
    page.keyboard.press("ArrowUp")
    page.keyboard.press("a")
    answered(page)
    page.keyboard.press("Enter")  # not yet
    expect(page.locator(".row")).to_have_count(2)

    page.reload()
    expect(away(page)).to_be_visible()
    expect(page.locator(".row")).to_have_count(2)
    expect(page.get_by_text("1 not saved yet")).to_be_visible()
    page.wait_for_function("document.querySelector('footer button').textContent !== '100 %'")
    page.wait_for_timeout(500)
    assert is_drawn(page)
    stroke(page)
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(3)
    page.keyboard.press("c")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("a")  # the model and what it saw are kept, too
    answered(page)

    page.reload()  # once more
    expect(page.locator(".row")).to_have_count(3)
    answered(page)  # the mask in work
    expect(page.get_by_text("2 not saved yet")).to_be_visible()
    assert start_again(tool, 3) == 3
    expect(page.get_by_text("All saved")).to_be_visible(timeout=BACK_WITHIN_MS)
    expect(away(page)).to_have_count(0)
    expect(page.locator(".row")).to_have_count(3)
    assert tool.revision() == 3
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(4)
    expect(page.get_by_text("All saved")).to_be_visible()
    assert len(tool.masks()) == 4
    assert errors == []


def test_a_new_version_of_the_page_is_seen_at_once(tool: Tool, page: Page) -> None:
    page.goto(tool.address)
    ready(page)
    assert page.evaluate("navigator.serviceWorker.controller !== null")
    whole = (STATIC / "annotate.html").read_text()
    newer = whole.replace("<title>anymask annotate</title>", "<title>anymask annotate 2</title>")
    try:
        (STATIC / "annotate.html").write_text(newer)
        page.reload()
        expect(page).to_have_title("anymask annotate 2")
    finally:
        (STATIC / "annotate.html").write_text(whole)
    page.reload()
    expect(page).to_have_title("anymask annotate")
    pages = page.evaluate(
        "caches.keys().then((names) => names.filter((name) => name.startsWith('anymask page')))"
    )
    assert len(pages) == 1


@pytest.fixture(scope="module")
def team(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, mobile_sam: object
) -> Iterator[Team]:
    with serving_team(tmp_path_factory.mktemp("team"), browser) as running:
        yield running


def test_no_token_is_kept_and_who_signs_out_leaves_nothing(team: Team) -> None:
    with team.at("Edsger", 1) as page:
        draw(page, HOUSE, TREE)
        kept = page.evaluate(KEPT)
        assert "1.png" in kept  # it was looked at the right place
        assert team.tokens["Edsger"] not in kept
        urls = [line for line in kept.splitlines() if line.startswith("http")]
        assert any("/api/images/1/embedding" in url for url in urls)
        assert not any("token" in url or "lease" in url for url in urls)
        page.get_by_role("button", name="Edsger").click()
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("textbox", name="Link or token")).to_be_visible()
        left = page.evaluate(KEPT)
        assert "1.png" not in left
        urls = [line for line in left.splitlines() if line.startswith("http")]
        assert not any("/api/" in url for url in urls)
