"""A click and an encode in Chromium, on the processor, against graphs in onnxruntime-web.

    make web && .venv/bin/python benchmarks/browser.py PHOTOGRAPH [--rounds 5] [--write]

From a click on a photograph of 1024 pixels to the pixels of its masks: decode, upsample, threshold;
of 50 clicks, after as many to warm up. Ours is ``web/``'s segmenter, with an export of
``mobile-sam`` in float16: three masks a click; "correction" is a second click, with the mask of the
first. "By the graph" is the same export without what kernels of our own multiply by, as format 3.
The peer is the package's ``sam.onnx``, one mask a click, upsampled in the graph, in the same
onnxruntime-web: what the package's demo does at a click, whose page wants the network. The sides
take turns, each in a fresh page.

Encoding is all of it: a PNG to an image that is ready to be clicked on; kernels of our own against
the encoder's graph, which a page runs if an export has no ``encoder.safetensors``.
Processor time is that of all of Chromium's processes, for machines that do other things as well.
``--only`` does one half; ``--write`` keeps the tables in ``benchmarks/results/``.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from anymask.export.onnx import export_onnx
from anymask.weights.graph_pair import EXPORT_FILE, KERNEL_FILES, find_graph_pair
from anymask.weights.load import load_checkpoint

from machine import describe

HERE = Path(__file__).resolve().parent
WEB = HERE.parent / "web"
CLICKS, LONGEST_PX = 50, 1024
PARTS = ("click", "p95", "cpu", "decode", "upsample", "ratio", "correction", "correction_cpu")
FLAGS = ("--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")

TIMES = """
async ({ kind, first, clicks, width, height }) => {
  const times = [];
  for (let i = first; i < first + clicks; i++) {
    const x = width * (0.5 + 0.3 * Math.sin(i)), y = height * (0.5 + 0.3 * Math.cos(i));
    const start = performance.now();
    const parts = await window.kinds[kind](x, y);
    times.push({ click: performance.now() - start, ...parts });
  }
  const sorted = (name) => times.map((t) => t[name]).sort((a, b) => a - b);
  const middle = (name) => sorted(name)[times.length >> 1];
  const medians = Object.keys(times[0]).map((name) => [name, middle(name)]);
  const p95 = sorted("click")[Math.ceil(0.95 * times.length) - 1];
  return { ...Object.fromEntries(medians), p95 };
}
"""
OURS = """
async ({ model, threads }) => {
  const options = { threads, executionProviders: ["wasm"] };
  const sam = await window.anymask.Segmenter.load(model, options);
  const embedding = await sam.encode(await (await fetch("photograph.png")).blob());
  const click = async (x, y) => {
    const answer = await sam.predict(embedding, { points: [{ x, y }] });
    if (answer.masks.length !== 3) throw new Error("three masks are wanted");
    return { decode: answer.decodeMs, upsample: answer.upsampleMs };
  };
  const first = (await sam.predict(embedding, { points: [{ x: 500, y: 375 }] })).masks[0];
  const correction = async (x, y) => {
    const points = [{ x: 500, y: 375 }, { x, y, label: 0 }];
    await sam.predict(embedding, { points, mask: first.logits });
    return {};
  };
  window.kinds = { click, correction };
  return sam.threads;
}
"""
ENCODE = """
async ({ model, threads }) => {
  const options = { threads, executionProviders: ["wasm"] };
  const sam = await window.anymask.Segmenter.load(model, options);
  const photograph = await (await fetch("photograph.png")).blob();
  const encode = async () => {
    const start = performance.now();
    (await sam.encode(photograph)).close();
    return performance.now() - start;
  };
  window.encode = encode;
  return { threads: sam.threads, first: await encode(), second: await encode() };
}
"""
ENCODERS = {"kernels": "./models/ours/", "graph": "./models/graph/"}
PEER = """
async (settings) => {
  const ort = await import(new URL("./ort/ort.wasm.min.mjs", location.href));
  ort.env.wasm.numThreads = settings.threads;
  ort.env.wasm.wasmPaths = new URL("./ort/", location.href).href;
  const session = await ort.InferenceSession.create("./models/peer/sam.onnx");
  const tensor = (numbers, shape) => new ort.Tensor("float32", Float32Array.from(numbers), shape);
  const scale = 1024 / Math.max(settings.width, settings.height);
  const fixed = {
    image_embeddings: tensor(new Float32Array(256 * 64 * 64), [1, 256, 64, 64]),
    mask_input: tensor(new Float32Array(256 * 256), [1, 1, 256, 256]),
    has_mask_input: tensor([0], [1]),
    orig_im_size: tensor([settings.height, settings.width], [2]),
  };
  const click = async (x, y) => {
    const start = performance.now();
    const point_coords = tensor([x * scale, y * scale, 0, 0], [1, 2, 2]);
    const point_labels = tensor([1, -1], [1, 2]);
    const answer = await session.run({ ...fixed, point_coords, point_labels });
    const decode = performance.now() - start;
    const logits = answer.masks.data;
    const pixels = new Uint8Array(logits.length);
    for (let i = 0; i < logits.length; i++) pixels[i] = logits[i] > 0 ? 1 : 0;
    return { decode, upsample: performance.now() - start - decode };
  };
  window.kinds = { click };
  return ort.env.wasm.numThreads;
}
"""
SIDES = {
    "ours, 3 masks": (OURS, ENCODERS["kernels"]),
    "ours, by the graph": (OURS, ENCODERS["graph"]),
    "npm package, 1 mask": (PEER, ""),
}


def build_site(folder: Path, photograph: Path) -> dict[str, int]:
    """Put page, export, the peer's graph and photograph into a folder; gives its size in pixels."""
    shutil.copytree(WEB / "dist", folder, dirs_exist_ok=True)
    ort = WEB / "node_modules" / "onnxruntime-web" / "dist"
    shutil.copytree(ort, folder / "ort", ignore=shutil.ignore_patterns("*.map"))
    checkpoint = load_checkpoint("mobile-sam", offline=True)
    export_onnx(checkpoint, folder / "models" / "ours", dtype="float16")
    graph = folder / "models" / "graph"
    shutil.copytree(folder / "models" / "ours", graph)
    header = json.loads((graph / EXPORT_FILE).read_text())
    header["files"] = {k: v for k, v in header["files"].items() if k not in KERNEL_FILES}
    (graph / EXPORT_FILE).write_text(json.dumps(header))
    peer = find_graph_pair("mobile-sam", offline=True)
    assert peer is not None
    (folder / "models" / "peer").mkdir()
    shutil.copy(peer.decoder, folder / "models" / "peer" / "sam.onnx")
    image = Image.open(photograph).convert("RGB")
    image.thumbnail((LONGEST_PX, LONGEST_PX))
    image.save(folder / "photograph.png")
    return {"width": image.width, "height": image.height}


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Vite's preview server on loopback, with the headers that threads need."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = ["node_modules/.bin/vite", "preview", "--outDir", str(folder)]
    command += ["--host", "127.0.0.1", "--port", str(port), "--strictPort"]
    server = subprocess.Popen(command, cwd=WEB, stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            with socket.socket() as client:
                if client.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        server.terminate()
        server.wait(10)


def measure(
    browser: Browser, address: str, side: str, settings: dict[str, Any]
) -> dict[str, float]:
    """Medians of one side in a fresh page, in milliseconds; processor time is a mean."""
    page = browser.new_page()
    page.goto(f"{address}/test.html")
    page.wait_for_function("window.anymask")
    script, model = SIDES[side]
    if page.evaluate(script, {**settings, "model": model}) != settings["threads"]:
        raise SystemExit(f"{side} did not get {settings['threads']} threads")
    times: dict[str, float] = {}
    for kind in page.evaluate("Object.keys(window.kinds)"):
        asked = {**settings, "kind": kind}
        page.evaluate(TIMES, {**asked, "first": -CLICKS})
        before = chromium_cpu_ms()
        medians: dict[str, float] = page.evaluate(TIMES, {**asked, "first": 0})
        cpu = (chromium_cpu_ms() - before) / CLICKS
        is_click = kind == "click"
        times |= (
            medians | {"cpu": cpu} if is_click else {kind: medians["click"], f"{kind}_cpu": cpu}
        )
    page.close()
    return times


def chromium_cpu_ms() -> float:
    """The processor time of all processes that this one started, and theirs."""
    parents, times = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:  # it has just ended
            continue
        parents[int(stat.parent.name)] = int(fields[1])
        times[int(stat.parent.name)] = int(fields[11]) + int(fields[12])

    def is_ours(process: int) -> bool:
        while process > 1 and process != os.getpid():
            process = parents.get(process, 0)
        return process == os.getpid()

    del times[os.getpid()]
    ticks = sum(time for process, time in times.items() if is_ours(process))
    return 1000 * ticks / os.sysconf("SC_CLK_TCK")


def encoding(browser: Browser, address: str, rounds: int) -> str:
    """A row for each encoder and number of threads: medians of what its encodes take in turn."""
    rows = [
        "| encoder | threads | encode, ms | processor, ms | first encode, with the model, ms |",
        "|---|---|---|---|---|",
    ]
    for threads in (1, 2):
        pages, first = {}, {}
        for name, model in ENCODERS.items():
            pages[name] = browser.new_page()
            pages[name].goto(f"{address}/test.html")
            pages[name].wait_for_function("window.anymask")
            opened = pages[name].evaluate(ENCODE, {"model": model, "threads": threads})
            if opened["threads"] != threads:
                raise SystemExit(f"{name} did not get {threads} threads")
            first[name] = opened["first"]
        took: dict[str, list[tuple[float, float]]] = {name: [] for name in ENCODERS}
        for _ in range(rounds):
            for name, page in pages.items():
                before = chromium_cpu_ms()
                wall = page.evaluate("window.encode()")
                took[name].append((wall, chromium_cpu_ms() - before))
        for name, both in took.items():
            wall, cpu = (statistics.median(values) for values in zip(*both))
            rows.append(f"| {name} | {threads} | {wall:.0f} | {cpu:.0f} | {first[name]:.0f} |")
            print(rows[-1], flush=True)
            pages[name].close()
    return "\n".join(rows)


def table(browser: Browser, address: str, size: dict[str, int], rounds: int) -> str:
    """A row for each side and number of threads."""
    rows = [
        "| side | threads | click, ms | p95 | processor, ms | decoder | masks | ratio | correction "
        "| processor |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for threads in (1, 2):
        settings = {**size, "clicks": CLICKS, "threads": threads}
        times: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
        for _ in range(rounds):
            for side, results in times.items():
                results.append(measure(browser, address, side, settings))
        ours, *_, peer = times.values()
        ratio = statistics.median(b["click"] / a["click"] for a, b in zip(ours, peer))
        for side, results in times.items():
            is_ours = results is ours
            shown = {
                part: f"{statistics.median(medians[part] for medians in results):.1f}"
                for part in PARTS
                if part in results[0]
            }
            if is_ours and threads == 2:
                shown["click"] = f"**{shown['click']}** (≤ 35)"
                shown["p95"] = f"**{shown['p95']}** (≤ 80)"
            shown["ratio"] = f"**{ratio:.2f}** (≥ 1.5)" if is_ours else ""
            cells = [side, str(threads), *(shown.get(part, "") for part in PARTS)]
            rows.append(f"| {' | '.join(cells)} |")
            print(rows[-1], flush=True)
    return "\n".join(rows)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photograph", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=("click", "encode"))
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    chromium = os.environ.get("CHROMIUM") or shutil.which("chromium")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        size = build_site(Path(folder), arguments.photograph)
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        with serving(Path(folder)) as address:
            tables = []
            if arguments.only != "encode":
                tables.append(table(browser, address, size, arguments.rounds))
            if arguments.only != "click":
                tables.append(encoding(browser, address, arguments.rounds))
        version = browser.version
        browser.close()
    day = time.strftime("%Y-%m-%d")
    command = f"benchmarks/browser.py {arguments.photograph.name} --rounds {arguments.rounds}"
    command += f" --only {arguments.only}" if arguments.only else ""
    text = (
        f"# A click in the browser, {day}\n\n`{command} --write`\n\n"
        f"{describe(2)}; Chromium {version}\n\n"
        f"{size['width']}×{size['height']} pixels; milliseconds.\n\n" + "\n\n".join(tables) + "\n"
    )
    print(text)
    if arguments.write:
        part = f"-{arguments.only}" if arguments.only else ""
        (HERE / "results" / f"{day}-browser{part}.md").write_text(text)


if __name__ == "__main__":
    main()
