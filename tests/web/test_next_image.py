"""From image to image: nothing is painted, labelled or stored by surprise, or lost by a reload."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.team import HOUSE, Team, draw, opens, place, saved, serving_team

pytestmark = [pytest.mark.slow, pytest.mark.data, pytest.mark.timeout(600)]


@pytest.fixture
def team(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, mobile_sam: object
) -> Iterator[Team]:
    with serving_team(tmp_path_factory.mktemp("next"), browser) as running:
        yield running


def chosen(page: Page, tool: str, label: str) -> None:
    """Wait until a tool and the label of the next mask are chosen."""
    tools = page.get_by_role("navigation", name="Tools")
    expect(tools.get_by_role("button", name=tool, exact=True)).to_have_attribute(
        "aria-pressed", "true"
    )
    expect(page.get_by_role("radio", name=label)).to_be_checked()


def dab(page: Page) -> None:
    page.keyboard.press("b")
    page.mouse.click(*place(page, 60, 60))
    expect(page.get_by_role("button", name="Undo: brush")).to_be_enabled()


def test_the_next_image_begins_anew_unless_something_is_kept(team: Team) -> None:
    with team.at("Ada", 1) as page:
        page.keyboard.press("b")
        page.get_by_role("radio", name="tree").click()
        chosen(page, "Brush", "tree")
        page.keyboard.press("PageDown")
        opens(page, 2)
        chosen(page, "Click", "none")
        expect(page.locator("footer .hint")).to_contain_text("The click tool again, and no label")

        page.keyboard.press("1")  # who takes a key for it, labels more than one image
        expect(page.locator("footer .label")).to_have_text("house, kept")
        page.keyboard.press("b")
        page.get_by_role("button", name="Keep the tool for the next images").click()
        page.keyboard.press("PageDown")
        opens(page, 3)
        chosen(page, "Brush", "house")
        page.get_by_role("checkbox", name="Keep for the next images").uncheck()
        page.keyboard.press("PageDown")
        opens(page, 4)
        chosen(page, "Brush", "none")


def test_a_dab_is_no_mask_unless_somebody_says_so(team: Team) -> None:
    with team.at("Ada", 1) as page:
        dab(page)
        page.keyboard.press("Control+Enter")
        question = page.get_by_role("dialog", name="A mask is in work")
        expect(question).to_contain_text("one dab of the brush")
        page.keyboard.press("Escape")
        expect(question).to_have_count(0)
        opens(page, 1)
        page.keyboard.press("Control+Enter")
        question.get_by_role("button", name="No, drop it").click()
        opens(page, 2)
        dab(page)
        page.keyboard.press("Control+Enter")
        question.get_by_role("button", name="Yes, keep it").click()
        opens(page, 3)
        saved(page)
    shown = [team.json(f"/api/images/{number}") for number in (1, 2)]
    assert [(image["state"], len(image["masks"])) for image in shown] == [("done", 0), ("done", 1)]


def test_an_image_from_which_all_is_taken_back_is_new(team: Team) -> None:
    with team.at("Ada", 1) as page:
        listed = page.locator("li", has_text="1.png")
        draw(page, HOUSE)
        expect(listed).to_contain_text("started")
        page.get_by_role("button", name="Undo: accept mask").click()
        expect(listed).to_contain_text("new")
        expect(page.get_by_role("button", name="Redo: accept mask")).to_be_enabled()
        saved(page)
        assert team.json("/api/images/1")["state"] == "new"


def test_a_reload_keeps_what_a_click_may_mean_and_its_label(team: Team) -> None:
    with team.at("Ada", 1) as page:
        page.keyboard.press("2")
        page.mouse.click(*place(page, *HOUSE))
        answers = page.locator(".answers button")
        expect(answers).to_have_count(3)
        page.keyboard.press("Tab")
        name = page.locator(".answers button[aria-pressed='true']")
        before = (answers.all_inner_texts(), name.inner_text())
        page.reload()
        opens(page, 1)
        expect(answers).to_have_count(3)
        assert (answers.all_inner_texts(), name.inner_text()) == before
        chosen(page, "Click", "tree")
        page.keyboard.press("Enter")
        expect(page.locator(".row")).to_contain_text("tree")
