"""A team at the annotation tool: a server that asks for tokens, and browsers of its people."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from anymask.core.image import RGB
from anymask.engine.sample import drawing
from anymask.engine.store.annotators import add_annotator
from anymask.engine.store.store import Store
from anymask.engine.store.values import Role

HOST = "127.0.0.2"  # of this machine, and not the usual one: everybody needs a token here
PEOPLE: dict[str, Role] = {"Ada": "annotator", "Grace": "reviewer", "Edsger": "admin"}
IMAGES = 5
WIDTH, HEIGHT = 640, 480
HOUSE, TREE, SUN = (220, 200), (490, 190), (545, 85)  # inside things of the drawing
TIMEOUT_MS = 60_000
MARGIN_PX = 16  # of the stage round an image that fits


@dataclass(frozen=True)
class Team:
    """A running `anymask annotate` and its people."""

    address: str
    tokens: dict[str, str]
    browser: Browser

    def json(self, path: str, name: str = "Edsger") -> Any:
        headers = {"Authorization": f"Bearer {self.tokens[name]}"}
        request = urllib.request.Request(self.address + path, headers=headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def link(self, name: str) -> str:
        return f"{self.address}/?token={self.tokens[name]}"

    @contextmanager
    def at(self, name: str | None, image: int = 1, **context: Any) -> Iterator[Page]:
        """Somebody's page with an image open; None: of somebody whom nobody knows."""
        opened = self.browser.new_context(viewport={"width": 1280, "height": 800}, **context)
        errors = list[str]()
        page = opened.new_page()
        page.set_default_timeout(TIMEOUT_MS)
        expect.set_options(timeout=TIMEOUT_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        if name is not None:
            page.goto(self.link(name))
            page.goto(f"{self.address}/#image={image}")
            page.reload()
            opens(page, image)
        yield page
        close(opened, self.address)
        assert not errors, errors


def close(context: BrowserContext, address: str) -> None:
    """Leave as people do: the page hears of it, and the browser goes on to send what it says."""
    for page in context.pages:
        page.goto(f"{address}/health")
    context.close()


def opens(page: Page, image: int) -> None:
    """Wait until an image is there, and the model has looked at it."""
    expect(page.locator("header .name")).to_have_text(f"{image}.png", timeout=60_000)
    page.wait_for_function("document.querySelector('footer button').textContent !== '100 %'")
    expect(page.locator("footer .hint")).not_to_contain_text("the model", timeout=120_000)


def place(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a pixel of the drawing is, which fits the stage."""
    box = page.locator(".stage").bounding_box()
    assert box is not None
    room = 2 * MARGIN_PX
    scale = min((box["width"] - room) / WIDTH, (box["height"] - room) / HEIGHT)
    left, top = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    return left + (x - WIDTH / 2) * scale, top + (y - HEIGHT / 2) * scale


def draw(page: Page, *things: tuple[int, int]) -> None:
    """A mask of each thing, by a click."""
    page.keyboard.press("c")
    for thing in things:
        count = page.locator(".row").count()
        page.mouse.click(*place(page, *thing))
        expect(page.get_by_role("button", name="Accept Enter")).to_be_enabled()
        page.keyboard.press("Enter")
        expect(page.locator(".row")).to_have_count(count + 1)
    saved(page)


def saved(page: Page) -> None:
    """Wait until the server has all."""
    expect(page.locator(".save")).to_have_text("All saved")


@contextmanager
def serving_team(
    scratch: Path, browser: Browser, pictures: Sequence[RGB] = (drawing(),) * IMAGES
) -> Iterator[Team]:
    """A folder of pictures (drawings), a store that knows people, and the command."""
    folder = scratch / "drawings"
    (folder / ".anymask").mkdir(parents=True)
    for number, picture in enumerate(pictures, start=1):
        Image.fromarray(picture).save(folder / f"{number}.png")
    with Store.open(folder / ".anymask" / "store.sqlite") as store:
        tokens = {name: store.write(add_annotator, name, role)[1] for name, role in PEOPLE.items()}
    command = [sys.executable, "-m", "anymask", "annotate", str(folder), "--no-open", "--port", "0"]
    command += ["--host", HOST, "--review", "--labels", "house,tree", "--offline"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        address = re.search(r"http://[^\s/]+", line)
        assert address, f"it printed {line!r}"
        yield Team(address[0], tokens, browser)
    finally:
        process.kill()
        process.wait()
