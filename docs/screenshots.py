"""Make the pictures of docs/annotate.md: ``python docs/screenshots.py [--all]``.

Drives `anymask annotate` in Chromium, on drawings and with the default weights. ``--all`` writes
the main states in two sizes, light and dark, to ``build/screenshots`` to be looked at.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright

from anymask.engine.sample import drawing

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "chromium"
PICTURES = Path(__file__).with_name("pictures")
LOOKED_AT = Path("build/screenshots")
SMALL, LARGE = (1280, 800), (1920, 1080)
NAMES = ("1 house", "2 mirrored", "3 evening")


def draw_folder(folder: Path) -> None:
    """Three drawings: as it is, mirrored, and darker."""
    scene = drawing()
    evening = (scene * np.array([0.55, 0.5, 0.7])).astype(np.uint8)
    for name, pixels in zip(NAMES, (scene, scene[:, ::-1], evening)):
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / f"{name}.png")


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    command = [sys.executable, "-m", "anymask", "annotate", str(folder), "--no-open", "--port", "0"]
    command += ["--labels", "house,tree,sun"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = re.search(r"http://\S+", process.stdout.readline())
    assert address, "the tool does not start"
    try:
        yield address[0]
    finally:
        process.terminate()
        process.wait(30)


def go_through(page: Page, take: str) -> None:
    """The main states, each as a picture ``<take>-<state>.png``."""

    def keep(state: str) -> None:
        page.wait_for_timeout(600)
        page.screenshot(path=f"{take}-{state}.png")

    def click(x: float, y: float, button: str = "left") -> None:
        box = page.locator(".stage").bounding_box()
        assert box is not None
        scale = min((box["width"] - 32) / 640, (box["height"] - 32) / 480)
        middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        at = middle[0] + (x - 320) * scale, middle[1] + (y - 240) * scale
        page.mouse.click(*at, button=button)  # type: ignore[arg-type]
        expect(page.get_by_role("button", name="Accept")).to_be_enabled()

    expect(page.locator("footer .hint")).to_contain_text("Click the object", timeout=180_000)
    keep("begin")
    click(220, 200)
    keep("click")
    page.keyboard.press("1")
    page.keyboard.press("Enter")
    for key, place in (("2", (490, 190)), ("3", (545, 85))):
        page.keyboard.press(key)
        click(*place)
        page.keyboard.press("Enter")
    page.mouse.move(10, 300)
    keep("masks")
    page.keyboard.press("n")
    page.keyboard.press("p")
    keep("outline")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    keep("keys")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    keep("export")
    page.keyboard.press("Escape")


def main() -> None:
    every = "--all" in sys.argv[1:]
    sizes = (SMALL, LARGE) if every else (SMALL,)
    schemes = ("light", "dark") if every else ("light",)
    target = LOOKED_AT if every else PICTURES
    target.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        for width, height in sizes:
            for scheme in schemes:
                with TemporaryDirectory() as scratch:
                    folder = Path(scratch) / "drawings"
                    folder.mkdir()
                    draw_folder(folder)
                    with serving(folder) as address:
                        size = {"width": width, "height": height}
                        page = browser.new_page(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
                        page.goto(address)
                        name = f"annotate-{width}-{scheme}" if every else "annotate"
                        go_through(page, str(target / name))
                        page.close()
        browser.close()


if __name__ == "__main__":
    main()
