"""How long the annotation tool's page takes to load, and to open an image, in Chromium.

    make web && .venv/bin/python benchmarks/annotate.py PHOTOGRAPH [--rounds 7] [--write]

Serves a folder of photographs of 1024 pixels with 10 masks each, whose embeddings are ready, by
`anymask annotate`. Loading: from the navigation, in a browser that was there before, to the list
and the picture on the screen, and to a model that takes clicks. Opening: from a click in the list
to picture, masks and model, of the image that comes next, which the page has asked for ahead, and
of one elsewhere. Medians, and the slowest. ``--write`` keeps the table in ``benchmarks/results/``.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps
from playwright.sync_api import BrowserContext, Page, sync_playwright

from anymask.core import rle

from machine import describe

HERE = Path(__file__).resolve().parent
IMAGES, MASKS, LONGEST_PX = 12, 10, 1024  # as many masks as rows in sight
READY_WITHIN_S = 300
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

# What is on the screen, looked at in each frame: when each thing was first seen.
WATCH = """
window.watched = (name, before) => {
  const seen = {};
  const colour = () => {
    const canvas = document.querySelector(".stage canvas");
    if (!canvas?.width || !canvas.height) return "";
    const [x, y] = [canvas.width >> 1, canvas.height >> 1];
    const [red, green, blue, alpha] = canvas.getContext("2d").getImageData(x, y, 1, 1).data;
    return alpha ? `${red} ${green} ${blue}` : "";
  };
  const words = (where) => document.querySelector(where)?.textContent ?? "";
  const there = {
    list: () => words("aside .name") !== "",
    picture: () => words("header .name").includes(name) && !["", before].includes(colour()),
    masks: () => seen.picture && document.querySelectorAll(".row").length === MASKS,
    model: () => seen.picture && words("footer .hint").startsWith("Click the object"),
  };
  const look = () => {
    for (const [what, is] of Object.entries(there)) if (is()) seen[what] ??= performance.now();
    if (Object.keys(seen).length < 4) requestAnimationFrame(look);
    else window.seen = seen;
  };
  window.seen = null;
  look();
  return colour();
};
""".replace("MASKS", str(MASKS))


def make_folder(folder: Path, photograph: Path) -> list[str]:
    """Photographs that differ in the middle; their names."""
    image = ImageOps.exif_transpose(Image.open(photograph)).convert("RGB")
    image.thumbnail((LONGEST_PX, LONGEST_PX))
    names = [f"{number:02}.jpg" for number in range(IMAGES)]
    for number, name in enumerate(names):
        pixels = np.roll(np.asarray(image), 40 * number, 1)
        Image.fromarray(255 - pixels if number % 2 else pixels).save(folder / name, quality=90)
    return names


def ask(address: str, path: str, body: object = None) -> bytes:
    """What the server answers."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(address + path, content, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return bytes(answer.read()) if answer.status == 200 else b""


def add_masks(address: str, image_id: int) -> None:
    """Discs all over an image."""
    document = json.loads(ask(address, f"api/images/{image_id}"))
    height, width = document["height"], document["width"]
    token = json.loads(ask(address, f"api/images/{image_id}/lease", {"token": None}))["token"]
    y, x = np.ogrid[:height, :width]
    dice = np.random.default_rng(image_id)
    changes = []
    for order in range(MASKS):
        middle_x, middle_y, radius = dice.uniform((0, 0, 20), (width, height, 120))
        disc = (x - middle_x) ** 2 + (y - middle_y) ** 2 <= radius**2
        version = {"id": str(uuid.uuid4()), "segmentation": rle.encode(disc), "order": order}
        version |= {"bbox": (0, 0, 0, 0), "area": 0, "label_id": None, "group": None}
        version |= {"source": "clicks", "predicted_iou": None}
        changes.append({"mask_id": str(uuid.uuid4()), "before": None, "after": version})
    now = datetime.now(UTC).isoformat()
    action = {"id": str(uuid.uuid4()), "kind": "add", "at": now, "changes": changes}
    ask(address, f"api/images/{image_id}/actions", {"token": token, "actions": [action]})


def wait_for_embedding(address: str, image_id: int) -> None:
    """Until the server has it."""
    end = time.monotonic() + READY_WITHIN_S
    while not ask(address, f"api/images/{image_id}/embedding"):
        if time.monotonic() > end:
            raise SystemExit(f"no embedding of image {image_id} within {READY_WITHIN_S} s")
        time.sleep(0.2)


