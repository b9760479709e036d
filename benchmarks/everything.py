"""Everything in an image: ours against the official generator, the fast mode, and memory.

    .venv/bin/python benchmarks/everything.py PHOTOGRAPH... [--paired 2] [--write]
    .venv/bin/python benchmarks/everything.py PHOTOGRAPH... --only fast --earlier CHECKOUT \
        [--exact FOLDER] [--write]

Each measurement is a process of its own that warms up with one encode; ours and the peer's take
turns. Same weights, same settings, 1,024 points. ``--write`` keeps the tables in
``benchmarks/results/``. The first ``--paired`` photographs are given to the official generator too,
which takes minutes for each. With ``--earlier`` the fast mode is held against that of an earlier
checkout, the two in turn; ``--exact`` keeps the exact mode's masks, so that they are made once.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from machine import describe

HERE = Path(__file__).resolve().parent
THREADS = 2
MATCH_IOU, RECALL_IOUS = 0.97, (0.5, 0.75, 0.9)


def run_side(side: str, photograph: str, out: Path) -> dict[str, float]:
    """Segment everything in this process; the records go to ``out``, the costs are returned."""
    import anymask

    torch.set_num_threads(THREADS)
    dtype = {"official": "float32", "float32": "float32"}.get(side, "auto")
    sam = anymask.load(device="cpu", dtype=dtype, offline=True)
    image = _image(photograph)
    sam.encode(image[:64, :64])
    work: Callable[[], Any]
    if side == "official":
        from official import build_generator

        generator = build_generator(sam)
        work = lambda: generator.generate(image)  # noqa: E731
    else:
        config = anymask.AutomaticConfig(fast=side == "fast")
        work = lambda: anymask.segment_everything(sam, image, config)  # noqa: E731
    wall, cpu = time.perf_counter(), time.process_time()
    records = work()
    costs = {"wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
    out.write_text(json.dumps([record["segmentation"] for record in records]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {**costs, "peak_mb": peak, "masks": len(records)}


def _image(photograph: str) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """The pixels of ``PATH``, or of ``PATH@WIDTHxHEIGHT`` resized."""
    from PIL import Image

    from anymask.core.image import read_image

    path, _, size = photograph.partition("@")
    pixels = read_image(path)
    if not size:
        return pixels
    width, height = (int(side) for side in size.split("x"))
    return np.array(Image.fromarray(pixels).resize((width, height)))


def in_own_process(
    side: str, photograph: str, checkout: Path = HERE.parent
) -> tuple[dict[str, float], list[Any]]:
    """``run_side`` of a checkout in a fresh process: costs and masks."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "masks.json"
        script = str(checkout / "benchmarks" / "everything.py")
        command = [sys.executable, script, photograph, "--side", side, "--out", str(out)]
        environment = {**os.environ, "PYTHONPATH": str(checkout)}
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=True, timeout=3000
        )
        return json.loads(done.stdout.splitlines()[-1]), json.loads(out.read_text())


def recall(truth: list[Any], masks: list[Any], threshold: float) -> float:
    """The share of true masks that one of the masks overlaps by at least an IoU."""
    from anymask.core import rle

    overlap = rle.iou(truth, masks)
    return float((overlap.max(axis=1) >= threshold).mean()) if overlap.size else 0.0


def against_official(photographs: list[str], rounds: int) -> list[str]:
    """Point 2: a row for each photograph."""
    rows = [
        "| photograph | masks, official / ours | matched at IoU ≥ 0.97 | wall s, official / ours "
        "| CPU s | CPU ratio (≥ 6) | peak MB | memory ratio (≥ 4) |",
        "|---|---|---|---|---|---|---|---|",
    ]
    print("\n".join(rows), flush=True)
    for photograph in photographs:
        pairs = [
            (in_own_process("official", photograph), in_own_process("exact", photograph))
            for _ in range(rounds)
        ]
        (_, truth), (_, masks) = pairs[-1]
        costs = [(theirs[0], ours[0]) for theirs, ours in pairs]
        cells = [
            Path(photograph).name,
            f"{len(truth)} / {len(masks)}",
            f"{recall(truth, masks, MATCH_IOU):.1%}",
            _medians(costs, "wall_s", ".1f"),
            _medians(costs, "cpu_s", ".1f"),
            _ratio(costs, "cpu_s"),
            _medians(costs, "peak_mb", ".0f"),
            _ratio(costs, "peak_mb"),
        ]
        rows.append("| " + " | ".join(cells) + " |")
        print(rows[-1], flush=True)
    return rows


Pairs = list[tuple[dict[str, float], dict[str, float]]]


def _medians(costs: Pairs, key: str, form: str) -> str:
    sides = (statistics.median(pair[side][key] for pair in costs) for side in (0, 1))
    return " / ".join(format(value, form) for value in sides)


def _ratio(costs: Pairs, key: str) -> str:
    return f"**{statistics.median(theirs[key] / ours[key] for theirs, ours in costs):.1f}**"


