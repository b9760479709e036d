"""Make the pictures of docs/evaluation.md: ``python docs/screenshots_rating.py [--all]``.

Drives `anymask rate` in Chromium, on a drawing and with the default weights. ``--all`` writes them
in two sizes, light and dark, to ``build/screenshots`` to be looked at.
"""

from __future__ import annotations

import subprocess
import sys
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory

import cv2
import numpy as np
from PIL import Image
from playwright.sync_api import Page, expect, sync_playwright
from screenshots import (  # type: ignore[import-not-found]  # it lies beside this one
    CHROMIUM,
    LARGE,
    LOOKED_AT,
    PICTURES,
    SMALL,
    serving,
)

from anymask.engine.sample import drawing


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


def rating(scratch: Path) -> list[str]:
    """A command that has the drawing's masks rated."""
    data, result = scratch / "drawings", scratch / "result.json"
    draw_objects(data)
    words = ["points", "--data", str(data), "--out", str(result), "--set", "keep_masks=3"]
    subprocess.run([sys.executable, "-m", "anymask", "evaluate", *words], check=True)
    return ["rate", str(result), "--data", str(data), "--out", str(scratch / "ratings.jsonl")]


def go_through(page: Page, take: str) -> None:
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


def main() -> None:
    every = "--all" in sys.argv[1:]
    sizes = (SMALL, LARGE) if every else (SMALL,)
    schemes = ("light", "dark") if every else ("light",)
    target = LOOKED_AT if every else PICTURES
    target.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        for (width, height), scheme in product(sizes, schemes):
            size = {"width": width, "height": height}
            take = f"rate-{width}-{scheme}" if every else "rate"
            with TemporaryDirectory() as scratch, serving(*rating(Path(scratch))) as address:
                page = browser.new_page(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
                page.goto(address)
                go_through(page, str(target / take))
                page.close()
        browser.close()


if __name__ == "__main__":
    main()