@contextmanager
def annotating(folder: Path) -> Iterator[str]:
    """A running `anymask annotate`; its address."""
    command = [sys.executable, "-m", "anymask", "annotate", str(folder), "--no-open", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            address = re.search(r"http://\S+", process.stdout.readline())
            if address is None:
                raise SystemExit("the server did not start")
            yield address[0]
        finally:
            process.terminate()


def loaded(context: BrowserContext, address: str, name: str) -> dict[str, float]:
    """Milliseconds from the navigation."""
    page = context.new_page()
    page.add_init_script(
        f"{WATCH} addEventListener('DOMContentLoaded', () => watched({json.dumps(name)}, ''));"
    )
    page.goto(f"{address}#image=1")
    seen = times(page)
    page.close()
    return seen


def opened(page: Page, name: str) -> dict[str, float]:
    """Milliseconds from a click in the list."""
    row = page.get_by_role("button", name=name)
    row.scroll_into_view_if_needed()
    start = page.evaluate(
        f"""(name) => {{
          {WATCH}
          const before = watched("no image", "");
          const start = performance.now();
          document.querySelector(`aside button[title="${{name}}"]`).click();
          watched(name, before);
          return start;
        }}""",
        name,
    )
    return {what: at - start for what, at in times(page).items() if what != "list"}


def times(page: Page) -> dict[str, float]:
    """When each thing was seen, once all were."""
    page.wait_for_function("window.seen")
    seen: dict[str, float] = page.evaluate("window.seen")
    return seen


def row(what: str, rounds: list[dict[str, float]], wanted: dict[str, int]) -> Iterator[str]:
    """A row of the table for each thing that was waited for."""
    for part in rounds[0]:
        figures = [seen[part] for seen in rounds]
        median, slowest = statistics.median(figures), max(figures)
        bound = f"≤ {wanted[part]}" if part in wanted else ""
        yield f"| {what}: {part} | {median:.0f} | {slowest:.0f} | {bound} |"


def measured(context: BrowserContext, address: str, names: list[str], rounds: int) -> str:
    """The table."""
    page = context.new_page()
    page.goto(f"{address}#image=1")
    page.wait_for_function(
        "document.querySelector('footer .hint')?.textContent.startsWith('Click the object')",
        timeout=READY_WITHIN_S * 1000,
    )
    page.close()
    first = [loaded(context, address, names[0]) for _ in range(rounds)]
    ahead, elsewhere = [], []
    for _ in range(rounds):
        page = context.new_page()
        page.goto(f"{address}#image=1")
        page.wait_for_function(
            "document.querySelector('footer .hint')?.textContent.startsWith('Click the object')"
        )
        page.wait_for_timeout(1500)  # as long as anybody looks at an image
        ahead.append(opened(page, names[1]))
        page.wait_for_timeout(1500)
        elsewhere.append(opened(page, names[-2]))
        page.close()
    rows = ["| | median ms | slowest ms | wanted |", "|---|---:|---:|---:|"]
    rows += row("load", first, {"list": 1000, "picture": 1000})
    every = {"picture": 300, "masks": 300, "model": 300}
    rows += row("open the next", ahead, every)
    rows += row("open one elsewhere", elsewhere, every)
    return "\n".join(rows)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photograph", type=Path)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as made, sync_playwright() as playwright:
        names = make_folder(Path(made), arguments.photograph)
        with annotating(Path(made)) as address:
            for image_id in range(1, IMAGES + 1):
                add_masks(address, image_id)
                wait_for_embedding(address, image_id)
            browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
            context = browser.new_context(viewport={"width": 1280, "height": 800})
            context.set_default_timeout(60_000)
            rows = measured(context, address, names, arguments.rounds)
            version = browser.version
            browser.close()
    day = time.strftime("%Y-%m-%d")
    command = f"benchmarks/annotate.py {arguments.photograph.name} --rounds {arguments.rounds}"
    text = (
        f"# The annotation tool's page, {day}\n\n`{command} --write`\n\n"
        f"{describe(os.cpu_count() or 1)}; Chromium {version}\n\n"
        f"{IMAGES} photographs of {LONGEST_PX} pixels, {MASKS} masks each.\n\n{rows}\n"
    )
    print(text)
    if arguments.write:
        (HERE / "results" / f"{day}-annotate.md").write_text(text)


if __name__ == "__main__":
    main()