def fast_against_exact(photographs: list[str]) -> list[str]:
    """Point 3: what the fast mode loses, and what it saves."""
    rows = [
        "| photograph | masks, exact / fast | recall at IoU ≥ 0.5 | ≥ 0.75 | ≥ 0.9 "
        "| CPU s, exact / fast | CPU share (≤ 0.25) | wall s | wall share |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    print("\n" + "\n".join(rows), flush=True)
    counts, recalls, costs = [], [], []
    for photograph in photographs:
        (exact, truth), (fast, masks) = (in_own_process(s, photograph) for s in ("exact", "fast"))
        counts.append([len(truth), len(masks)])
        recalls.append([recall(truth, masks, threshold) for threshold in RECALL_IOUS])
        costs.append([side[key] for key in ("cpu_s", "wall_s") for side in (exact, fast)])
        rows.append(_fast_row(Path(photograph).name, counts[-1], recalls[-1], costs[-1]))
        print(rows[-1], flush=True)
    weights = np.array(counts)[:, 0] / np.sum(counts, axis=0)[0]
    pooled = (weights[:, None] * np.array(recalls)).sum(axis=0).tolist()
    total = _fast_row(
        "**all**", np.sum(counts, axis=0).tolist(), pooled, np.sum(costs, axis=0).tolist()
    )
    print(total, flush=True)
    return [*rows, total]


def _fast_row(name: str, counts: list[int], recalls: list[float], costs: list[float]) -> str:
    cpu_exact, cpu_fast, wall_exact, wall_fast = costs
    cells = [
        name,
        f"{counts[0]} / {counts[1]}",
        *(f"{value:.1%}" for value in recalls),
        f"{cpu_exact:.1f} / {cpu_fast:.1f}",
        f"{cpu_fast / cpu_exact:.2f}",
        f"{wall_exact:.1f} / {wall_fast:.1f}",
        f"{wall_fast / wall_exact:.2f}",
    ]
    return "| " + " | ".join(cells) + " |"


def fast_against_earlier(photographs: list[str], earlier: Path, kept: Path | None) -> list[str]:
    """Point 3, against the fast mode of an earlier checkout."""
    rows = [
        "| photograph | masks, exact / before / now | recall at IoU ≥ 0.5, before / now | ≥ 0.75 "
        "| ≥ 0.9 | CPU s, before / now | ratio |",
        "|---|---|---|---|---|---|---|",
    ]
    print("\n" + "\n".join(rows), flush=True)
    found: list[dict[str, Any]] = []
    for photograph in photographs:
        truth = exact_masks(photograph, kept)
        before, of_before = in_own_process("fast", photograph, earlier)
        now, of_now = in_own_process("fast", photograph)
        found.append(
            {
                "counts": [len(truth), len(of_before), len(of_now)],
                "recalls": [
                    [recall(truth, masks, threshold) * len(truth) for masks in (of_before, of_now)]
                    for threshold in RECALL_IOUS
                ],
                "cpu_s": [before["cpu_s"], now["cpu_s"]],
            }
        )
        rows.append(_earlier_row(Path(photograph).name, found[-1:]))
        print(rows[-1], flush=True)
    rows.append(_earlier_row("**all**", found))
    print(rows[-1], flush=True)
    return rows


def exact_masks(photograph: str, kept: Path | None) -> list[Any]:
    """Of this checkout; kept: the folder of those that were made before."""
    file = None if kept is None else kept / f"{Path(photograph).name}.json"
    if file is not None and file.exists():
        return json.loads(file.read_text())  # type: ignore[no-any-return]
    masks = in_own_process("exact", photograph)[1]
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(masks))
    return masks


def _earlier_row(name: str, found: list[dict[str, Any]]) -> str:
    counts, recalls, cpu_s = (
        np.sum([one[key] for one in found], axis=0) for key in ("counts", "recalls", "cpu_s")
    )
    cells = [
        name,
        " / ".join(map(str, counts)),
        *(f"{before / counts[0]:.1%} / {now / counts[0]:.1%}" for before, now in recalls),
        f"{cpu_s[0]:.1f} / {cpu_s[1]:.1f}",
        f"**{cpu_s[1] / cpu_s[0]:.2f}**",
    ]
    return "| " + " | ".join(cells) + " |"


class Products(TorchDispatchMode):
    """Counts the multiplications of matrix products under it, by the type of their numbers."""

    SUMMED: ClassVar[dict[str, int]] = {  # which argument is the first factor
        "aten::mm": 0, "aten::bmm": 0, "mkldnn::_linear_pointwise": 0,
        "aten::addmm": 1, "aten::addmm_": 1, "aten::baddbmm": 1, "aten::baddbmm_": 1,
    }  # fmt: skip

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.counts: Counter[torch.dtype] = Counter()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = func._schema.name
        if name in self.SUMMED:
            a, b = args[self.SUMMED[name] : self.SUMMED[name] + 2]
            columns = b.shape[0] if name.startswith("mkldnn") else b.shape[-1]
            self.counts[a.dtype] += a.numel() * columns
        return func(*args, **(kwargs or {}))


