"""The page of ratings as a person uses it: photographs, the real page, the keyboard alone."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from anymask.core import rle
from anymask.core.interaction import best_click
from anymask.core.ratings.rating import Kind
from anymask.core.ratings.rating_file import RatingFile, read_rating_file
from anymask.datasets.photographs import Unread
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Dataset
from anymask.engine.page import STATIC
from anymask.evaluation.result import Result
from tests.evaluation import invented
from tests.web.axe import check

pytestmark = [pytest.mark.data, pytest.mark.slow, pytest.mark.timeout(300)]

IMAGES = 6
SIZE = {"width": 1280, "height": 800}
MODELS = {"wide@1": 9, "narrow@2": -9}  # and by how many pixels their masks are too large
GIVEN = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10)


@dataclass
class Rating:
    """A running `anymask rate`."""

    address: str
    out: Path
    process: subprocess.Popen[str]

    def read(self) -> RatingFile:
        return read_rating_file(self.out)


def rows(dataset: Dataset, grown_px: int) -> list[dict[str, Any]]:
    """The largest object of some images, and a mask that is too large or too small."""
    found: list[dict[str, Any]] = []
    kernel = np.ones((abs(grown_px),) * 2, np.uint8)
    for part in dataset.parts[:IMAGES]:
        for sample in part.read():
            if isinstance(sample, Unread):
                continue
            number = max(range(len(sample.masks)), key=lambda i: rle.area(sample.masks[i]))
            truth = rle.decode(sample.masks[number])
            change = cv2.dilate if grown_px > 0 else cv2.erode
            answer = change(truth.astype(np.uint8), kernel) > 0
            x, y = best_click(truth)[0]
            found.append(
                {
                    "image": sample.name,
                    "mask": number,
                    "click": [int(x), int(y)],
                    "truth": dict(rle.encode(truth)),
                    "predicted": dict(rle.encode(answer)),
                }
            )
    return found


@pytest.fixture
def results(data_folder: Path, tmp_path: Path) -> list[Path]:
    location = data_folder / "coco446"
    if not location.is_dir():
        pytest.skip("coco446 is not here")
    paths = []
    for model, grown_px in MODELS.items():
        found = rows(open_dataset(str(location)), grown_px)
        result: Result = invented.result("points", "coco446", {}, {}, found)
        paths.append(tmp_path / f"{model}.json")
        replace(result, model=model).write(paths[-1])
    return paths


@pytest.fixture
def rating(results: list[Path], data_folder: Path, tmp_path: Path) -> Iterator[Rating]:
    if not (STATIC / "rate.html").is_file():
        pytest.fail("the page is not built: make web")
    out = tmp_path / "ratings.jsonl"
    command = [sys.executable, "-m", "anymask", "rate", *map(str, results)]
    command += ["--data", str(data_folder / "coco446"), "--out", str(out)]
    process = subprocess.Popen(
        [*command, "--no-open", "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "ANYMASK_OFFLINE": "1"},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    address = re.search(r"http://\S+", line)
    assert address, f"it printed {line!r}"
    yield Rating(address[0], out, process)
    process.kill()
    process.wait()


@pytest.fixture
def page(browser: Browser, rating: Rating) -> Iterator[Page]:
    page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
    page.set_default_timeout(60_000)
    page.goto(rating.address)
    yield page
    page.close()


def begin(page: Page, rater: str) -> None:
    page.get_by_label("Your name").fill(rater)
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="How good is the mask?")).to_be_visible()


def press(page: Page, rating: int, done: int, total: int) -> None:
    """Give a rating by its key, and wait until it counts."""
    page.wait_for_timeout(300)  # a person looks for longer
    page.keyboard.press("0" if rating == 10 else str(rating))
    expect(page.locator("header .count")).to_have_text(f"{done} of {total}")


def test_ten_masks_are_rated_by_keyboard(page: Page, rating: Rating) -> None:
    heard: list[str] = []
    page.on("response", lambda answer: heard.append(answer.text() if is_json(answer) else ""))
    begin(page, "Ada")
    total = int(page.locator("header .count").inner_text().rpartition(" ")[2])
    for done, given in enumerate(GIVEN, start=1):
        press(page, given, done, total)
    kept = rating.read().ratings
    assert [one.rating for one in kept] == list(GIVEN)
    assert {one.rater for one in kept} == {"Ada"}
    assert all(0.2 < one.seconds < 60 for one in kept)

    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("You said 10 of this mask")).to_be_visible()
    expect(page.get_by_role("button", name="10, Exact")).to_have_attribute("aria-pressed", "true")
    press(page, 3, 10, total)
    assert rating.read().ratings[-1].showing == kept[-1].showing
    expect(page.get_by_text("You said")).to_be_hidden()

    page.reload()
    expect(page.locator("header .count")).to_have_text(f"10 of {total}")
    press(page, 5, 11, total)
    assert len(rating.read().ratings) == 12
    told = "".join(heard)
    for secret in (*MODELS, "truth", '"model', Kind.wrong.value):
        assert secret not in told


def is_json(answer: Any) -> bool:
    return "json" in answer.headers.get("content-type", "")


def test_it_goes_on_after_a_kill_and_says_how_raters_did(
    page: Page, rating: Rating, browser: Browser
) -> None:
    begin(page, "Ada")
    total = int(page.locator("header .count").inner_text().rpartition(" ")[2])
    other = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
    other.goto(rating.address)
    begin(other, "Ben")
    for done in range(1, 4):
        press(page, 7, done, total)
        press(other, 8, done, total)
    other.close()
    rating.process.send_signal(signal.SIGINT)
    assert rating.process.wait(30) == 0
    assert rating.process.stderr is not None
    said = rating.process.stderr.read()
    assert "Ada: 3 ratings" in said
    assert "Ben: 3 ratings" in said
    page.wait_for_timeout(300)
    page.keyboard.press("9")
    expect(page.get_by_text("Your rating is not saved yet")).to_be_visible()
    assert len(rating.read().ratings) == 6
    lines = rating.out.read_text().splitlines()
    assert [json.loads(line)["rating"] for line in lines[1:]] == [7, 8] * 3


def test_axe_finds_nothing_serious(page: Page, rating: Rating) -> None:
    check(page, "the start")
    begin(page, "Ada")
    total = int(page.locator("header .count").inner_text().rpartition(" ")[2])
    check(page, "a mask")
    page.keyboard.press("m")
    check(page, "a filled mask")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="How to rate")).to_be_visible()
    check(page, "the guidelines")
    page.keyboard.press("Escape")
    press(page, 7, 1, total)
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_text("You said 7 of this mask")).to_be_visible()
    check(page, "a mask that was rated")
    rating.process.kill()
    rating.process.wait()
    page.wait_for_timeout(300)
    page.keyboard.press("9")
    expect(page.get_by_text("Your rating is not saved yet")).to_be_visible()
    check(page, "a server that is away")


def test_the_mask_is_drawn_and_hidden(page: Page, rating: Rating) -> None:
    begin(page, "Ada")
    stage = page.locator("figure").nth(1)
    page.wait_for_timeout(800)
    outlined = stage.screenshot()
    page.keyboard.press("m")
    expect(page.get_by_text("Mask: filled")).to_be_visible()
    page.wait_for_timeout(400)
    filled = stage.screenshot()
    page.keyboard.down(" ")
    page.wait_for_timeout(400)
    hidden = stage.screenshot()
    page.keyboard.up(" ")
    page.wait_for_timeout(400)
    assert len({outlined, filled, hidden}) == 3
    assert stage.screenshot() == filled
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="How to rate")).to_be_visible()
    page.keyboard.press("5")  # is no rating while one reads
    page.keyboard.press("Escape")
    page.wait_for_timeout(300)
    assert not rating.read().ratings
