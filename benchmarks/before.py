"""This checkout against an earlier one: what a change did to latency, processor time and memory.

    .venv/bin/python benchmarks/before.py EARLIER_CHECKOUT PHOTOGRAPH... [--rounds N] [--write]

Our own sides of latency.py and everything.py, each in a fresh process, the two checkouts in turn.
A ratio is the median over the rounds of ours now to ours before: below one is faster, or smaller.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import tempfile
import time
from pathlib import Path

from machine import describe
from timing import in_own_process

HERE = Path(__file__).resolve().parent
THREADS, PHOTOGRAPH_ROUNDS = 2, 2
COSTS = {"wall_s": 1e3, "cpu_s": 1e3, "peak_mb": 1.0}
# The script, what it is asked for, and how often a process repeats it.
CLICKS = {
    "encode, TinyViT": ("encode_ours", 7),
    "encode, ViT-B": ("vit_b_ours", 1),
    "click": ("click_ours", 25),
    "click, three full-size masks": ("click_compat", 25),
}


def costs_of(checkout: Path, script: str, *arguments: str) -> dict[str, float]:
    """The last line that a benchmark of a checkout prints, run on that checkout's code."""
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OMP_NUM_THREADS": str(THREADS)}
    return in_own_process(
        str(checkout / "benchmarks" / script), *arguments, environment=environment
    )


def everything(checkout: Path, photograph: str, side: str) -> dict[str, float]:
    """What everything-mode costs in one photograph; ``masks`` is how many there are."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "masks.json"
        costs = costs_of(checkout, "everything.py", photograph, "--side", side, "--out", str(out))
        return {**costs, "masks": len(json.loads(out.read_text()))}


def row(what: str, now: list[dict[str, float]], before: list[dict[str, float]]) -> str:
    """Medians of both, and the medians of ratios."""
    cells = [what]
    for cost, scale in COSTS.items():
        for runs in (now, before):
            cells.append(f"{scale * statistics.median(run[cost] for run in runs):.0f}")
        ratio = statistics.median(a[cost] / b[cost] for a, b in zip(now, before))
        cells.append(f"**{ratio:.2f}**")
    masks = [runs[0]["masks"] for runs in (now, before) if "masks" in runs[0]]
    return "| " + " | ".join([*cells, " / ".join(f"{count:.0f}" for count in masks)]) + " |"


def main() -> None:
    """All of our sides."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("earlier", type=Path)
    parser.add_argument("photographs", nargs="*")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--write", action="store_true")
    options = parser.parse_args()
    checkouts = (HERE.parent, options.earlier.resolve())
    heads = [
        f"{cost}, {when}" for cost in ("wall ms", "CPU ms", "MB") for when in ("now", "before")
    ]
    heads = [head for i in (0, 2, 4) for head in (*heads[i : i + 2], "ratio")]
    rows = ["| what | " + " | ".join(heads) + " | masks |", "|---" * (len(heads) + 2) + "|"]
    print(f"{describe(THREADS)}\n\n" + "\n".join(rows), flush=True)
    for what, (side, repeats) in CLICKS.items():
        runs = [
            [
                costs_of(one, "latency.py", "--side", side, "--repeats", f"{repeats}")
                for one in checkouts
            ]
            for _ in range(options.rounds)
        ]
        rows.append(row(what, *map(list, zip(*runs))))
        print(rows[-1], flush=True)
    for photograph in options.photographs:
        for side in ("exact", "fast"):
            pairs = [
                [everything(one, photograph, side) for one in checkouts]
                for _ in range(PHOTOGRAPH_ROUNDS)
            ]
            name = f"everything in {Path(photograph).name}, {side}"
            rows.append(row(name, *map(list, zip(*pairs))))
            print(rows[-1], flush=True)
    if options.write:
        day = time.strftime("%Y-%m-%d")
        text = f"# Now and before, {day}\n\n{describe(THREADS)}\n\n" + "\n".join(rows) + "\n"
        (HERE / "results" / f"{day}-before.md").write_text(text)


if __name__ == "__main__":
    main()
