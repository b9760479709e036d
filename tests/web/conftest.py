"""A browser, and a server of the page, for the tests beside."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright

from anymask.engine.page import STATIC, page_app
from anymask.engine.sample import SamplePicture, sample_picture
from anymask.engine.server import listen, url_of

CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TIMEOUT_MS = 60_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page(viewport={"width": 1000, "height": 800})
    page.set_default_timeout(TIMEOUT_MS)
    yield page
    page.close()


@contextmanager
def serving_page(model: Path, sample: SamplePicture) -> Iterator[str]:
    listening = listen("127.0.0.1", 0)
    app = page_app(STATIC, model, sample)
    server = uvicorn.Server(uvicorn.Config(app, log_level="error", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield url_of(listening)
    finally:
        server.should_exit = True
        thread.join()
        listening.close()


@pytest.fixture(scope="module")
def served() -> Iterator[Callable[..., str]]:
    """Serve the built page with a model, as `anymask web` does; its address."""
    if not (STATIC / "index.html").is_file():
        pytest.fail("the page is not built: make web")
    with ExitStack() as stack:
        yield lambda model, sample=None: stack.enter_context(
            serving_page(model, sample or sample_picture())
        )