def product_rate(dtype: torch.dtype) -> float:
    """Multiplications a second that one core reaches in a large matrix product."""
    a, b = (torch.randn(1024, 1024).to(dtype) for _ in range(2))
    rates = []
    for _ in range(20):
        before = time.process_time()
        a @ b
        rates.append(1024**3 / (time.process_time() - before))
    return statistics.median(rates)


def floor(photograph: str, cpu_s: float) -> str:
    """How far the whole is from the matrix products it contains, at a core's measured rates."""
    from anymask.predict.automatic import AutomaticConfig, point_grid
    from anymask.predict.predictor import load

    torch.set_num_threads(1)
    sam = load(device="cpu", offline=True)
    sam.model.mask_decoder.compiled = None  # the same products, where they can be counted
    embedding = sam.encode(_image(photograph))
    points = point_grid(32, embedding.image_hw)[::32]
    sam.shared(embedding)
    with Products() as products:
        for _ in sam.candidates(embedding, points, AutomaticConfig()):
            pass
    parts, seconds = [], 0.0
    for dtype, count in products.counts.items():
        rate = product_rate(dtype)
        seconds += count / len(points) * 1024 / rate
        name = str(dtype).removeprefix("torch.")
        parts.append(
            f"{count / len(points) / 1e9:.3f} GMAC in {name} ({2 * rate / 1e9:.0f} GFLOP/s)"
        )
    return (
        f"Decoding {Path(photograph).name} takes {' and '.join(parts)} a prompt; at these rates, "
        f"which one core reaches in a large matrix product, 1,024 prompts are {seconds:.1f} s: "
        f"{seconds / cpu_s:.0%} of the {cpu_s:.1f} CPU seconds of the whole (encoding, filters and "
        "run lengths included)."
    )


def large(photograph: str) -> str:
    """Point 4: peak memory of a very large photograph."""
    costs, masks = in_own_process("exact", photograph)
    return (
        f"{Path(photograph).name}: {len(masks)} masks, {costs['wall_s']:.0f} s, "
        f"{costs['cpu_s']:.0f} CPU s, peak **{costs['peak_mb'] / 1024:.2f} GiB** (< 4), "
        "the image itself included."
    )


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", nargs="+")
    parser.add_argument("--paired", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--large", default="12000x9000")
    parser.add_argument("--only", choices=["official", "fast", "floor", "memory"])
    parser.add_argument("--earlier", type=Path, help="a checkout, for --only fast")
    parser.add_argument("--exact", type=Path, help="where its masks are kept, with --earlier")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--side", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(run_side(arguments.side, arguments.photographs[0], arguments.out)))
        return
    os.environ["OMP_NUM_THREADS"] = str(THREADS)
    print(f"{describe(THREADS)}\n", flush=True)
    parts = list(measured(arguments))
    if arguments.write:
        day = time.strftime("%Y-%m-%d")
        names = " ".join(Path(photograph).name for photograph in arguments.photographs)
        only = f" --only {arguments.only}" if arguments.only else ""
        options = f"--paired {arguments.paired} --rounds {arguments.rounds}{only} --write"
        if arguments.earlier:
            commit = source_commit_of(arguments.earlier)
            options = f"--only fast --earlier CHECKOUT_OF_{commit} --exact FOLDER --write"
        head = [f"# Everything, {day}", f"`benchmarks/everything.py {names} {options}`"]
        text = "\n\n".join([*head, describe(THREADS), *parts])
        suffix = f"-{arguments.only}" if arguments.only else ""
        (HERE / "results" / f"{day}-everything{suffix}.md").write_text(text + "\n")


def measured(arguments: argparse.Namespace) -> Iterator[str]:
    """The parts of the result, each a heading and what it is about."""
    photographs, only = arguments.photographs, arguments.only
    if only in (None, "official"):
        rows = against_official(photographs[: arguments.paired], arguments.rounds)
        yield "## Against the official generator\n\nBoth sides use our image encoder."
        yield "\n".join(rows)
    if only in (None, "fast"):
        if arguments.earlier:
            rows = fast_against_earlier(photographs, arguments.earlier, arguments.exact)
            yield "## The fast mode, before and now\n\n" + "\n".join(rows)
        else:
            yield "## The fast mode\n\n" + "\n".join(fast_against_exact(photographs))
    if only in (None, "floor"):
        cpu_s = in_own_process("exact", photographs[0])[0]["cpu_s"]
        yield "## Distance from the floor\n\n" + _said(floor(photographs[0], cpu_s))
    if only in (None, "memory"):
        yield "## Memory\n\n" + _said(large(f"{photographs[0]}@{arguments.large}"))


def source_commit_of(checkout: Path) -> str:
    """The commit that a checkout is of."""
    command = ["git", "-C", str(checkout), "rev-parse", "--short=7", "HEAD"]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def _said(text: str) -> str:
    print(f"\n{text}", flush=True)
    return text


if __name__ == "__main__":
    main()
