"""Make the pictures of docs/annotate.md and docs/team.md: ``python docs/screenshots.py [--all]``.

Drives `anymask annotate` in Chromium, on drawings and with the default weights. ``--all`` writes
the main states in two sizes, light and dark, to ``build/screenshots`` to be looked at.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from anymask.engine.sample import drawing

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "chromium"
PICTURES = Path(__file__).with_name("pictures")
LOOKED_AT = Path("build/screenshots")
IN_DOCS = ("begin", "click", "masks", "outline", "import", "export", "note", "statistics")
SMALL, LARGE = (1280, 800), (1920, 1080)
DRAWN = (("1", (220, 200)), ("2", (490, 190)), ("3", (545, 85)))  # label, place
NAMES = ("1 house", "2 mirrored", "3 evening")

HOST = "127.0.0.2"  # of this machine, and not the usual one: everybody needs a token here
TEAM = {"Ada": "annotator", "Grace": "reviewer", "Edsger": "admin"}
NOTES = (
    (250, 150, "The chimney belongs to the house: please add it"),
    (560, 330, "There is a second tree behind this one"),
)


def draw_folder(folder: Path) -> None:
    """Three drawings: as it is, mirrored, and darker."""
    scene = drawing()
    evening = (scene * np.array([0.55, 0.5, 0.7])).astype(np.uint8)
    for name, pixels in zip(NAMES, (scene, scene[:, ::-1], evening)):
        Image.fromarray(np.ascontiguousarray(pixels)).save(folder / f"{name}.png")


def annotating(folder: Path) -> list[str]:
    return ["annotate", str(folder), "--labels", "house,tree,sun"]


@contextmanager
def serving(*words: str) -> Iterator[str]:
    """The address of a command of anymask that serves a page."""
    command = [sys.executable, "-m", "anymask", *words, "--no-open", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    address = re.search(r"http://[^?\s]+", process.stdout.readline())
    assert address, "the tool does not start"
    try:
        yield address[0]
    finally:
        process.terminate()
        process.wait(30)


def place(page: Page, x: float, y: float) -> tuple[float, float]:
    """Where a pixel of the drawing is, which fits the stage."""
    box = page.locator(".stage").bounding_box()
    assert box is not None
    scale = min((box["width"] - 32) / 640, (box["height"] - 32) / 480)
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    return middle[0] + (x - 320) * scale, middle[1] + (y - 240) * scale


def click(page: Page, x: float, y: float) -> None:
    page.mouse.click(*place(page, x, y))
    expect(page.get_by_role("button", name="Accept")).to_be_enabled()


def draw(page: Page) -> None:
    """The first mask of each label."""
    for key, at in DRAWN:
        page.keyboard.press(key)
        click(page, *at)
        page.keyboard.press("Enter")
    page.mouse.move(10, 300)


def own_states(page: Page, keep: Callable[[Page, str], None]) -> None:
    """What one person sees."""
    expect(page.locator("footer .hint")).to_contain_text("Click the object", timeout=180_000)
    keep(page, "begin")
    click(page, *DRAWN[0][1])
    keep(page, "click")
    page.keyboard.press("Escape")
    draw(page)
    keep(page, "masks")
    page.keyboard.press("n")
    page.keyboard.press("p")
    keep(page, "outline")
    page.keyboard.press("Escape")
    page.keyboard.press("v")
    page.keyboard.press("Control+a")
    page.get_by_role("button", name="Group", exact=True).click()
    keep(page, "group")
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    keep(page, "keys")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Export").click()
    expect(page.get_by_role("link", name="Download")).to_be_visible()
    keep(page, "export")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Import").click()
    content = json.dumps(rectangles()).encode()
    drawn = {"name": "boxes.json", "mimeType": "application/json", "buffer": content}
    page.get_by_label("File of masks").set_input_files(drawn)  # type: ignore[arg-type]
    expect(page.get_by_role("button", name="Add 4 masks")).to_be_enabled(timeout=60_000)
    keep(page, "import")
    page.keyboard.press("Escape")


def rectangles() -> dict[str, object]:
    """COCO: door and trunk of two drawings, and of one that is not there."""
    boxes = ((1, (195, 300, 50, 90)), (2, (478, 270, 24, 130)))
    names = ("1 house.png", "3 evening.png", "4 night.png")
    annotations = [
        {"id": 10 * image + label, "image_id": image, "category_id": label, "bbox": box}
        | {"segmentation": [ring_of(*box)], "area": box[2] * box[3], "iscrowd": 0}
        for image in range(len(names))
        for label, box in boxes
    ]
    return {
        "images": [
            {"id": image, "file_name": name, "width": 640, "height": 480}
            for image, name in enumerate(names)
        ],
        "categories": [{"id": 1, "name": "door"}, {"id": 2, "name": "trunk"}],
        "annotations": annotations,
    }


def ring_of(x: int, y: int, width: int, height: int) -> list[int]:
    """A polygon of a box, as COCO has it."""
    return [x, y, x + width, y, x + width, y + height, x, y + height]


def add_team(folder: Path) -> dict[str, str]:
    """The end of each one's link, by their name."""
    store = folder / ".anymask" / "store.sqlite"
    command = [sys.executable, "-m", "anymask", "engine", "annotators", "add", str(store)]
    links = {}
    for name, role in TEAM.items():
        added = subprocess.run(
            [*command, name, "--role", role], capture_output=True, text=True, check=True
        )
        links[name] = added.stdout.strip()
    return links


