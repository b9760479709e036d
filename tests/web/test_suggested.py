"""What the engine suggests, as an annotator sees it: accepted, rejected, and both undone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, Page, expect

from anymask.core import rle
from anymask.engine.model.suggestion import Suggestion, suggestion
from anymask.engine.stages.suggesting import Suggested, suggest
from anymask.engine.store.images import set_size
from anymask.engine.store.store import Store
from tests.web.team import HEIGHT, HOUSE, SUN, TREE, WIDTH, Team, place, saved, serving_team

pytestmark = [pytest.mark.slow, pytest.mark.data, pytest.mark.timeout(600)]

RADIUS_PX = {HOUSE: 60, TREE: 70, SUN: 42}
SCORES = {HOUSE: 0.9, TREE: 0.8, SUN: 0.95}


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("suggested")


@pytest.fixture(scope="module")
def team(scratch: Path, browser: Browser, mobile_sam: object) -> Iterator[Team]:
    with serving_team(scratch, browser) as running:
        yield running


def disc(thing: tuple[int, int]) -> Suggestion:
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    cv2.circle(mask, thing, RADIUS_PX[thing], 1, -1)
    one = suggestion(rle.encode(mask.astype(bool)), SCORES[thing])
    assert one is not None
    return one


def suggest_in(scratch: Path, image_id: int) -> None:
    """As `anymask engine prefill`, while the tool runs."""
    with Store.open(scratch / "drawings" / ".anymask" / "store.sqlite") as store:
        store.write(set_size, image_id, WIDTH, HEIGHT)
        found = [disc(thing) for thing in SCORES]
        assert suggest(store, image_id, found, "detector", "m") == Suggested(added=3)


def masks(team: Team, image_id: int) -> list[dict[str, Any]]:
    """The versions of an image's masks, those that are only suggested last."""
    versions = [mask["version"] for mask in team.json(f"/api/images/{image_id}")["masks"]]
    return sorted(versions, key=lambda version: version["is_suggested"])


def left(page: Page, count: int) -> None:
    expect(page.locator(".side")).to_contain_text(f"{count} suggested")


def test_suggestions_are_accepted_and_rejected_by_a_key_each(team: Team, scratch: Path) -> None:
    suggest_in(scratch, 1)
    with team.at("Ada", 1) as page:
        expect(page.locator("li", has_text="1.png")).to_contain_text("3 suggested")
        left(page, 3)
        expect(page.locator(".row")).to_have_count(0)
        page.keyboard.press("1")
        page.keyboard.press("y")  # the sun, of which the model is surest
        expect(page.locator(".row")).to_have_count(1)
        page.keyboard.press("u")  # the house
        left(page, 1)
        saved(page)
        kept, waiting = masks(team, 1)
        assert (kept["predicted_iou"], kept["source"]) == (0.95, "detector")
        assert kept["label_id"] is not None
        assert waiting["is_suggested"]
        page.keyboard.press("Control+z")
        left(page, 2)
        page.keyboard.press("Control+z")
        left(page, 3)
        expect(page.locator(".row")).to_have_count(0)
        page.keyboard.press("Control+Shift+z")
        expect(page.locator(".row")).to_have_count(1)
        saved(page)
        page.reload()
        left(page, 2)
        expect(page.locator(".row")).to_have_count(1)


def test_a_click_accepts_and_a_right_click_rejects(team: Team, scratch: Path) -> None:
    suggest_in(scratch, 2)
    with team.at("Ada", 2) as page:
        left(page, 3)
        page.keyboard.press("c")
        page.mouse.click(*place(page, *TREE))
        left(page, 2)
        page.mouse.click(*place(page, *SUN), button="right")
        left(page, 1)
        page.keyboard.press("Enter")  # accepts what was asked for, and nobody asked
        left(page, 1)
        page.get_by_role("button", name="Accept all").click()
        expect(page.locator(".row")).to_have_count(2)
        saved(page)
        assert [version["is_suggested"] for version in masks(team, 2)] == [False, False]
