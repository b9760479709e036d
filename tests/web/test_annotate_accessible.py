"""axe-core finds nothing serious on the annotation tool's page and its dialogs, light and dark."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.axe import check
from tests.web.team import HOUSE, Team, draw, saved, serving_team
from tests.web.test_annotate import Hand, Tool, accept, annotating, answered, sample, tool
from tests.web.test_team import is_free, paint

__all__ = ["annotating", "sample", "tool"]
pytestmark = [pytest.mark.data, pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def team(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, mobile_sam: object
) -> Iterator[Team]:
    with serving_team(tmp_path_factory.mktemp("accessible"), browser) as running:
        yield running


def dialog(page: Page, button: str, state: str) -> None:
    """Open a dialog by its button, and look at it."""
    page.get_by_role("button", name=button).click()
    expect(page.get_by_role("dialog")).to_be_visible()
    page.wait_for_timeout(500)  # what it asks the server is there
    check(page, state)
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_have_count(0)


def test_axe_finds_nothing_serious(tool: Tool, annotating: Page) -> None:
    page = annotating
    check(page, "an image")
    page.keyboard.press("1")
    page.keyboard.press("a")
    answered(page)
    check(page, "a mask in work")
    accept(tool, page, 1)
    page.keyboard.press("n")
    check(page, "a mask that is selected")
    page.keyboard.press("p")
    check(page, "an outline")
    page.keyboard.press("Escape")
    dialog(page, "Keys and help", "keys")
    dialog(page, "Export", "export")
    dialog(page, "Import", "import")
    dialog(page, "How the work goes", "statistics")
    page.get_by_role("textbox", name="Name of a new label").fill("house")
    page.keyboard.press("Enter")
    expect(page.get_by_role("checkbox", name="Keep for the next images")).to_be_visible()
    check(page, "a label")
    page.keyboard.press("b")
    Hand(page, (640, 480)).click(20, 20)
    page.keyboard.press("Control+Enter")
    expect(page.get_by_role("dialog", name="A mask is in work")).to_be_visible()
    check(page, "a question")
    page.keyboard.press("Escape")
    page.keyboard.press("Escape")
    page.keyboard.press("c")
    tool.process.kill()
    tool.process.wait()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("a")
    answered(page)
    page.keyboard.press("Enter")
    expect(page.get_by_text("The server is away")).to_be_visible()
    check(page, "a server that is away")


def test_nor_in_what_a_team_sees(team: Team) -> None:
    with team.at(None) as nobody:
        nobody.goto(team.address)
        expect(nobody.get_by_role("textbox", name="Link or token")).to_be_visible()
        check(nobody, "somebody unknown")
    with team.at("Ada", 3) as ada, team.at("Edsger", 3) as edsger:
        check(edsger, "an image that is only shown")
        edsger.get_by_role("button", name="Edsger").click()
        check(edsger, "who works here")
        dialog(edsger, "People", "people")
        draw(ada, HOUSE)
        edsger.get_by_role("button", name="Take over").click()
        expect(edsger.locator(".row")).to_have_count(1)
        paint(edsger, (100, 60))
        saved(edsger)
        paint(ada, (600, 440))
        edsger.goto(f"{team.address}/health")
        is_free(team, ada, 3)
        ada.get_by_role("button", name="Take it back").click()
        expect(ada.get_by_role("dialog", name="changed the same masks")).to_be_visible()
        check(ada, "a conflict")
        ada.get_by_role("button", name="Go on").click()
        saved(ada)
