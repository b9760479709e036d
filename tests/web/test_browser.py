"""The browser's segmenter in a real Chromium: the masks that Python gives, and visible errors."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import skimage
from playwright.sync_api import Browser, Page, expect, sync_playwright

import anymask
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import ResizeMap
from anymask.core.prompts import Prompts

DIST = Path(__file__).resolve().parents[2] / "web" / "dist"
CHROMIUM = os.environ.get("CHROMIUM") or shutil.which("chromium") or "chromium"
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHOTOGRAPH = Path(skimage.__file__).parent / "data" / "astronaut.png"
TIMEOUT_MS = 60_000
Exporter = Callable[[str, str], Path]


class Isolated(SimpleHTTPRequestHandler):
    """Serves a folder with the headers that threads need."""

    headers_sent: tuple[tuple[str, str], ...] = (
        ("Cross-Origin-Opener-Policy", "same-origin"),
        ("Cross-Origin-Embedder-Policy", "require-corp"),
    )
    extensions_map = {**SimpleHTTPRequestHandler.extensions_map, ".mjs": "text/javascript"}  # noqa: RUF012

    def end_headers(self) -> None:
        """Every answer has them."""
        for header in self.headers_sent:
            self.send_header(*header)
        super().end_headers()

    def log_message(self, *arguments: Any) -> None:
        """Nothing on stderr."""


class Plain(Isolated):
    """Serves a folder as a server does that nobody told of threads."""

    headers_sent = ()


@contextmanager
def serving(folder: Path, handler: type[Isolated] = Isolated) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(handler, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, exported: Exporter) -> Path:
    """The built page with models and pictures beside it."""
    if not DIST.is_dir():
        pytest.fail("web/dist is not built: make web")
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(DIST, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("models"))
    (folder / "models").mkdir()
    (folder / "models" / "tiny").symlink_to(exported("tiny", "float32"))
    shutil.copy(PHOTOGRAPH, folder / "photograph.png")
    return folder


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with serving(site) as address:
        yield address


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


# Answers prompts about one picture in the page; masks come back as base64.
ASK = """
async ({ model, prompts, embedding, threads }) => {
  const { Segmenter } = window.anymask;
  const sam = await Segmenter.load(model, { threads, executionProviders: ["wasm"] });
  const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer;
  const text = (bytes) => {
    let all = "";
    for (let i = 0; i < bytes.length; i += 32768) {
      all += String.fromCharCode(...bytes.subarray(i, i + 32768));
    }
    return btoa(all);
  };
  const seen = embedding
    ? await sam.receive(bytes(embedding))
    : await sam.encode(await (await fetch("photograph.png")).blob());
  const answers = [];
  let previous;
  for (const { refine, ...asked } of prompts) {
    if (refine) asked.mask = previous;
    const { masks } = await sam.predict(seen, asked);
    previous = masks[0].logits;
    answers.push(
      masks.map((m) => ({
        pixels: text(m.pixels), width: m.width, height: m.height, area: m.area, box: m.box,
        predictedIou: m.predictedIou,
      })),
    );
  }
  const state = { backend: sam.backend, threads: sam.threads, notes: sam.notes };
  sam.close();
  return { answers, ...state };
}
"""
ASKED: list[tuple[dict[str, Any], Prompts]] = [
    ({"points": [{"x": 220, "y": 100}]}, Prompts.point(220, 100)),
    (
        {"points": [{"x": 220, "y": 100}, {"x": 400, "y": 60, "label": 0}]},
        Prompts.of_points([[220, 100], [400, 60]], [1, 0]),
    ),
    ({"box": [80, 5, 400, 505]}, Prompts.box(80, 5, 400, 505)),
    (
        {"box": [80, 5, 400, 505], "points": [{"x": 230, "y": 300}]},
        Prompts.box(80, 5, 400, 505).with_points([[230, 300]]),
    ),
    ({"points": [{"x": 230, "y": 300}], "refine": True}, Prompts.point(230, 300)),
]


def pixels_of(mask: dict[str, Any]) -> npt.NDArray[np.bool_]:
    flat = np.frombuffer(base64.b64decode(mask["pixels"]), np.uint8)
    return flat.reshape(mask["height"], mask["width"]) > 0


def compare(answers: list[list[dict[str, Any]]], embedding: ImageEmbedding, sam: Any) -> float:
    """The least IoU of the browser's masks with Python's; the scores are compared, too."""
    least, previous = 1.0, np.zeros((1, 256, 256), np.float32)
    for found, (question, prompts) in zip(answers, ASKED):
        asked = prompts.with_masks(previous) if question.get("refine") else prompts
        expected = sam.predict(embedding, asked)
        previous = expected.best().logits[:, 0]
        assert len(found) == expected.predicted_iou.shape[1]
        for column, mask in enumerate(found):
            one, other = pixels_of(mask), expected.to_bool()[0, column]
            least = min(least, (one & other).sum() / max((one | other).sum(), 1))
            assert mask["area"] == one.sum()
            assert mask["predictedIou"] == pytest.approx(
                float(expected.predicted_iou[0, column]), abs=0.01
            )
    return least


@pytest.mark.weights
@pytest.mark.parametrize("encoded_in", ["python", "browser"])
def test_masks_of_a_photograph_are_those_of_python(
    site: Path, address: str, page: Page, exported: Exporter, encoded_in: str
) -> None:
    model = site / "models" / "mobile-sam"
    if not model.exists():
        model.symlink_to(exported("mobile-sam", "float16"))
    sam = anymask.load(exported("mobile-sam", "float16"))
    embedding = sam.encode(PHOTOGRAPH)
    sent = base64.b64encode(embedding.to_bytes()).decode() if encoded_in == "python" else None
    page.goto(f"{address}/test.html")
    settings = {"model": "./models/mobile-sam/", "prompts": [q for q, _ in ASKED]}
    result = page.evaluate(ASK, {**settings, "embedding": sent, "threads": 2})
    assert result["backend"] == "wasm"
    assert result["threads"] == 2
    assert compare(result["answers"], embedding, sam) >= 0.99


def test_without_the_headers_one_thread_does_it_and_says_so(site: Path, page: Page) -> None:
    with serving(site, Plain) as address:
        page.goto(f"{address}/test.html")
        asked = {"model": "./models/tiny/", "prompts": [{"points": [{"x": 9, "y": 9}]}]}
        result = page.evaluate(ASK, {**asked, "embedding": None, "threads": 2})
    assert result["threads"] == 1
    assert "not cross-origin isolated" in json.dumps(result["notes"])


# --- the demo page


@pytest.fixture
def demo(address: str, page: Page) -> Callable[..., Page]:
    """Open the demo with a model, a picture and, if so, an embedding."""

    def visit(model: str, embedding: str = "") -> Page:
        more = f"&embedding={embedding}" if embedding else ""
        page.goto(f"{address}/index.html?image=photograph.png&model=./models/{model}/{more}")
        return page

    return visit


def test_a_click_on_the_demo_shows_three_masks_and_a_box_one(demo: Callable[..., Page]) -> None:
    page = demo("tiny")
    status = page.get_by_role("status")
    expect(status).to_contain_text("Ready", timeout=TIMEOUT_MS)
    picture = page.locator("#overlay")
    picture.click(position={"x": 60, "y": 60})
    expect(page.locator("#choices button")).to_have_count(3)
    expect(page.locator("#choices button").first).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("2")
    expect(page.locator("#choices button").nth(1)).to_have_attribute("aria-pressed", "true")
    page.keyboard.press("Escape")
    expect(page.locator("#choices button")).to_have_count(0)
    corner = picture.bounding_box()
    assert corner is not None
    page.mouse.move(corner["x"] + 20, corner["y"] + 20)
    page.mouse.down()
    page.mouse.move(corner["x"] + 200, corner["y"] + 150, steps=4)
    page.mouse.up()
    expect(page.locator("#choices button")).to_have_count(1)
    expect(status).to_contain_text("ms")
    expect(page.get_by_role("alert")).to_be_hidden()


def spoilt(site: Path, name: str, spoil: Callable[[Path], object]) -> str:
    """A copy of the tiny model with something wrong; its name."""
    folder = site / "models" / name
    if not folder.exists():
        shutil.copytree(site / "models" / "tiny", folder)
        spoil(folder)
    return name


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def rename(path: Path) -> None:
    header = json.loads(path.read_text())
    path.write_text(json.dumps(header | {"anymask_export": 99}))


@pytest.mark.parametrize(
    ("name", "spoil", "message"),
    [
        ("damaged", lambda folder: flip(folder / "encoder.onnx"), r"encoder\.onnx.*sha256"),
        ("incomplete", lambda folder: (folder / "click.onnx").unlink(), r"click\.onnx"),
        ("newer", lambda folder: rename(folder / "export.json"), "newer"),
        ("no-export", lambda folder: (folder / "export.json").unlink(), r"export\.json"),
        ("no-json", lambda folder: (folder / "export.json").write_text("{"), r"export\.json"),
    ],
)
def test_what_is_wrong_with_a_model_is_seen_on_the_page(
    site: Path,
    demo: Callable[..., Page],
    name: str,
    spoil: Callable[[Path], object],
    message: str,
) -> None:
    page = demo(spoilt(site, name, spoil))
    expect(page.get_by_role("alert")).to_contain_text(re.compile(message), timeout=TIMEOUT_MS)


def embedded(model: str, shape: tuple[int, ...] = (256, 8, 8)) -> bytes:
    array = np.zeros(shape, np.float32)
    resize_map = ResizeMap((512, 512), 128)
    return ImageEmbedding({"image_embed": array}, resize_map, model).to_bytes()


@pytest.mark.parametrize(
    ("content", "messages"),
    [
        (embedded("other@1111111111111111"), ["other@1111111111111111", "tiny@0000000000000000"]),
        (embedded("tiny@0000000000000000", (256, 4, 4)), ["image_embed"]),
        (embedded("tiny@0000000000000000")[:-9] + b"123456789", ["checksum"]),
        (b"<html>not found</html>", ["no image embedding"]),
    ],
)
def test_what_is_wrong_with_an_embedding_is_seen_on_the_page(
    site: Path, demo: Callable[..., Page], content: bytes, messages: list[str]
) -> None:
    (site / "embedding.bin").write_bytes(content)
    alert = demo("tiny", "embedding.bin").get_by_role("alert")
    for message in messages:
        expect(alert).to_contain_text(message, timeout=TIMEOUT_MS)
