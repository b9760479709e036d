"""Encode and click: latency, processor time and peak memory, ours against the peers.

    .venv/bin/python benchmarks/latency.py [--rounds 5] [--only encode,] [--threads 2] [--write]

Each measurement is a process of its own, which warms up and then repeats its work; ours and the
peer's take turns, so that a machine whose speed drifts treats both alike. A figure is the median
over the rounds of each process's median. ``--only`` takes the rows whose names begin so; with one
thread processor time is right beside other work, too. ``--write`` keeps the table in
``benchmarks/results/`` and, if it is the whole on two threads, puts it into README.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from machine import describe
from pages import show
from timing import in_own_process, measure

HERE = Path(__file__).resolve().parent
THREADS = int(os.environ.get("OMP_NUM_THREADS", "2"))
IMAGE_HW = (1200, 1800)
CLICK_XY = (500, 375)


@dataclass(frozen=True)
class Case:
    """Two ways to do one thing; ``wanted`` is the most that the ratio of times should be."""

    what: str
    ours: str
    peer: str
    peer_name: str
    repeats: int
    wanted: float


CASES = (
    Case("encode, TinyViT", "encode_ours", "encode_onnxruntime", "onnxruntime", 7, 1.0),
    Case("encode, ViT-B", "vit_b_ours", "vit_b_official", "segment-anything", 1, 1.0),
    Case("click", "click_ours", "click_official", "segment-anything", 25, 0.5),
    Case(
        "click, three full-size masks",
        "click_compat",
        "click_official",
        "segment-anything",
        25,
        0.5,
    ),
)


def prepare(name: str) -> Callable[[], Any]:
    """Set one side of a case up; the function it gives does the work once."""
    import torch

    torch.set_num_threads(THREADS)
    torch.manual_seed(0)
    return globals()[f"prepare_{name}"]()  # type: ignore[no-any-return]


def prepare_encode_ours() -> Callable[[], Any]:
    import torch

    from anymask.predict.predictor import load

    sam = load(device="cpu", offline=True)
    pixels = torch.zeros(1, 3, 683, 1024)
    return lambda: sam.embed_pixels(pixels)


def prepare_encode_onnxruntime() -> Callable[[], Any]:
    import onnxruntime

    from anymask.weights.fetch import fetch_row
    from anymask.weights.registry import DEFAULT, find

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    path = fetch_row(find(DEFAULT), offline=True)["encoder.onnx"]
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    pixels = np.zeros((1, 3, 1024, 1024), np.float32)
    return lambda: session.run(None, {"input": pixels})


def prepare_vit_b_ours() -> Callable[[], Any]:
    import torch

    from anymask.models.sam import SAM_VIT_B, Sam
    from anymask.predict.predictor import Predictor
    from anymask.weights.checkpoint import Checkpoint

    sam = Predictor(Checkpoint("random", SAM_VIT_B, Sam(SAM_VIT_B).state_dict()))
    pixels = torch.zeros(1, 3, 683, 1024)
    return lambda: sam.embed_pixels(pixels)


def prepare_vit_b_official() -> Callable[[], Any]:
    import torch

    from official import build

    sam = build("vit_b")
    pixels = torch.zeros(1, 3, 683, 1024)

    def encode() -> Any:
        with torch.inference_mode():
            return sam.image_encoder(sam.preprocess(pixels))

    return encode


def prepare_click_ours() -> Callable[[], Any]:
    import anymask

    sam = anymask.load(device="cpu", offline=True)
    embedding = sam.encode(_image())
    return lambda: sam.predict(embedding, anymask.Prompts.point(*CLICK_XY))


def prepare_click_compat() -> Callable[[], Any]:
    from anymask.compat import SamPredictor
    from anymask.predict.predictor import load

    predictor = SamPredictor(load(device="cpu", offline=True))
    predictor.set_image(_image())
    return lambda: predictor.predict(np.array([CLICK_XY]), np.array([1]))


def prepare_click_official() -> Callable[[], Any]:
    import torch

    from anymask.predict.predictor import load

    from official import build_predictor

    sam = load(device="cpu", dtype="float32", offline=True)
    embedding = sam.encode(_image())
    features = torch.from_numpy(embedding.arrays["image_embed"])[None]
    predictor = build_predictor(sam.model.state_dict(), features, IMAGE_HW)
    return lambda: predictor.predict(np.array([CLICK_XY]), np.array([1]))


def _image() -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (*IMAGE_HW, 3), dtype=np.uint8)


def compare(case: Case, rounds: int) -> str:
    """A row of the table: both sides in turn, medians over the rounds."""
    sides: dict[str, list[dict[str, float]]] = {case.ours: [], case.peer: []}
    for _ in range(rounds):
        for side, results in sides.items():
            results.append(in_own_process(__file__, "--side", side, "--repeats", str(case.repeats)))
    ours, peer = sides[case.ours], sides[case.peer]

    def cell(results: list[dict[str, float]], key: str, scale: float) -> str:
        return f"{scale * statistics.median(result[key] for result in results):.0f}"

    def ratio(key: str) -> float:
        return statistics.median(a[key] / b[key] for a, b in zip(ours, peer))

    cells = [
        case.what,
        case.peer_name,
        *(cell(r, "wall_s", 1e3) for r in (ours, peer)),
        f"**{ratio('wall_s'):.2f}** (≤ {case.wanted:g})",
        f"{ratio('cpu_s'):.2f}",
        *(cell(r, "cpu_s", 1e3) for r in (ours, peer)),
        *(cell(r, "peak_mb", 1) for r in (ours, peer)),
    ]
    return "| " + " | ".join(cells) + " |"


HEADER = (
    "| | peer | ours, ms | peer, ms | ratio (wanted) | of CPU time | ours, CPU ms | peer, CPU ms "
    "| ours, MB | peer, MB |\n|---|---|---|---|---|---|---|---|---|---|"
)


def write(table: str, rounds: int, only: str) -> None:
    """Keep the dated table, and show it in README if it is the whole."""
    day = time.strftime("%Y-%m-%d")
    command = f"benchmarks/latency.py --rounds {rounds} --threads {THREADS} --write"
    command += f' --only "{only}"' if only else ""
    text = f"# Latency, {day}\n\n`{command}`\n\n{describe(THREADS)}\n\n{table}\n"
    whole = not only and THREADS == 2
    name = f"{day}-latency" if whole else f"{day}-latency-{THREADS}-threads"
    (HERE / "results" / f"{name}.md").write_text(text)
    if whole:
        show(HERE.parent / "README.md", "latency", table)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--repeats", type=int, default=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(measure(prepare(arguments.side), arguments.repeats)))
        return
    global THREADS
    THREADS = arguments.threads
    os.environ["OMP_NUM_THREADS"] = str(THREADS)
    print(f"{describe(THREADS)}\n\n{HEADER}", flush=True)
    rows = []
    for case in CASES:
        if not case.what.startswith(arguments.only):
            continue
        rows.append(compare(case, arguments.rounds))
        print(rows[-1], flush=True)
    if arguments.write:
        write("\n".join([HEADER, *rows]), arguments.rounds, arguments.only)


if __name__ == "__main__":
    main()
