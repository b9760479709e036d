"""A mask is found in the other images, as an annotator sees it; a rejected one is not meant."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tests.web.team import HOUSE, Team, draw, place, saved, serving_team

pytestmark = [pytest.mark.slow, pytest.mark.data, pytest.mark.timeout(600)]

PICTURES = os.environ.get("ANYMASK_PICTURES")  # a folder for what the page looked like


@pytest.fixture(scope="module")
def team(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, mobile_sam: object
) -> Iterator[Team]:
    with serving_team(tmp_path_factory.mktemp("alike"), browser) as running:
        yield running


def test_what_is_drawn_once_is_suggested_in_the_other_images(team: Team) -> None:
    with team.at("Ada", 1) as page:
        page.keyboard.press("1")  # its label
        draw(page, HOUSE)
        page.keyboard.press("v")
        page.mouse.click(*place(page, *HOUSE))
        button = page.get_by_role("button", name="Find this in the other images")
        expect(button).to_be_visible()
        page.keyboard.press("h")
        told = page.locator(".sought")
        expect(told).to_contain_text("Like house")
        expect(told).to_contain_text(re.compile(r"[1-9] found"), timeout=300_000)
        if PICTURES:
            page.screenshot(path=str(Path(PICTURES) / "alike.png"))
        expect(page.locator("body")).to_contain_text(
            re.compile(r"suggested in \d+ images?"), timeout=300_000
        )
        expect(page.locator("li", has_text="2.png")).to_contain_text("suggested")
        told.get_by_role("button", name="Close").click()
        expect(told).to_have_count(0)
    with team.at("Ada", 2) as page:
        waiting = page.locator(".side")
        expect(waiting).to_contain_text("suggested")
        if PICTURES:
            page.screenshot(path=str(Path(PICTURES) / "alike-suggested.png"))
        page.keyboard.press("y")
        expect(page.locator(".row")).to_have_count(1)
        expect(page.locator(".row")).to_contain_text("house")
        saved(page)
    (kept,) = [
        mask["version"]
        for mask in team.json("/api/images/2")["masks"]
        if not mask["version"]["is_suggested"]
    ]
    assert kept["source"] == "like house"
    assert kept["label_id"] is not None


def test_the_search_is_over(team: Team) -> None:
    now = team.json("/api/alike")
    assert (now["state"], now["found"], now["images"]) == ("ended", 4, 4)
