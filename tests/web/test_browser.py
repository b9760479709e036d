"""The browser's segmenter in a real Chromium: the masks that Python gives, and its errors."""

from __future__ import annotations

import base64
import json
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
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import Page

import anymask
from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import ResizeMap
from anymask.core.prompts import Prompts
from anymask.weights.graph_pair import (
    CLICK_FILE,
    DECODER_TENSORS_FILE,
    EXPORT_FILE,
    RUN_FILES,
)

DIST = Path(__file__).resolve().parents[2] / "web" / "dist"
PHOTOGRAPH = Path(skimage.__file__).parent / "data" / "astronaut.png"
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
    """The built library with models and pictures beside it."""
    if not DIST.is_dir():
        pytest.fail("web/dist is not built: make web")
    folder = tmp_path_factory.mktemp("site")
    shutil.copytree(DIST, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("models"))
    (folder / "models").mkdir()
    for model in ("tiny", "tiny-vit"):
        (folder / "models" / model).symlink_to(exported(model, "float32"))
        without_kernels(folder / "models" / model, folder / "models" / f"{model}-graphs")
    shutil.copy(PHOTOGRAPH, folder / "photograph.png")
    return folder


def without_kernels(export: Path, folder: Path) -> None:
    """The same export as an earlier version would have written it."""
    folder.mkdir()
    header = json.loads((export / EXPORT_FILE).read_text())
    header["files"] = {name: header["files"][name] for name in RUN_FILES}
    for name in RUN_FILES:
        (folder / name).symlink_to(export.resolve() / name)
    (folder / EXPORT_FILE).write_text(json.dumps(header | {"anymask_export": 3}))


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    with serving(site) as address:
        yield address


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
@pytest.mark.slow  # the export
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


@pytest.mark.parametrize("threads", [1, 2])
def test_kernels_of_our_own_do_it_all_as_python_does(
    address: str, page: Page, exported: Exporter, threads: int
) -> None:
    folder = exported("tiny-vit", "float32")
    sam, fetched = anymask.load(folder), set[str]()
    page.on("request", lambda request: fetched.add(request.url.split("?")[0].rpartition("/")[2]))
    page.goto(f"{address}/test.html")
    settings = {"model": "./models/tiny-vit/", "prompts": [q for q, _ in ASKED]}
    result = page.evaluate(ASK, {**settings, "embedding": None, "threads": threads})
    assert result["threads"] == threads
    assert fetched >= {"encoder.safetensors", "decoder.safetensors"}
    assert not [name for name in fetched if name.endswith(".onnx") or name.startswith("ort-")]
    assert compare(result["answers"], sam.encode(PHOTOGRAPH), sam) >= 0.99


# How far two models are from each other in logits and predicted IoUs, about one embedding.
COMPARE = """
async ({ models, prompts, embedding, threads }) => {
  const options = { threads, executionProviders: ["wasm"] };
  const load = (model) => window.anymask.Segmenter.load(`./models/${model}/`, options);
  const both = await Promise.all(models.map(load));
  const bytes = () => Uint8Array.from(atob(embedding), (c) => c.charCodeAt(0));
  const seen = await Promise.all(both.map((sam) => sam.receive(bytes())));
  const far = { logits: 0, predictedIou: 0, largest: 0, prompts: 0 };
  let previous;
  for (const { refine, ...asked } of prompts) {
    if (refine) asked.mask = previous;
    const ask = (multimaskOutput) =>
      Promise.all(both.map((sam, i) => sam.predict(seen[i], asked, { multimaskOutput })));
    for (const several of [true, false]) {
      const [ours, other] = (await ask(several)).map(({ masks }) => masks);
      for (const [i, mask] of ours.entries()) {
        const off = mask.logits.map((logit, j) => Math.abs(logit - other[i].logits[j]));
        far.logits = Math.max(far.logits, ...off);
        far.largest = Math.max(far.largest, ...mask.logits);
        const iou = Math.abs(mask.predictedIou - other[i].predictedIou);
        far.predictedIou = Math.max(far.predictedIou, iou);
      }
      previous = ours[0].logits;
    }
    far.prompts++;
  }
  for (const sam of both) sam.close();
  return far;
}
"""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("model", ["tiny", "tiny-vit"])
def test_kernels_of_our_own_answer_clicks_as_the_graph_does(
    address: str, page: Page, exported: Exporter, model: str, threads: int
) -> None:
    sam, fetched = anymask.load(exported(model, "float32")), list[str]()
    page.on("request", lambda request: fetched.append(request.url.split("?")[0]))
    page.goto(f"{address}/test.html")
    many = {"points": [{"x": 10 * i + 5, "y": 8 * i + 9, "label": i % 2} for i in range(40)]}
    settings = {
        "models": [model, f"{model}-graphs"],
        "prompts": [*(question for question, _ in ASKED), many],
        "embedding": base64.b64encode(sam.encode(PHOTOGRAPH).to_bytes()).decode(),
        "threads": threads,
    }
    far = page.evaluate(COMPARE, settings)
    assert far["prompts"] == len(ASKED) + 1
    assert far["largest"] > 0.1
    assert far["logits"] <= 1e-4
    assert far["predictedIou"] <= 1e-5
    folders = {url.rpartition("/")[2]: url.split("/")[-2] for url in fetched if "/models/" in url}
    assert folders[CLICK_FILE] == f"{model}-graphs"
    assert folders[DECODER_TENSORS_FILE] == model


def test_without_the_headers_one_thread_does_it_and_says_so(site: Path, page: Page) -> None:
    with serving(site, Plain) as address:
        page.goto(f"{address}/test.html")
        asked = {"model": "./models/tiny/", "prompts": [{"points": [{"x": 9, "y": 9}]}]}
        result = page.evaluate(ASK, {**asked, "embedding": None, "threads": 2})
    assert result["threads"] == 1
    assert "not cross-origin isolated" in json.dumps(result["notes"])


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
def test_what_is_wrong_with_an_embedding_is_said(
    address: str, page: Page, content: bytes, messages: list[str]
) -> None:
    page.goto(f"{address}/test.html")
    asked = {"model": "./models/tiny/", "prompts": [], "threads": 1}
    embedding = base64.b64encode(content).decode()
    with pytest.raises(PlaywrightError) as raised:
        page.evaluate(ASK, {**asked, "embedding": embedding})
    for message in messages:
        assert message in str(raised.value)
