"""The annotation tool as a person uses it: real photographs, real weights, the real page."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from playwright.sync_api import Browser, Page, expect

from anymask.core import rle
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from anymask.weights.registry import DEFAULT

pytestmark = [pytest.mark.data, pytest.mark.timeout(600)]

NAME = "000000000127.jpg"  # of coco446
CLICKED = ((235, 347), (322, 244))  # inside two objects of it, in pixels
BOXED = (461, 283)  # inside one that a click does not find
MARGIN_PX = 16  # of the stage round an image that fits
ENOUGH = 0.9  # IoU
STARTS_WITHIN_S = 240  # with an export of the model, where none is kept

Mask = npt.NDArray[np.bool_]


@dataclass
class Tool:
    """A running `anymask annotate`."""

    folder: Path
    address: str
    process: subprocess.Popen[str]

    def json(self, path: str) -> Any:
        with urllib.request.urlopen(self.address + path.lstrip("/")) as answer:
            return json.load(answer)

    def masks(self, image_id: int = 1) -> list[Mask]:
        document = self.json(f"/api/images/{image_id}")
        return [
            rle.decode(mask["version"]["segmentation"]).astype(bool) for mask in document["masks"]
        ]

    def revision(self, image_id: int = 1) -> int:
        return int(self.json(f"/api/images/{image_id}")["revision"])


def start(folder: Path, *options: str) -> Tool:
    command = [sys.executable, "-m", "anymask", "annotate", str(folder), "--no-open", "--port", "0"]
    command += options
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env={**os.environ, "ANYMASK_OFFLINE": "1"}
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    address = re.search(r"http://\S+", line)
    assert address, f"it printed {line!r} and ended with {process.poll()}"
    return Tool(folder, address[0], process)


@pytest.fixture(scope="module")
def sample(data_folder: Path) -> Sample:
    if not (data_folder / "coco446").is_dir():
        pytest.skip("coco446 is not here")
    for part in open_dataset(str(data_folder / "coco446")).parts:
        for one in part.read() if NAME in part.name else ():
            if isinstance(one, Sample):
                return one
    raise AssertionError(f"coco446 has no {NAME}")


@pytest.fixture
def tool(tmp_path: Path, sample: Sample, mobile_sam: object) -> Iterator[Tool]:
    folder = tmp_path / "photographs"
    folder.mkdir()
    (folder / NAME).write_bytes(sample.content)
    shutil.copy(folder / NAME, folder / "again.jpg")
    (folder / "again.jpg").rename(folder / "z.jpg")
    tool = start(folder)
    yield tool
    tool.process.kill()
    tool.process.wait()


@pytest.fixture
def annotating(tool: Tool, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(60_000)
    errors = list[str]()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(tool.address)
    ready(page)
    yield page
    page.close()
    assert errors == []


def ready(page: Page) -> None:
    """Wait until the model has looked at the image."""
    expect(page.locator("footer .hint")).to_contain_text("Click the object", timeout=120_000)
    page.wait_for_function("document.querySelector('footer button').textContent !== '100 %'")


def truth_at(sample: Sample, place: tuple[int, int]) -> Mask:
    """The smallest true mask that has a pixel."""
    masks = [rle.decode(mask).astype(bool) for mask in sample.masks]
    return min((mask for mask in masks if mask[place[1], place[0]]), key=np.count_nonzero)


def iou(a: Mask, b: Mask) -> float:
    return float((a & b).sum() / (a | b).sum())


@dataclass
class Hand:
    """Puts the pointer on pixels of the image, which fits the stage."""

    page: Page
    size: tuple[int, int]  # width, height

    def screen(self, x: float, y: float) -> tuple[float, float]:
        box = self.page.locator(".stage").bounding_box()
        assert box is not None
        scale = self.scale
        middle_x, middle_y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
        width, height = self.size
        return middle_x + (x - width / 2) * scale, middle_y + (y - height / 2) * scale

    @property
    def scale(self) -> float:
        box = self.page.locator(".stage").bounding_box()
        assert box is not None
        width, height = self.size
        room = 2 * MARGIN_PX
        return min((box["width"] - room) / width, (box["height"] - room) / height)

    def click(self, x: float, y: float, button: Any = "left") -> None:
        self.page.mouse.click(*self.screen(x + 0.5, y + 0.5), button=button)

    def drag(self, start: tuple[float, float], end: tuple[float, float], button: Any) -> None:
        self.page.mouse.move(*self.screen(*start))
        self.page.mouse.down(button=button)
        self.page.mouse.move(*self.screen(*end), steps=4)
        self.page.mouse.up(button=button)


def answered(page: Page) -> None:
    """Wait until the question is answered."""
    expect(page.get_by_role("button", name="Accept Enter")).to_be_enabled(timeout=60_000)


def press(tool: Tool, page: Page, key: str) -> None:
    """Press a key that changes the image, and wait until the server has it."""
    before = tool.revision()
    page.keyboard.press(key)
    for _ in range(100):
        if tool.revision() > before:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"{key} changed nothing")


def accept(tool: Tool, page: Page, count: int) -> None:
    press(tool, page, "Enter")
    expect(page.locator(".row")).to_have_count(count)


def mend(hand: Hand, mask: Mask, truth: Mask) -> None:
    """Brush over the largest wrong places, a disc at each, until little is wrong."""
    wrong = mask ^ truth
    for _ in range(80):
        if wrong.sum() < 0.07 * truth.sum():
            return
        depth = cv2.distanceTransform(
            np.pad(wrong, 1).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE
        )[1:-1, 1:-1]
        y, x = np.unravel_index(depth.argmax(), depth.shape)
        radius = max(float(depth[y, x]), 1.0)
        button = "left" if truth[y, x] else "right"
        # The slider is a labelled range, so that a screen reader can set it, and a test.
        hand.page.get_by_role("slider", name="Brush").fill(str(round(2 * radius)))
        hand.drag((x + 0.5, y + 0.5), (x + 0.5, y + 0.5), button)
        disc = np.zeros(wrong.shape, np.uint8)
        cv2.circle(disc, (int(x), int(y)), int(radius), 1, -1)
        wrong &= ~disc.astype(bool)


def test_three_objects_by_clicks_a_box_and_the_brush(
    tool: Tool, annotating: Page, sample: Sample, tmp_path: Path
) -> None:
    page = annotating
    height, width = sample.masks[0]["size"]
    hand = Hand(page, (width, height))

    for number, place in enumerate(CLICKED, 1):
        truth = truth_at(sample, place)
        hand.click(*place)
        answered(page)
        answers = page.locator(".answers button")
        assert answers.count() == 3
        ious = []
        for _ in range(3):  # Tab goes through all of them
            accept(tool, page, number)
            ious.append(iou(tool.masks()[-1], truth))
            press(tool, page, "Control+z")  # the mask is gone again
            expect(page.locator(".row")).to_have_count(number - 1)
            hand.click(*place)
            answered(page)
            for _ in range(len(ious)):
                page.keyboard.press("Tab")
        for _ in range(3 - len(ious) + int(np.argmax(ious))):
            page.keyboard.press("Tab")
        accept(tool, page, number)
        assert iou(tool.masks()[-1], truth) >= ENOUGH, ious

    truth = truth_at(sample, BOXED)
    ys, xs = truth.nonzero()
    hand.drag((xs.min(), ys.min()), (xs.max() + 1, ys.max() + 1), "left")
    answered(page)
    accept(tool, page, 3)
    page.keyboard.press("n")
    for _ in range(3):
        if "true" in (page.locator(".row").first.get_attribute("data-selected") or ""):
            break
        page.keyboard.press("n")
    page.keyboard.press("b")  # the selected mask is what the brush goes on with
    mend(hand, tool.masks()[-1], truth)
    accept(tool, page, 3)
    assert iou(tool.masks()[-1], truth) >= ENOUGH

    before = tool.masks()
    press(tool, page, "Control+z")
    assert not (tool.masks()[-1] == before[-1]).all()
    page.reload()
    ready(page)
    press(tool, page, "Control+Shift+z")
    for mask, after in zip(before, tool.masks(), strict=True):
        np.testing.assert_array_equal(mask, after)

    page.get_by_role("button", name="Export").click()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    download.value.save_as(tmp_path / "masks.zip")
    with zipfile.ZipFile(tmp_path / "masks.zip") as packed:
        packed.extractall(tmp_path / "out")
    shutil.copytree(tool.folder, tmp_path / "images", ignore=shutil.ignore_patterns(".anymask"))
    (exported,) = tmp_path.glob("out/**/*.json")
    read = open_dataset(str(exported), images=str(tmp_path / "images"))
    (again,) = [one for part in read.parts for one in part.read() if isinstance(one, Sample)]
    found = [rle.decode(mask).astype(bool) for mask in again.masks]
    for mask in before:
        assert any((mask == other).all() for other in found)


def test_the_same_by_keyboard_alone(tool: Tool, annotating: Page) -> None:
    page = annotating
    page.keyboard.press("a")  # a click in the middle
    answered(page)
    page.keyboard.press("Tab")
    accept(tool, page, 1)
    first = tool.masks()[0]
    for _ in range(6):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("a")
    answered(page)
    accept(tool, page, 2)
    press(tool, page, "Control+z")
    expect(page.locator(".row")).to_have_count(1)
    np.testing.assert_array_equal(tool.masks()[0], first)
    page.keyboard.press("n")
    page.keyboard.press("Delete")
    expect(page.locator(".row")).to_have_count(0)
    press(tool, page, "Control+z")
    expect(page.locator(".row")).to_have_count(1)
    page.keyboard.press("Control+Enter")  # done, and on to the next image
    expect(page.locator(".name").first).to_be_visible()
    page.wait_for_function("document.querySelector('header .name').textContent.includes('z.jpg')")
    assert tool.json("/api/images/1")["state"] == "done"
    assert DEFAULT in json.dumps(tool.json("/api/status"))  # whose masks they are
    assert len(tool.masks()) == 1


def test_a_killed_server_loses_nothing_and_the_page_goes_on(tool: Tool, annotating: Page) -> None:
    page = annotating
    page.keyboard.press("a")
    answered(page)
    accept(tool, page, 1)
    tool.process.kill()
    tool.process.wait()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("a")  # the model is in the browser
    answered(page)
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(2)
    expect(page.get_by_text("The server is away")).to_be_visible()
    assert start_again(tool) == 2


def start_again(tool: Tool, masks: int = 2) -> int:
    """The command again, on the same port, until the page has sent what it kept."""
    port = tool.address.rstrip("/").rpartition(":")[2]
    command = [sys.executable, "-m", "anymask", "annotate", str(tool.folder), "--no-open"]
    tool.process = subprocess.Popen([*command, "--port", port], stdout=subprocess.PIPE, text=True)
    assert tool.process.stdout is not None
    tool.process.stdout.readline()
    for _ in range(60):
        if len(tool.masks()) == masks:
            break
        time.sleep(0.5)
    return len(tool.masks())
