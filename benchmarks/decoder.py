"""A click on onnxruntime: exports of ours against the decoder graph that the npm package carries.

    .venv/bin/python benchmarks/decoder.py [--rounds 5] [--write]

From a point and an embedding to a mask of the image, 1024×683: decode, upsample, threshold; the
median of 50 clicks. The sides take turns, each in a process of its own, and a figure is the median
over the rounds. The peer gives one mask a click, upsampled in its graph; ours is timed for one and
for three. ``--write`` keeps the table in ``benchmarks/results/``.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from anymask.core.prompts import Prompts
from anymask.predict.onnx_runtime import OnnxSegmenter
from anymask.weights.graph_pair import GraphPair, find_graph_pair

from machine import describe
from timing import in_own_process, measure

HERE = Path(__file__).resolve().parent
THREADS, CLICKS = 2, 50
IMAGE_HW, CLICK_XY = (683, 1024), (284, 213)
DTYPES = ("float32", "float16", "int8")
PEER = "npm package"


def click(side: str, exports: Path) -> Callable[[], Any]:
    """Set one side up; the function it gives answers one click."""
    dtype, _, masks = side.partition(", ")
    sam = OnnxSegmenter(_pair(dtype, exports), threads=THREADS)
    embedding = sam.encode(np.random.default_rng(0).integers(0, 256, (*IMAGE_HW, 3), np.uint8))
    prompts = Prompts.point(*CLICK_XY)
    if dtype == PEER:
        arrays = sam.collate([embedding], [prompts])
        rows = np.arange(1)
        return lambda: sam.decode(embedding, arrays, rows, ["masks", "iou_predictions"])[0] > 0
    if masks == "1 mask":
        return lambda: sam.predict(embedding, prompts).best().to_bool()
    return lambda: sam.predict(embedding, prompts).to_bool()


def _pair(dtype: str, exports: Path) -> GraphPair:
    pair = find_graph_pair("mobile-sam" if dtype == PEER else exports / dtype, offline=True)
    assert pair is not None
    return pair


def export_all(folder: Path) -> None:
    """The default weights in every kind of numbers."""
    from anymask.export.onnx import trace
    from anymask.weights.load import load_checkpoint

    traced = trace(load_checkpoint("mobile-sam", offline=True))
    for dtype in DTYPES:
        traced.write(folder / dtype, dtype=dtype)


def table(exports: Path, rounds: int) -> str:
    """A row for each side."""
    sides = [PEER, *(f"{dtype}, {count}" for dtype in DTYPES for count in ("1 mask", "3 masks"))]
    times: dict[str, list[dict[str, float]]] = {side: [] for side in sides}
    for _ in range(rounds):
        for side, results in times.items():
            results.append(in_own_process(__file__, "--side", side, "--exports", str(exports)))
    rows = ["| side | MB | click, ms | peer / ours (wanted) | CPU ms |", "|---|---|---|---|---|"]
    for side in sides:
        pair = _pair(side.partition(", ")[0], exports)
        files = (pair.encoder, pair.prepare, pair.decoder)
        size = sum(path.stat().st_size for path in files if path is not None) / 1e6
        wall, cpu = (
            1e3 * statistics.median(run[key] for run in times[side]) for key in ("wall_s", "cpu_s")
        )
        ratio = statistics.median(
            peer["wall_s"] / run["wall_s"] for peer, run in zip(times[PEER], times[side])
        )
        shown = "" if side == PEER else f"**{ratio:.2f}** (≥ 1.5)"
        rows.append(f"| {side} | {size:.1f} | {wall:.1f} | {shown} | {cpu:.1f} |")
    return "\n".join(rows)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--exports", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(measure(click(arguments.side, arguments.exports), CLICKS)))
        return
    with tempfile.TemporaryDirectory() as folder:
        exports = arguments.exports or Path(folder)
        if arguments.exports is None:
            export_all(exports)
        rows = table(exports, arguments.rounds)
    day = time.strftime("%Y-%m-%d")
    command = f"benchmarks/decoder.py --rounds {arguments.rounds} --write"
    text = f"# A click on onnxruntime, {day}\n\n`{command}`\n\n{describe(THREADS)}\n\n{rows}\n"
    print(text)
    if arguments.write:
        (HERE / "results" / f"{day}-decoder.md").write_text(text)


if __name__ == "__main__":
    main()
