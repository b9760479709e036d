"""The labels' dialog: names, colours and keys change; a label that masks carry stays."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.axe import check
from tests.web.team import HOUSE, Team, draw, serving_team

pytestmark = [pytest.mark.slow, pytest.mark.data, pytest.mark.timeout(600)]


@pytest.fixture
def team(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, mobile_sam: object
) -> Iterator[Team]:
    with serving_team(tmp_path_factory.mktemp("labels"), browser) as running:
        yield running


def edited(page: Page) -> None:
    """Open the dialog."""
    page.get_by_role("button", name="Edit…").click()
    expect(page.get_by_role("dialog", name="Labels")).to_be_visible()


def test_a_reviewer_changes_labels(team: Team) -> None:
    with team.at("Grace", 1) as page:
        page.get_by_role("radio", name="house").click()
        draw(page, HOUSE)
        edited(page)
        dialog = page.get_by_role("dialog", name="Labels")
        check(page, "labels")
        dialog.get_by_role("textbox", name="Name of house").fill("")
        expect(dialog.get_by_role("button", name="Save")).to_be_disabled()
        dialog.get_by_label("Name of").first.fill("villa")
        dialog.get_by_label("Key of tree").select_option("1")  # which the house had
        expect(dialog.get_by_label("Key of villa")).to_have_value("")
        dialog.get_by_label("Name of").first.fill(" villa ")
        dialog.get_by_label("Colour of tree").fill("#123456")
        dialog.get_by_role("button", name="Save").click()
        expect(dialog).to_have_count(0)
        expect(page.get_by_role("radio", name="villa")).to_be_checked()  # of the next mask
        expect(page.locator(".row").first).to_contain_text("villa")
        kept = [(one["name"], one["hotkey"], one["color"]) for one in labels(team)]
        assert kept[0][:2] == ("villa", None)
        assert kept[1] == ("tree", "1", "#123456")

        edited(page)
        dialog.get_by_role("button", name="Remove villa").click()
        dialog.get_by_role("button", name="Save").click()
        expect(dialog.get_by_role("alert")).to_contain_text("1 mask is labelled villa")
        dialog.get_by_role("button", name="Cancel").click()

        page.get_by_role("radio", name="tree").click()
        edited(page)
        dialog.get_by_role("button", name="Remove tree").click()
        dialog.get_by_role("button", name="Save").click()
        expect(page.get_by_role("radio", name="none")).to_be_checked()
        assert [one["name"] for one in labels(team)] == ["villa"]


def test_an_annotator_may_not(team: Team) -> None:
    with team.at("Ada", 1) as page:
        expect(page.get_by_role("radio", name="house")).to_be_visible()
        expect(page.get_by_role("button", name="Edit…")).to_have_count(0)


def labels(team: Team) -> list[dict[str, str | None]]:
    found: list[dict[str, str | None]] = team.json("/api/project")["labels"]
    return found
