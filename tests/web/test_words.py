"""Words in the box propose masks with their label, or say why not, as an annotator sees it."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from anymask.core.image import read_image
from anymask.errors import Error
from anymask.predict.words.names import NamesEncoder
from docs.drawn_scenes import scenes
from tests.web.axe import check
from tests.web.team import Team, saved, serving_team

pytestmark = [pytest.mark.slow, pytest.mark.data, pytest.mark.timeout(600)]

PICTURES = os.environ.get("ANYMASK_PICTURES")  # a folder for what the page looked like
LOOKED_MS = 300_000  # for the first words on an image


@pytest.fixture(scope="module")
def team(
    tmp_path_factory: pytest.TempPathFactory,
    browser: Browser,
    mobile_sam: object,
    data_folder: Path,
) -> Iterator[Team]:
    """At photographs of a bear and of a zebra, and at a drawing."""
    try:
        NamesEncoder.load(offline=True)
    except Error as error:
        pytest.skip(f"no encoder of words is here: {error}")
    images = data_folder / "coco446" / "images"
    photographs = (images / f"000000000{number}.jpg" for number in (502, "034"))
    pictures = [*map(read_image, photographs), scenes()[0][0]]
    with serving_team(tmp_path_factory.mktemp("words"), browser, pictures) as running:
        yield running


def asked(page: Page, text: str) -> str:
    """Write in the box, and wait for what is told below it."""
    page.keyboard.press("/")
    box = page.get_by_role("searchbox", name="Find by words")
    expect(box).to_be_focused()
    before = page.locator(".labels").bounding_box()
    box.fill(text)
    page.keyboard.press("Enter")
    told = page.locator("#words-told")
    expect(told).to_contain_text(re.compile("found|Nothing"), timeout=LOOKED_MS)
    expect(box).not_to_be_focused()
    if "found" not in told.inner_text():
        assert page.locator(".labels").bounding_box() == before, "nothing moves"
    return told.inner_text()


def pictured(page: Page, name: str) -> None:
    if PICTURES:
        for theme in ("light", "dark"):
            page.evaluate("(theme) => (document.documentElement.dataset.theme = theme)", theme)
            page.wait_for_timeout(300)
            page.screenshot(path=str(Path(PICTURES) / f"words-{name}-{theme}.png"))


def test_what_words_name_is_suggested_and_one_key_accepts_it(team: Team) -> None:
    with team.at("Edsger", 1) as page:
        side = page.locator(".side")
        assert "nothing is like 'laptop'" in asked(page, "a laptop").lower()
        expect(side).not_to_contain_text("suggested")
        assert asked(page, "one bear").startswith("1 found: bear (a new label)")
        expect(side).to_contain_text("the first becomes bear")
        pictured(page, "photograph")
        check(page, "words")
        page.keyboard.press("y")
        expect(page.locator(".row")).to_have_count(1)
        expect(page.locator(".row")).to_contain_text("bear")
        expect(side).not_to_contain_text("suggested")
        page.keyboard.press("Control+z")
        expect(page.locator(".row")).to_have_count(0)
        page.keyboard.press("Control+Shift+z")
        expect(page.locator(".row")).to_have_count(1)
        saved(page)
        assert "a mask already" in asked(page, "one bear")
    (mask,) = team.json("/api/images/1")["masks"]
    labels = {one["id"]: one["name"] for one in team.json("/api/project")["labels"]}
    assert labels[mask["version"]["label_id"]] == "bear"
    assert mask["version"]["source"] == "words"
    assert [one["kind"] for one in team.json("/api/images/1")["log"]] == ["add", "undo", "redo"]


def test_who_may_make_no_labels_is_told_and_one_key_rejects(team: Team) -> None:
    with team.at("Ada", 2) as page:
        assert "a reviewer makes them" in asked(page, "one zebra")
        page.keyboard.press("u")
        expect(page.locator(".side")).not_to_contain_text("suggested")
        page.keyboard.press("/")
        page.keyboard.press("Escape")
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_contain_text("Suggest what words name")
    assert team.json("/api/images/2")["masks"] == []
    if PICTURES:
        with team.at("Grace", 3) as page:
            asked(page, "the barn and the tree")
            pictured(page, "drawing")
