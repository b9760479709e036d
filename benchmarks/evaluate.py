"""Every experiment of `anymask evaluate` on the sets at hand, and the page of their results.

    .venv/bin/python benchmarks/evaluate.py DATA --out FOLDER [--write]

DATA: a folder with the sets, as the README of the project's development data names them. What is
done in FOLDER is not done again. The limits are such that all of it takes less than an hour on two
cores. ``--write``: results without their rows to benchmarks/results/, the page to docs/results.md.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from anymask.evaluation.report.origins import plain_command
from anymask.evaluation.result import read_result

HERE = Path(__file__).resolve().parent
WEIGHTS = "mobile-sam"
WORKERS = 2  # one a core


@dataclass(frozen=True)
class Run:
    """An evaluation: of which set, with which options."""

    experiment: str
    data: str
    options: tuple[str, ...] = ()
    note: str = ""

    @property
    def file(self) -> str:
        """Of its result."""
        return f"{self.experiment}-{self.data}{self.note}.json"


SUITE = (
    Run("points", "ecssd250", ("--limit", "150")),
    Run("points", "davis4", ("--limit", "80")),
    Run("points", "grabcut20", ("--images", "bsds500/images")),
    Run("points", "dsb60", ("--set", "masks_per_image=10")),
    Run("points", "coco446", ("--limit", "150", "--set", "masks_per_image=5")),
    Run("points", "ccp120", ("--limit", "80", "--split-regions", "--set", "masks_per_image=5")),
    Run("points", "camvid40", ("--split-regions", "--void", "11", "--set", "masks_per_image=10")),
    Run("clicks", "grabcut20", ("--images", "bsds500/images")),
    Run("clicks", "davis4", ("--limit", "80")),
    Run("proposals", "coco446", ("--limit", "40", "--set", "points_per_side=16")),
    Run("boxes", "coco446", ("--limit", "200")),
    Run("edges", "bsds500"),
    Run("edges", "bsds500", ("--limit", "50", "--set", "detector=canny"), "-canny"),
    Run("edges", "bsds500", ("--limit", "50", "--set", "detector=sobel"), "-sobel"),
)


def run(one: Run, data: Path, out: Path) -> float:
    """Seconds that an evaluation takes; 0 if it is done already."""
    file = out / one.file
    if file.exists():
        return 0.0
    start = time.perf_counter()
    options = [str(data / word) if word == "bsds500/images" else word for word in one.options]
    subprocess.run(
        [
            sys.executable, "-m", "anymask", "evaluate", one.experiment, "--weights", WEIGHTS,
            "--data", str(data / one.data), "--out", str(file), "--workers", str(WORKERS), *options,
        ],
        check=True,
    )  # fmt: skip
    return time.perf_counter() - start


def keep(out: Path) -> None:
    """The results without their rows, among the dated ones."""
    folder = HERE / "results" / f"{time.strftime('%Y-%m-%d')}-evaluate"
    folder.mkdir(exist_ok=True)
    for one in SUITE:
        result = read_result(out / one.file)
        replace(result, rows=(), command=plain_command(result.command)).write(folder / one.file)


def main() -> None:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    seconds = 0.0
    for one in SUITE:
        took = run(one, arguments.data, arguments.out)
        seconds += took
        print(f"{one.file}: {took / 60:.1f} min, {seconds / 60:.1f} in all", flush=True)
    page = HERE.parent / "docs" / "results.md" if arguments.write else arguments.out / "results.md"
    files = [str(arguments.out / one.file) for one in SUITE]
    subprocess.run(
        [
            sys.executable, "-m", "anymask", "evaluate", "report", *files,
            "--weights", WEIGHTS, "--out", str(page),
        ],
        check=True,
    )  # fmt: skip
    if arguments.write:
        keep(arguments.out)


if __name__ == "__main__":
    main()
