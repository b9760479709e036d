"""What the annotation tool keeps in a real Chromium: killed, in two tabs, and from a plain host."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, Page, Playwright, Route, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.web.conftest import CHROMIUM, FLAGS, TIMEOUT_MS

DIST = Path(__file__).resolve().parents[2] / "web" / "dist"
SECURE, PLAIN = "https://document.test", "http://document.test"  # answered here, by no server

# A desk with image 1 open on it. A region is a rectangle.
OPEN = """
async (takeOver) => {
  const codec = {
    encode: ({ box }) => ({ size: [60, 80], counts: box.join() }),
    decode: ({ counts }) => ({ box: counts.split(",").map(Number), area: 1 }),
  };
  const project = { id: "a project", annotator: { id: 1, name: "Ada", role: "admin" } };
  window.desk ??= await tool.Desk.start(new tool.Client({ pausesMs: [] }), codec, project);
  window.region = (x) => ({ box: [x, x, x + 1, x + 1], area: 1 });
  const opened = await desk.open(1, takeOver);
  window.image = opened.image;
  return opened.hold.kind;
}
"""
ADD = "(x) => image.add({ region: region(x), source: 'brush' })"
PUSH = """
(x) => image.draft.push({
  maskId: null, points: [{ x, y: 1, label: 1 }], box: null, chosen: null, segmentation: null,
  logits: Float32Array.of(x), predictedIou: null, source: "model", labelId: null, group: null,
  effort: tool.NO_EFFORT,
})
"""
LEFT = "() => image.value.masks.map(({ version }) => version.bbox[0])"
SAVED = "(kind) => desk.saved.value.kind === kind"


class Server:
    """One image, as the server of the tool would keep it; ``is_down``: it takes no actions."""

    def __init__(self) -> None:
        self.is_down = False
        self.log: list[dict[str, Any]] = []
        self.masks: dict[str, Any] = {}
        self.leases = 0

    def answer(self, route: Route) -> None:
        """Answer the page's files and its HTTP."""
        path = urlsplit(route.request.url).path
        if not path.startswith("/api/"):
            route.fulfill(path=DIST / path.lstrip("/"))
        elif path.endswith("/actions"):
            self._act(route)
        elif path.endswith("/lease"):
            self.leases += self._sent(route)["token"] != str(self.leases)  # else it is renewed
            lease = {"token": str(self.leases), "expires_at": "", "revision": len(self.log)}
            route.fulfill(json=lease)
        else:
            route.fulfill(json=self._document())

    @staticmethod
    def _sent(route: Route) -> Any:
        return json.loads(route.request.post_data or "")

    def _document(self) -> dict[str, Any]:
        masks = [{"id": name, "version": version} for name, version in self.masks.items()]
        facts = {"id": 1, "name": "a.jpg", "state": "new", "revision": len(self.log)}
        return {**facts, "masks": masks, "log": self.log, "notes": []}

    def _act(self, route: Route) -> None:
        if self.is_down:
            route.abort()
            return
        body = self._sent(route)
        if body["token"] != str(self.leases):
            error = {"error": "another page holds it", "kind": "lease", "lease": None}
            route.fulfill(status=409, json=error)
            return
        known = {entry["id"] for entry in self.log}
        for action in body["actions"]:
            if action["id"] in known:
                continue
            for change in action["changes"]:
                self.masks[change["mask_id"]] = change["after"]
            self.log.append({**action, "number": len(self.log) + 1, "changes": []})
        route.fulfill(json={"revision": len(self.log), "applied": []})


@pytest.fixture
def server() -> Server:
    if not (DIST / "test-document.html").is_file():
        pytest.fail("web/dist is not built: make web")
    return Server()


@pytest.fixture
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as playwright:
        yield playwright


@contextmanager
def chromium(playwright: Playwright, folder: Path, server: Server) -> Iterator[BrowserContext]:
    """A browser that keeps what it keeps in a folder."""
    context = playwright.chromium.launch_persistent_context(
        folder, executable_path=CHROMIUM, args=list(FLAGS)
    )
    context.set_default_timeout(TIMEOUT_MS)
    context.route("**/*", server.answer)
    yield context
    context.close()


