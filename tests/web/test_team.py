"""A team at the annotation tool: getting in, review, statistics, people, two on one image."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from anymask.weights.registry import DEFAULT
from tests.web.team import HOUSE, SUN, TREE, Team, draw, opens, place, saved, serving_team

pytestmark = [pytest.mark.slow, pytest.mark.data, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def team(
    tmp_path_factory: pytest.TempPathFactory, browser: Browser, mobile_sam: object
) -> Iterator[Team]:
    with serving_team(tmp_path_factory.mktemp("team"), browser) as running:
        yield running


def done(page: Page) -> None:
    page.get_by_role("button", name="Done", exact=True).click()


def state(team: Team, image: int) -> str:
    return str(team.json(f"/api/images/{image}")["state"])


def is_free(team: Team, page: Page, image: int) -> None:
    """Wait until nobody has an image."""
    for _ in range(100):
        if team.json(f"/api/images/{image}")["lease"] is None:
            return
        page.wait_for_timeout(100)
    raise AssertionError("somebody still has it")


def becomes(team: Team, page: Page, image: int, wanted: str) -> None:
    """Wait until the server has an image in a state."""
    for _ in range(100):
        if state(team, image) == wanted:
            return
        page.wait_for_timeout(100)
    raise AssertionError(f"it is {state(team, image)}")


def test_somebody_unknown_is_told_how_to_get_in(team: Team) -> None:
    with team.at(None) as page:
        page.goto(team.address)
        field = page.get_by_role("textbox", name="Link or token")
        expect(field).to_be_focused()
        expect(page.get_by_role("alert")).to_have_count(0)
        field.fill("not a token")
        page.keyboard.press("Enter")
        expect(page.get_by_text("this token lets nobody in")).to_be_visible()
        field.fill(team.link("Ada"))  # as it was sent
        page.get_by_role("button", name="Come in").click()
        who = page.get_by_role("button", name="Ada")
        expect(who).to_be_visible()
        who.click()
        expect(page.get_by_role("button", name="People")).to_have_count(0)
        page.get_by_role("button", name="Sign out").click()
        expect(field).to_be_visible()
        page.goto(f"{team.address}/?token=old")
        expect(field).to_be_visible()


def test_an_image_is_returned_with_a_note_mended_and_accepted(team: Team) -> None:
    with team.at("Ada", 1) as ada:
        draw(ada, HOUSE)
        done(ada)
        opens(ada, 2)
        becomes(team, ada, 1, "done")
        expect(ada.get_by_role("button", name="Accept image")).to_have_count(0)
        ada.keyboard.press("Shift+Enter")
        assert state(team, 2) == "new"
        expect(ada.get_by_role("option", name="to review (1)")).to_have_count(1)

    with team.at("Grace", 3) as grace:
        grace.get_by_role("button", name="Next of 1 to review").click()
        opens(grace, 1)
        expect(grace.get_by_text("Ada did this image")).to_be_visible()
        grace.get_by_role("button", name="Return").click()  # why?
        expect(grace.locator("footer .hint")).to_contain_text("First click the place")
        grace.mouse.click(*place(grace, 250, 150))
        note = grace.get_by_role("textbox", name="What is to be mended here?")
        note.fill("The tree is missing")
        note.press("Enter")
        expect(
            grace.get_by_role("button", name="Note 1, open: The tree is missing")
        ).to_be_visible()
        grace.keyboard.press("Shift+Backspace")
        becomes(team, grace, 1, "returned")
        expect(grace.get_by_text("Nothing more to review")).to_be_visible()

    with team.at("Ada", 1) as ada:
        expect(ada.locator(".card")).to_contain_text("The tree is missing")
        expect(ada.locator(".card")).to_contain_text("Grace")
        ada.get_by_role("button", name="Close the note").click()
        draw(ada, TREE)
        ada.keyboard.press("Shift+x")
        answer = ada.get_by_role("textbox", name="Answer")
        answer.fill("It is there now")
        answer.press("Enter")
        expect(ada.locator(".card")).to_contain_text("It is there now")
        ada.get_by_role("button", name="Resolved").click()
        expect(
            ada.get_by_role("button", name="Note 1, resolved: The tree is missing")
        ).to_be_visible()
        done(ada)
        becomes(team, ada, 1, "done")

    with team.at("Grace", 1) as grace:
        draw(grace, SUN)  # a reviewer may mend
        grace.keyboard.press("Shift+Enter")
        becomes(team, grace, 1, "accepted")
        assert team.json("/api/images/1")["annotator"] == "Ada"

    with team.at("Ada", 1) as ada:
        expect(ada.get_by_text("This image is accepted")).to_be_visible()
        expect(ada.get_by_role("button", name="Done", exact=True)).to_be_disabled()
        assert len(team.json("/api/images/1")["masks"]) == 3


def test_a_page_that_is_left_leaves_its_image_to_others(team: Team) -> None:
    with team.at("Ada", 2) as ada:
        draw(ada, HOUSE)
        assert team.json("/api/images/2")["lease"]["annotator"] == "Ada"
        ada.goto(f"{team.address}/health")
        is_free(team, ada, 2)


def test_two_people_on_one_image_lose_nothing(team: Team) -> None:
    with team.at("Ada", 3) as ada, team.at("Edsger", 3) as edsger:
        expect(edsger.get_by_text("Ada works on this image")).to_be_visible()
        edsger.mouse.click(*place(edsger, *HOUSE))  # only looked at
        expect(edsger.locator(".row")).to_have_count(0)
        draw(ada, HOUSE)
        (mask,) = team.json("/api/images/3")["masks"]

        edsger.get_by_role("button", name="Take over").click()
        expect(edsger.get_by_text("Ada works on this image")).to_have_count(0)
        expect(edsger.locator(".row")).to_have_count(1)
        paint(edsger, (100, 60))
        saved(edsger)

        paint(ada, (600, 440))  # the same mask, otherwise
        expect(ada.get_by_text("Edsger has this image now")).to_be_visible()
        ada.get_by_role("button", name="Take it back").click()
        expect(ada.get_by_text("Edsger still has it")).to_be_visible()
        edsger.goto(f"{team.address}/health")
        is_free(team, ada, 3)
        ada.get_by_role("button", name="Take it back").click()
        dialog = ada.get_by_role("dialog", name="Somebody else changed the same masks")
        expect(dialog).to_be_visible()
        expect(dialog.get_by_role("figure")).to_have_count(2)
        expect(dialog.get_by_role("figure", name="Edsger")).to_be_visible()
        expect(dialog.get_by_role("figure", name="Yours here")).to_be_visible()
        ada.wait_for_timeout(1000)  # the picture comes
        colours = [
            canvas.evaluate(
                "(it) => new Set(new Uint32Array(it.getContext('2d').getImageData(0, 0, it.width,"
                " it.height).data.buffer)).size"
            )
            for canvas in dialog.locator("canvas").all()
        ]
        assert min(colours) > 20, "masks alone would have few"
        ada.keyboard.press("Escape")
        expect(dialog).to_be_visible()  # a choice is asked for
        dialog.get_by_role("radio", name="Keep both").check()
        dialog.get_by_role("button", name="Go on").click()
        saved(ada)
        expect(ada.locator(".row")).to_have_count(2)
    masks = team.json("/api/images/3")["masks"]
    assert len(masks) == 2
    assert mask["id"] in {one["id"] for one in masks}
    assert all(one["version"]["area"] > mask["version"]["area"] for one in masks)


def paint(page: Page, at: tuple[int, int]) -> None:
    """Brush on the only mask, somewhere else."""
    page.keyboard.press("n")
    page.keyboard.press("b")
    x, y = place(page, *at)
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 4, y + 4)
    page.mouse.up()
    page.keyboard.press("Enter")


def test_an_admin_lets_people_in_and_go(team: Team) -> None:
    with team.at("Edsger", 4) as edsger:
        edsger.get_by_role("button", name="Edsger").click()
        edsger.get_by_role("button", name="People").click()
        dialog = edsger.get_by_role("dialog", name="People")
        dialog.get_by_role("textbox", name="Name of somebody new").fill("Barbara")
        dialog.get_by_role("button", name="Add", exact=True).click()
        link = dialog.get_by_role("textbox", name="Link of Barbara").input_value()
        dialog.get_by_role("combobox", name="Role of Barbara").select_option("reviewer")
        with team.at(None) as barbara:
            barbara.goto(link)
            barbara.get_by_role("button", name="Barbara").click()
            expect(barbara.get_by_text("reviewer: draws masks")).to_be_visible()
            dialog.get_by_role("button", name="Let Barbara in no more").click()
            expect(dialog.get_by_text("was reviewer")).to_be_visible()
            barbara.get_by_role("button", name="How the work goes").click()
            expect(barbara.get_by_role("textbox", name="Link or token")).to_be_visible()
        dialog.get_by_role("combobox", name="Role of Edsger").select_option("annotator")
        expect(dialog.get_by_text("last admin")).to_be_visible()
        expect(dialog.get_by_role("combobox", name="Role of Edsger")).to_have_value("admin")


def test_statistics_are_by_person_day_and_model(team: Team) -> None:
    with team.at("Grace", 5) as grace:
        draw(grace, HOUSE, TREE)
        grace.get_by_role("button", name="How the work goes").click()
        dialog = grace.get_by_role("dialog", name="How the work goes")
        row = dialog.get_by_role("row", name="Grace")
        (tally,) = [
            one for one in team.json("/api/status")["by_annotator"] if one["annotator"] == "Grace"
        ]
        expect(row.get_by_role("cell").nth(1)).to_have_text(str(tally["masks"]))
        expect(row).to_contain_text(f"{tally['seconds_per_mask']:.1f}")
        dialog.get_by_role("button", name="By model").click()
        expect(dialog.get_by_role("row", name=DEFAULT)).to_be_visible()
        dialog.get_by_role("button", name="By stage").click()
        expect(dialog.get_by_role("row", name="1 · assisted-manual")).to_contain_text("0 %")
        expect(dialog.get_by_text("Stage 1 · assisted-manual")).to_be_visible()
        dialog.get_by_role("button", name="By day").click()
        expect(dialog.locator("tbody tr")).to_have_count(1)


def test_the_server_refuses_what_the_page_does_not_offer(team: Team) -> None:
    headers = {"Authorization": f"Bearer {team.tokens['Ada']}", "Content-Type": "application/json"}
    body = json.dumps({"name": "Eve", "role": "admin"}).encode()
    request = urllib.request.Request(f"{team.address}/api/annotators", body, headers)
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request)
