"""The annotation tool by wheel, finger and pen; order and groups by buttons."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, CDPSession, Page, expect

from tests.web.team import HOUSE, SUN, TREE, Team, draw, place, saved, serving_team

pytestmark = [pytest.mark.slow, pytest.mark.data, pytest.mark.timeout(600)]

LONG_PRESS_MS = 700


@pytest.fixture(scope="module")
def team(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, mobile_sam: object
) -> Iterator[Team]:
    with serving_team(tmp_path_factory.mktemp("hands"), browser) as running:
        yield running


class Fingers:
    """Touches and a pen, as Chromium takes them from a screen."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.session: CDPSession = page.context.new_cdp_session(page)

    def touch(self, kind: str, *points: tuple[float, float]) -> None:
        touches = [{"x": x, "y": y, "id": number} for number, (x, y) in enumerate(points)]
        self.session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": touches})

    def tap(self, at: tuple[float, float], ms: int = 60) -> None:
        self.touch("touchStart", at)
        self.page.wait_for_timeout(ms)
        self.touch("touchEnd")

    def spread(self, middle: tuple[float, float], start: float, end: float, along: float) -> None:
        """Two fingers, so far from a place each, go apart, and both to the right."""
        x, y = middle
        self.touch("touchStart", (x - start, y))
        self.touch("touchStart", (x - start, y), (x + start, y))
        for step in range(1, 6):
            apart, moved = start + (end - start) * step / 5, along * step / 5
            self.touch("touchMove", (x - apart + moved, y), (x + apart + moved, y))
        self.touch("touchEnd")

    def pen(self, kind: str, at: tuple[float, float], force: float) -> None:
        x, y = at
        facts: dict[str, Any] = {"x": x, "y": y, "force": force, "pointerType": "pen"}
        buttons = {"button": "left", "buttons": 1, "clickCount": 1}
        self.session.send("Input.dispatchMouseEvent", {"type": kind, **facts, **buttons})


def zoom(page: Page) -> int:
    return int(page.locator("footer button").inner_text().split()[0])


def test_the_wheel_goes_through_the_answers_and_zooms_the_image(team: Team) -> None:
    with team.at("Grace", 1) as page:
        page.mouse.click(*place(page, *HOUSE))
        answers = page.locator(".answers button")
        expect(answers).to_have_count(3)
        chosen = page.locator(".answers button[aria-pressed='true']")
        first = chosen.inner_text()
        answers.first.hover()
        page.mouse.wheel(0, 100)
        expect(chosen).not_to_have_text(first)
        page.mouse.wheel(0, -100)
        assert chosen.inner_text() == first
        before = zoom(page)
        page.mouse.move(*place(page, 320, 240))
        page.mouse.wheel(0, -100)
        page.wait_for_function(
            f"parseInt(document.querySelector('footer button').textContent) > {before}"
        )
        assert chosen.inner_text() == first
        page.keyboard.press("Escape")


def test_a_finger_adds_takes_away_and_moves_the_image(team: Team) -> None:
    with team.at("Grace", 2, has_touch=True) as page:
        fingers = Fingers(page)
        fingers.tap(place(page, *HOUSE))
        expect(page.get_by_role("button", name="Accept Enter")).to_be_enabled()
        expect(page.get_by_text("1 click", exact=True)).to_be_visible()
        fingers.tap(place(page, 220, 300), LONG_PRESS_MS)  # rests: takes away
        expect(page.get_by_text("2 clicks", exact=True)).to_be_visible()
        expect(page.get_by_role("button", name="Accept Enter")).to_be_enabled()

        before = zoom(page)
        fingers.spread(place(page, 320, 240), 40, 80, 30)
        page.wait_for_function(
            f"parseInt(document.querySelector('footer button').textContent) > {1.7 * before}"
        )
        expect(page.get_by_text("2 clicks", exact=True)).to_be_visible()  # nor did a point come
        page.get_by_role("button", name="Accept Enter").tap()
        expect(page.locator(".row")).to_have_count(1)
        saved(page)
        entry = team.json("/api/status", "Grace")["by_annotator"][0]
        assert (entry["clicks_add"], entry["clicks_remove"]) == (1, 1)


def test_a_pen_paints_while_the_hand_rests(team: Team) -> None:
    with team.at("Grace", 3, has_touch=True) as page:
        page.keyboard.press("b")
        page.get_by_role("slider", name="Brush").fill("40")
        fingers = Fingers(page)
        start, end = place(page, 100, 100), place(page, 200, 100)
        fingers.pen("mousePressed", start, 0.5)
        fingers.pen("mouseMoved", end, 0.5)
        fingers.pen("mouseReleased", end, 0)
        fingers.tap(place(page, 500, 400))  # the palm
        page.keyboard.press("Enter")
        expect(page.locator(".row")).to_have_count(1)
        saved(page)
        (mask,) = team.json("/api/images/3")["masks"]
        x, y, width, height = mask["version"]["bbox"]
        assert abs(width - 140) < 8
        assert abs(height - 40) < 8
        assert abs(x - 80) < 6
        assert abs(y - 80) < 6


def test_order_and_groups_by_buttons(team: Team) -> None:
    with team.at("Grace", 4) as page:
        draw(page, HOUSE, TREE, SUN)
        rows = page.locator(".row:not(.group)")

        def areas() -> list[str]:
            return [row.split("\n")[1].split(",")[0] for row in rows.all_inner_texts()]

        before = areas()
        rows.first.locator("button").first.click()
        page.get_by_role("button", name="To the back").click()
        expect(rows.last).to_contain_text(before[0])
        page.get_by_role("button", name="Forward", exact=True).click()
        expect(rows.nth(1)).to_contain_text(before[0])
        page.get_by_role("button", name="To the front").click()
        page.get_by_role("button", name="Backward", exact=True).click()
        expect(rows.nth(1)).to_contain_text(before[0])

        rows.last.locator("button").first.click(modifiers=["Shift"])
        page.get_by_role("button", name="Group", exact=True).click()
        group = page.locator(".row.group")
        expect(group).to_contain_text("2 masks")
        page.keyboard.press("Escape")
        expect(page.locator(".row[data-selected='true']")).to_have_count(0)
        group.locator("button").click()
        expect(page.locator(".row:not(.group)[data-selected='true']")).to_have_count(2)
        saved(page)
        masks = team.json("/api/images/4")["masks"]
        assert sum(one["version"]["group"] is not None for one in masks) == 2
        page.get_by_role("button", name="Ungroup").click()
        expect(group).to_have_count(0)


def test_the_first_mask_needs_no_reading(team: Team) -> None:
    with team.at("Grace", 5) as page:
        hint = page.locator("main p[role='status']")
        expect(hint).to_have_text("Click the object that stands out most")
        page.mouse.click(*place(page, *HOUSE))
        expect(hint).to_contain_text("Enter accepts it")
        page.keyboard.press("Enter")
        expect(page.locator(".row")).to_have_count(1)
        expect(hint).to_have_count(0)
