"""Masks that exist already, brought into the page."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from anymask.core import rle
from tests.web.test_annotate import Tool, start

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

HW = (120, 200)
FINISHED_WITHIN_MS = 60_000


@pytest.fixture
def tool(tmp_path: Path, mobile_sam: object) -> Iterator[Tool]:
    folder = tmp_path / "photographs"
    folder.mkdir()
    rising = np.linspace(60, 180, HW[0] * HW[1] * 3).reshape(*HW, 3).astype(np.uint8)
    for name in ("a.png", "b.png"):
        Image.fromarray(rising).save(folder / name)
    tool = start(folder)
    yield tool
    tool.process.kill()
    tool.process.wait()


@pytest.fixture
def page(tool: Tool, browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.set_default_timeout(FINISHED_WITHIN_MS)
    expect.set_options(timeout=FINISHED_WITHIN_MS)
    errors = list[str]()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(tool.address)
    page.wait_for_function("document.querySelector('header .name').textContent.includes('a.png')")
    yield page
    expect.set_options(timeout=None)
    page.close()
    assert errors == []


def coco(path: Path) -> Path:
    """Two masks of ``a.png``, one of ``b.png``, and one of an image that is not there."""
    images, annotations = list[object](), list[object]()
    for number, (name, lefts) in enumerate(
        {"a.png": (20, 110), "b.png": (60,), "gone.png": (5,)}.items(), 1
    ):
        images.append({"id": number, "file_name": name, "height": HW[0], "width": HW[1]})
        for left in lefts:
            mask = np.zeros(HW, bool)
            mask[30:80, left : left + 60] = True
            annotation = {"image_id": number, "category_id": 1, "segmentation": rle.encode(mask)}
            annotations.append({"id": len(annotations) + 1, **annotation})
    categories = [{"id": 1, "name": "house"}]
    content = {"images": images, "annotations": annotations, "categories": categories}
    path.write_text(json.dumps(content))
    return path


def test_masks_of_a_file_are_told_then_added_and_undone(
    tool: Tool, page: Page, tmp_path: Path
) -> None:
    file = coco(tmp_path / "instances.json")
    page.get_by_role("button", name="Import", exact=True).click()
    dialog = page.get_by_role("dialog", name="Import")
    add = dialog.get_by_role("button", name="Add")
    expect(add).to_be_disabled()
    dialog.get_by_label("File of masks").set_input_files(file)
    expect(dialog).to_contain_text("This would add 3 masks in 2 images.")
    expect(dialog).to_contain_text("label house is new")
    expect(dialog).to_contain_text("1 image is not in this folder: gone.png")
    assert len(tool.masks()) == 0
    if folder := os.environ.get("ANYMASK_PICTURES"):
        page.screenshot(path=f"{folder}/annotate-import.png")
    add.click()
    expect(dialog).to_contain_text("Added: 3 masks in 2 images.")
    assert len(tool.masks()) == 2
    dialog.get_by_role("button", name="Close").last.click()
    expect(page.locator(".row")).to_have_count(2)
    expect(page.get_by_text("house").first).to_be_visible()
    page.keyboard.press("Control+z")
    expect(page.locator(".row")).to_have_count(0)
    page.keyboard.press("Control+Shift+z")
    expect(page.locator(".row")).to_have_count(2)
    expect(page.locator("header .save")).to_have_text("All saved")

    wrong = tmp_path / "wrong.json"
    wrong.write_text("[1, 2]")
    page.get_by_role("button", name="Import", exact=True).click()
    dialog.get_by_label("File of masks").set_input_files(wrong)
    expect(dialog).to_contain_text("wrong.json")
    expect(add).to_be_disabled()
    dialog.get_by_label("File of masks").set_input_files(file)  # once more
    expect(dialog).to_contain_text("3 masks are there already")
    expect(add).to_be_disabled()
