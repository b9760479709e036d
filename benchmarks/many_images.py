"""What 11 million images would take, from ``anymask masks`` on a few: cores, time, storage.

    .venv/bin/python benchmarks/many_images.py PHOTOGRAPH... [--write]

Each way of asking is a run of the command in a process of its own, on one core, start included;
its processor time is what one image takes of a core when all cores of a machine have such work.
``--write`` keeps the table in ``benchmarks/results/`` and puts it into ``docs/many-images.md``.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe
from pages import show

HERE = Path(__file__).resolve().parent
WAYS = {
    "fast": ["--fast"],
    "exact": [],
    "paper's preset, fast": ["--preset", "paper", "--fast"],
    "paper's preset": ["--preset", "paper"],
}
IMAGES, CORES, MACHINES = 11_000_000, 64, 100
HEADER = (
    "| way | CPU s an image | masks an image | KB an image | peak MB "
    "| core-years for 11 million | days on 100 machines of 64 cores | TB of records |\n"
    "|---|---|---|---|---|---|---|---|"
)


def row(name: str, options: list[str], photographs: list[str]) -> str:
    """Run the command and lay its costs out."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    with tempfile.TemporaryDirectory() as folder:
        anymask = Path(sys.executable).parent / "anymask"
        command = [str(anymask), "masks", *photographs, "--out", folder]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "ANYMASK_OFFLINE": "1"}
        done = subprocess.run(
            [*command, "--json", *options],
            capture_output=True, text=True, check=True, env=environment, timeout=7200,
        )  # fmt: skip
        sizes = [path.stat().st_size for path in Path(folder).glob("*.json")]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    per_image, count = cpu / len(photographs), json.loads(done.stdout)["masks"]
    core_s = per_image * IMAGES
    cells = [
        name,
        f"{per_image:.1f}",
        f"{count / len(photographs):.0f}",
        f"{sum(sizes) / len(sizes) / 1e3:.1f}",
        f"{after.ru_maxrss / 1024:.0f}",
        f"{core_s / 3600 / 24 / 365:.1f}",
        f"{core_s / CORES / MACHINES / 3600 / 24:.2f}",
        f"{sum(sizes) / len(sizes) * IMAGES / 1e12:.2f}",
    ]
    return "| " + " | ".join(cells) + " |"


def main() -> None:
    """Every way on the same photographs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("photographs", nargs="+")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    rows = [HEADER]
    print(f"{describe(1)}\n\n{HEADER}", flush=True)
    for name, options in WAYS.items():
        rows.append(row(name, options, arguments.photographs))
        print(rows[-1], flush=True)
    if arguments.write:
        day = time.strftime("%Y-%m-%d")
        names = " ".join(Path(photograph).name for photograph in arguments.photographs)
        command = f"`benchmarks/many_images.py {names} --write`"
        text = "\n\n".join([f"# Many images, {day}", command, describe(1), "\n".join(rows)])
        (HERE / "results" / f"{day}-many-images.md").write_text(text + "\n")
        show(HERE.parent / "docs" / "many-images.md", "many", "\n".join(rows))


if __name__ == "__main__":
    main()