class Team:
    """Browsers of its people, all of one size and scheme."""

    def __init__(self, open_page: Callable[[], Page], address: str, links: dict[str, str]) -> None:
        self.open_page, self.address, self.links = open_page, address.rstrip("/"), links

    def page_of(self, name: str, image: int = 1) -> Page:
        page = self.open_page()
        page.goto(f"{self.address}{self.links[name]}")
        page.goto(f"{self.address}/#image={image}")
        page.reload()
        expect(page.locator(".stage")).to_be_visible()
        expect(page.locator("footer .hint")).not_to_contain_text("model", timeout=180_000)
        return page


def team_states(
    open_page: Callable[[], Page],
    address: str,
    folder: Path,
    keep: Callable[[Page, str], None],
) -> None:
    """Signed out, review, returned with pins, statistics, people, held by another."""
    team = Team(open_page, address, add_team(folder))

    page = open_page()
    page.goto(address)
    expect(page.get_by_role("textbox", name="Link or token")).to_be_visible()
    keep(page, "signed-out")
    page.context.close()

    ada = team.page_of("Ada")
    draw(ada)
    expect(ada.locator(".save")).to_have_text("All saved")
    edsger = team.page_of("Edsger")
    expect(edsger.get_by_role("button", name="Take over")).to_be_visible()
    keep(edsger, "held")
    ada.get_by_role("button", name="Done", exact=True).click()
    ada.wait_for_function("document.querySelector('header .name').textContent.includes('2')")

    grace = team.page_of("Grace")
    keep(grace, "review")
    for x, y, text in NOTES:
        grace.keyboard.press("x")
        grace.mouse.click(*place(grace, x, y))
        grace.get_by_role("textbox", name="What is to be mended here?").fill(text)
        if text == NOTES[-1][2]:
            keep(grace, "note")
        grace.get_by_role("button", name="Pin", exact=True).click()
    grace.get_by_role("button", name="Return").click()
    grace.get_by_text("Nothing more to review").wait_for()
    grace.goto(f"{team.address}/health")  # away, which the page hears of
    grace.context.close()

    ada.goto(f"{team.address}/#image=1")
    ada.reload()
    expect(ada.locator(".card")).to_be_visible(timeout=60_000)
    keep(ada, "returned")
    ada.get_by_role("button", name="Resolved").click()
    ada.get_by_role("button", name="How the work goes").click()
    expect(ada.locator("table")).to_be_visible()
    keep(ada, "statistics")
    ada.context.close()

    edsger.get_by_role("button", name="Edsger").click()
    keep(edsger, "person")
    edsger.get_by_role("button", name="People").click()
    edsger.get_by_role("textbox", name="Name of somebody new").fill("Barbara")
    edsger.get_by_role("button", name="Add", exact=True).click()
    expect(edsger.get_by_role("textbox", name="Link of Barbara")).to_be_visible()
    keep(edsger, "people")
    edsger.context.close()


def go_through(
    browser: Browser, size: tuple[int, int], scheme: str, take: str, every: bool
) -> None:
    """The main states, each as a picture ``<take>-<state>.png``; or those of docs."""
    width, height = size

    def keep(page: Page, state: str) -> None:
        if not every and state not in IN_DOCS:
            return
        page.wait_for_timeout(600)
        page.screenshot(path=f"{take}-{state}.png")

    def open_page() -> Page:
        viewport = {"width": width, "height": height}
        context = browser.new_context(viewport=viewport, color_scheme=scheme)  # type: ignore[arg-type]
        return context.new_page()

    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "drawings"
        folder.mkdir()
        draw_folder(folder)
        with serving(*annotating(folder)) as address:
            page = open_page()
            page.goto(address)
            own_states(page, keep)
            page.context.close()
    with TemporaryDirectory() as scratch:
        folder = Path(scratch) / "drawings"
        folder.mkdir()
        draw_folder(folder)
        with serving(*annotating(folder), "--host", HOST, "--review") as address:
            team_states(open_page, address, folder, keep)


def main() -> None:
    every = "--all" in sys.argv[1:]
    sizes = (SMALL, LARGE) if every else (SMALL,)
    schemes = ("light", "dark") if every else ("light",)
    target = LOOKED_AT if every else PICTURES
    target.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        for size in sizes:
            for scheme in schemes:
                name = f"annotate-{size[0]}-{scheme}" if every else "annotate"
                go_through(browser, size, scheme, str(target / name), every)
        browser.close()


if __name__ == "__main__":
    main()