def tab(context: BrowserContext, address: str = SECURE) -> Page:
    page = context.new_page()
    page.goto(f"{address}/test-document.html")
    page.wait_for_function("window.tool !== undefined")
    return page


def kill(page: Page) -> None:
    """End the browser's process at once; nobody is asked."""
    with pytest.raises(PlaywrightError):
        page.context.new_cdp_session(page).send("Browser.crash")


def test_a_killed_browser_has_lost_nothing(
    playwright: Playwright, tmp_path: Path, server: Server
) -> None:
    server.is_down = True
    with chromium(playwright, tmp_path, server) as context:
        page = tab(context)
        assert page.evaluate(OPEN) == "held"
        for x in (1, 2, 3):
            page.evaluate(ADD, x)
        page.evaluate(PUSH, 7)
        page.evaluate(PUSH, 8)
        page.wait_for_function(SAVED, arg="offline")
        assert page.evaluate("desk.saved.value.isKept")
        kill(page)
    server.is_down = False
    with chromium(playwright, tmp_path, server) as context:
        page = tab(context)
        assert page.evaluate(OPEN) == "held"
        assert page.evaluate(LEFT) == [1, 2, 3]
        assert page.evaluate("image.draft.value.step.points[0].x") == 8
        assert page.evaluate("image.draft.undo() && image.draft.value.step.logits[0]") == 7
        page.wait_for_function(SAVED, arg="saved")
        assert [version["bbox"][0] for version in server.masks.values()] == [1, 2, 3]
        page.reload()
        page.wait_for_function("window.tool !== undefined")
        assert page.evaluate(OPEN) == "held"
        page.evaluate("desk.retry()")
        assert page.evaluate(LEFT) == [1, 2, 3]
        assert len(server.log) == 3


def test_two_tabs_do_not_work_on_one_image(
    playwright: Playwright, tmp_path: Path, server: Server
) -> None:
    with chromium(playwright, tmp_path, server) as context:
        first, second = tab(context), tab(context)
        assert first.evaluate(OPEN) == "held"
        assert second.evaluate(OPEN) == "another tab"
        assert second.evaluate("image.isReadOnly")
        server.is_down = True
        first.evaluate(ADD, 1)
        first.evaluate(PUSH, 7)
        first.wait_for_function(SAVED, arg="offline")
        server.is_down = False
        assert second.evaluate(OPEN, True) == "held"
        assert second.evaluate("image.draft.value.step.points[0].x") == 7
        first.wait_for_function(SAVED, arg="lease lost")
        with pytest.raises(PlaywrightError, match="only shown"):
            first.evaluate(ADD, 3)
        first.evaluate("image.draft.discard()")  # it is the other's now
        second.evaluate(ADD, 2)
        second.wait_for_function(SAVED, arg="saved")
        assert len(server.log) == 2
        second.close()
        deadline = time.monotonic() + 10  # a closed tab's locks go a moment later
        while (hold := first.evaluate(OPEN)) != "held":
            assert (hold, time.monotonic() < deadline) == ("another tab", True)
            time.sleep(0.05)
        first.wait_for_function(SAVED, arg="saved")
        assert first.evaluate(LEFT) == [1, 2]
        assert first.evaluate("image.draft.value.step.points[0].x") == 7
        assert len(server.log) == 2


def test_a_plain_http_host_has_no_locks_and_works_all_the_same(
    playwright: Playwright, tmp_path: Path, server: Server
) -> None:
    with chromium(playwright, tmp_path, server) as context:
        first, second = tab(context, PLAIN), tab(context, PLAIN)
        assert first.evaluate("navigator.locks === undefined && !isSecureContext")
        assert first.evaluate(OPEN) == "held"
        assert second.evaluate(OPEN) == "held"  # the newest page of an annotator has it
        first.evaluate(ADD, 1)
        first.wait_for_function(SAVED, arg="lease lost")
        second.evaluate(ADD, 2)
        second.wait_for_function(SAVED, arg="saved")
        assert [version["bbox"][0] for version in server.masks.values()] == [2]
