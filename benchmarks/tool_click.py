"""A click in the annotation tool, in Chromium: from the pointer to the mask on the screen.

    make web && .venv/bin/python benchmarks/tool_click.py PHOTOGRAPH [--clicks 30] [--write]

``anymask annotate`` serves a folder with the photograph, 1024 pixels wide, and a real pointer
clicks on it: from the event's own time to the end of the frame in which the answer is drawn.
"at once": the pointer jumps to a place and clicks; "rested": it has been there for half a second,
and the preview has asked the same question; "correction": a click that takes away from the mask
that is there. ``--write`` keeps the table in ``benchmarks/results/``.
"""

from __future__ import annotations

import argparse
import math
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

from machine import describe

HERE = Path(__file__).resolve().parent
LONGEST_PX, WARM_UP, REST_MS = 1024, 15, 500
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

# What stands can be accepted: the state that follows one in which it can't be. The stage draws in
# the same frame, before a task that a callback of the frame posts.
CLOCK = """
() => {
  const buttons = () => [...document.querySelectorAll("button")];
  const isAsking = () =>
    buttons().find((button) => button.textContent.includes("Accept"))?.disabled ?? true;
  addEventListener("pointerdown", (event) => {
    let asked = false;
    window.shown = null;
    const look = () => {
      asked ||= isAsking();
      if (!asked || isAsking()) return requestAnimationFrame(look);
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = () => (window.shown = performance.now() - event.timeStamp);
      port2.postMessage(null);
    };
    look();
  }, true);
}
"""


@contextmanager
def annotating(folder: Path) -> Iterator[str]:
    """The tool's address."""
    command = [sys.executable, "-m", "anymask", "annotate", str(folder), "--no-open", "--port", "0"]
    environment = {**os.environ, "ANYMASK_OFFLINE": "1"}
    tool = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert tool.stdout is not None
        address = re.search(r"http://\S+", tool.stdout.readline())
        assert address is not None
        yield address[0]
    finally:
        tool.terminate()
        tool.wait(20)


def click(page: Page, place: tuple[float, float], button: str = "left") -> float:
    """Milliseconds from a click to its mask on the screen; infinite without one."""
    page.mouse.move(*place)
    page.mouse.click(*place, button=button)  # type: ignore[arg-type]
    page.wait_for_function("window.shown !== null", timeout=60_000)
    shown: float = page.evaluate("window.shown")
    return shown


def measure(page: Page, clicks: int) -> dict[str, list[float]]:
    """Times by kind of click."""
    box = page.locator(".stage").bounding_box()
    assert box is not None
    times: dict[str, list[float]] = {"at once": [], "rested": [], "correction": []}
    for i in range(-WARM_UP, clicks):
        x = box["x"] + box["width"] * (0.5 + 0.2 * math.sin(i))
        y = box["y"] + box["height"] * (0.5 + 0.15 * math.cos(i))
        at_once = click(page, (x, y))
        correction = click(page, (x + 40, y + 40), "right")
        page.keyboard.press("Escape")
        page.mouse.move(x - 20, y)
        page.wait_for_timeout(REST_MS)
        rested = click(page, (x - 20, y))
        page.keyboard.press("Escape")
        page.wait_for_timeout(REST_MS)
        if i >= 0:
            for kind, shown in zip(times, (at_once, rested, correction)):
                times[kind].append(shown)
    return times


def table(times: dict[str, list[float]]) -> str:
    """A row for each kind of click."""
    rows = ["| click | median, ms (wanted ≤ 40) | p95 (≤ 80) |", "|---|---|---|"]
    for kind, shown in times.items():
        p95 = sorted(shown)[math.ceil(0.95 * len(shown)) - 1]
        rows.append(f"| {kind} | {statistics.median(shown):.1f} | {p95:.1f} |")
    return "\n".join(rows)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photograph", type=Path)
    parser.add_argument("--clicks", type=int, default=30)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        image = Image.open(arguments.photograph).convert("RGB")
        image.thumbnail((LONGEST_PX, LONGEST_PX))
        image.save(Path(folder) / "photograph.png")
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        with annotating(Path(folder)) as address:
            page = browser.new_page(viewport={"width": 1280, "height": 800})
            page.goto(address)
            hint = page.locator("footer .hint", has_text="Click the object")
            hint.wait_for(timeout=240_000)
            page.evaluate(CLOCK)
            rows = table(measure(page, arguments.clicks))
        version = browser.version
        browser.close()
    day = time.strftime("%Y-%m-%d")
    command = f"benchmarks/tool_click.py {arguments.photograph.name} --clicks {arguments.clicks}"
    text = (
        f"# A click in the annotation tool, {day}\n\n`{command} --write`\n\n"
        f"{describe(2)}; Chromium {version}\n\n{image.width}×{image.height} pixels.\n\n{rows}\n"
    )
    print(text)
    if arguments.write:
        (HERE / "results" / f"{day}-tool-click.md").write_text(text)


if __name__ == "__main__":
    main()
