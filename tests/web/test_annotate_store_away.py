"""The page while the store is away: one works on, and all is saved when it is back."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from anymask.datasets.sample import Sample
from tests.engine.store.postgres import PostgresServer, programs
from tests.web.test_annotate import NAME, Tool, accept, answered, ready, sample, start

__all__ = ["sample"]
pytestmark = [pytest.mark.data, pytest.mark.slow, pytest.mark.timeout(600)]

BACK_WITHIN_MS = 30_000

Away = Callable[[], Callable[[], object]]  # takes the store away; what it gives brings it back


@pytest.fixture(params=["sqlite", "postgresql"])
def working(
    request: pytest.FixtureRequest, tmp_path: Path, sample: Sample, mobile_sam: object
) -> Iterator[tuple[Tool, Away]]:
    """A tool, and its store as something that can be taken away."""
    folder, kept = tmp_path / "photographs", tmp_path / "kept"
    for made in (folder, kept):
        made.mkdir()
    for name in (NAME, "z.jpg"):
        (folder / name).write_bytes(sample.content)
    with ExitStack() as stack:
        if request.param == "sqlite":
            option, where = "--store", str(kept / "work.sqlite")

            def away() -> Callable[[], object]:
                elsewhere = kept.rename(tmp_path / "elsewhere")
                return lambda: elsewhere.rename(kept)

        else:
            if programs() is None:
                pytest.skip("PostgreSQL is not here: install the package postgresql")
            short = stack.enter_context(tempfile.TemporaryDirectory(prefix="pg"))
            server = stack.enter_context(PostgresServer(Path(short)))
            server.execute("CREATE DATABASE work")
            option, where = "--database", server.address("work")

            def away() -> Callable[[], object]:
                server.stop()
                return server.start

        tool = start(folder, option, where)
        stack.callback(tool.process.wait)
        stack.callback(tool.process.kill)
        yield tool, away


def add_one(page: Page, count: int) -> None:
    """A mask where the cross is, which moves up."""
    page.keyboard.press("ArrowUp")
    page.keyboard.press("a")
    answered(page)
    page.keyboard.press("Enter")
    expect(page.locator(".row")).to_have_count(count)


def test_what_is_done_without_a_store_is_saved_when_it_is_back(
    working: tuple[Tool, Away], browser: Browser
) -> None:
    tool, away = working
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    page.goto(tool.address)
    ready(page)
    page.keyboard.press("a")
    answered(page)
    accept(tool, page, 1)
    back = away()
    banner = page.get_by_text("Nothing is saved just now")
    add_one(page, 2)
    expect(banner).to_be_visible()
    add_one(page, 3)
    expect(page.get_by_text("2 not saved yet")).to_be_visible()
    page.keyboard.press("Control+z")
    expect(page.locator(".row")).to_have_count(2)
    page.get_by_role("button", name="z.jpg").click()  # it can't be opened: this one stays open
    expect(page.get_by_role("alert")).to_have_count(2)
    expect(page.locator(".row")).to_have_count(2)
    back()
    expect(page.get_by_text("All saved")).to_be_visible(timeout=BACK_WITHIN_MS)
    expect(banner).to_have_count(0)
    assert len(tool.masks()) == 2
    assert tool.revision() == 4
    page.close()
