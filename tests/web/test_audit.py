"""An image that is audited, as an annotator sees it: what to do is said, until it is done."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from anymask.core import rle
from anymask.engine.model.suggestion import suggestion
from anymask.engine.stages.auditing import report, start
from anymask.engine.stages.automatic import Added, Pass, put_masks
from anymask.engine.stages.searching import Found
from anymask.engine.store.automation.audits import last_audit
from anymask.engine.store.images import image_summary
from anymask.engine.store.store import Store
from tests.web.team import HEIGHT, HOUSE, SUN, TREE, WIDTH, Team, saved, serving_team

pytestmark = [pytest.mark.slow, pytest.mark.data, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("audited")


@pytest.fixture(scope="module")
def team(scratch: Path, browser: Browser, mobile_sam: object) -> Iterator[Team]:
    with serving_team(scratch, browser) as running:
        yield running


def store_of(scratch: Path) -> Store:
    return Store.open(scratch / "drawings" / ".anymask" / "store.sqlite")


def begin_audit(scratch: Path, image_id: int) -> None:
    """As `anymask engine automatic` and `audit start`, while the tool runs."""
    found = []
    for thing in (HOUSE, TREE, SUN):
        mask = np.zeros((HEIGHT, WIDTH), np.uint8)
        cv2.circle(mask, thing, 50, 1, -1)
        one = suggestion(rle.encode(mask.astype(bool)), 0.9, 0.95)
        assert one is not None
        found.append(one)
    with store_of(scratch) as store:
        seen = store.read(image_summary, image_id)
        added = put_masks(store, seen, Found((HEIGHT, WIDTH), found), Pass("m", "m 1"))
        assert added == Added(added=3)
        assert start(store, 1, 0).masks == 3


def test_what_is_to_be_corrected_is_said_until_it_is_done(team: Team, scratch: Path) -> None:
    begin_audit(scratch, 1)
    with team.at("Ada", 1) as page:
        expect(page.locator("header .state")).to_have_text("audit")
        expect(page.locator(".side")).to_contain_text("delete what is no object")
        expect(page.locator(".row")).to_have_count(3)
        expect(page.get_by_role("button", name="Nothing to undo")).to_be_disabled()
        page.locator(".row").first.click()
        page.keyboard.press("Delete")
        expect(page.locator(".row")).to_have_count(2)
        page.keyboard.press("Control+z")
        expect(page.locator(".row")).to_have_count(3)
        page.keyboard.press("Control+z")
        expect(page.locator(".row")).to_have_count(3)  # nobody undoes what the engine did
        page.keyboard.press("Control+Shift+z")
        expect(page.locator(".row")).to_have_count(2)
        page.get_by_role("button", name="Done").click()
        expect(page.locator("header .name")).not_to_have_text("1.png")
        saved(page)
    with store_of(scratch) as store:
        audit = store.read(last_audit)
        assert audit is not None
        figures = report(store, audit, lambda values, images: None, 0.9)
    assert (figures["images"], figures["pairs"], figures["mean_iou"]) == (1, 2, 1.0)
