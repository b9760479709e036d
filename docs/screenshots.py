"""Make the pictures of docs/annotate.md and docs/evaluation.md: ``python docs/screenshots.py``.

Drives `anymask annotate` and `anymask rate` in Chromium, on drawings and with the default weights.
``--all`` writes the main states in two sizes, light and dark, to ``build/screenshots`` to be looked
at. ``--rate`` makes those of `anymask rate` alone.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
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


def draw_objects(folder: Path) -> None:
    """The drawing with its objects, as a dataset: house, tree and sun."""
    masks = np.zeros(drawing().shape[:2], np.uint8)
    cv2.rectangle(masks, (110, 220), (330, 390), 1, -1)
    cv2.fillPoly(masks, [np.array([[90, 220], [220, 120], [350, 220]])], 1)
    cv2.rectangle(masks, (478, 270), (502, 400), 2, -1)
    cv2.circle(masks, (490, 225), 78, 2, -1)
    cv2.circle(masks, (545, 85), 42, 3, -1)
    for name, pixels in (("images", drawing()), ("masks", masks)):
        (folder / name).mkdir(parents=True)
        Image.fromarray(pixels).save(folder / name / "house.png")


def rate_words(scratch: Path) -> list[str]:
    """A command that has the drawing's masks rated."""
    data, result = scratch / "drawings", scratch / "result.json"
    draw_objects(data)
    words = ["points", "--data", str(data), "--out", str(result), "--set", "keep_masks=3"]
    subprocess.run([sys.executable, "-m", "anymask", "evaluate", *words], check=True)
    return ["rate", str(result), "--data", str(data), "--out", str(scratch / "ratings.jsonl")]


def go_through_rating(page: Page, take: str) -> None:
    """The first page, a mask, and the first of a model."""
    page.get_by_label("Your name").fill("Ada")
    page.wait_for_timeout(600)
    page.screenshot(path=f"{take}-begin.png")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="8, Good")).to_be_visible()
    for key in "98":
        page.wait_for_timeout(900)
        page.keyboard.press(key)
    page.wait_for_timeout(900)
    page.get_by_role("button", name="8, Good").hover()
    page.screenshot(path=f"{take}.png")


def annotate_words(scratch: Path) -> list[str]:
    """A command that has the drawings annotated."""
    folder = scratch / "drawings"
    folder.mkdir()
    draw_folder(folder)
    return ["annotate", str(folder), "--labels", "house,tree,sun"]


@contextmanager
def serving(words: Sequence[str]) -> Iterator[str]:
    command = [sys.executable, "-m", "anymask", *words, "--no-open", "--port", "0"]
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
    pages = {"annotate": (annotate_words, go_through), "rate": (rate_words, go_through_rating)}
    if "--rate" in sys.argv[1:]:
        del pages["annotate"]
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        for (name, (words, go)), (width, height), scheme in product(pages.items(), sizes, schemes):
            size = {"width": width, "height": height}
            take = f"{name}-{width}-{scheme}" if every else name
            with TemporaryDirectory() as scratch, serving(words(Path(scratch))) as address:
                page = browser.new_page(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
                page.goto(address)
                go(page, str(target / take))
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
