"""A second look on photographs that nobody looked at while it was made.

    .venv/bin/python benchmarks/unseen.py [WEIGHTS] [--folder ARCHIVES] [--write]

Packages with photographs whose true masks people drew (``unseen_sets.py``, which says what counts),
fetched into ARCHIVES or a folder that is removed; apt has to know Debian 12. Every object that
counts is asked for by the clicks and the box of ``distill.py``. Intervals of 95 %: of a source over
its objects, of all objects over images, of the mean over sources over sources. The lines of what
was taken from the ground came after the others had been seen.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from distill import MEASURES, OLD, Ious, answers
from unseen_sets import FROM_ABOVE, READERS, Picture, pictures

import anymask
from anymask.evaluation.measures.bootstrap import Bootstrap
from anymask.predict.promptable import Promptable

from machine import describe

HERE = Path(__file__).resolve().parent
HEAD = ["source", "images", "objects", *MEASURES, "better / worse at one click"]


@dataclass(frozen=True, eq=False)
class Row:
    """IoUs in % (N, measures) of objects before and now, and the cluster that each is of."""

    name: str
    images: int
    before: Ious
    now: Ious
    clusters: Sequence[str]

    def line(self, objects: int) -> str:
        """Of the table; a gain without an interval where there is one cluster."""
        cells = [self.name, f"{self.images}", f"{objects}"]
        for i in range(len(MEASURES)):
            gain = self.now[:, i] - self.before[:, i]
            more = f"{gain.mean():+.1f}"
            if len(set(self.clusters)) > 1:
                sure = Bootstrap().mean(gain, self.clusters)
                more += f": {sure.low:+.1f} to {sure.high:+.1f}"
            cells.append(f"{self.before[:, i].mean():.1f} → {self.now[:, i].mean():.1f} ({more})")
        gain = self.now[:, 0] - self.before[:, 0]
        cells.append(f"{int((gain > 1).sum())} / {int((gain < -1).sum())}")
        return f"| {' | '.join(cells)} |"


def asked(old: Promptable, new: Promptable, picture: Picture) -> tuple[Ious, Ious]:
    """The IoUs in % of a picture's objects before and now, by ``MEASURES``."""
    embedding = old.encode(picture.pixels)  # of the same encoder
    same = replace(embedding, model=new.model_id)
    before = answers(old, embedding, picture.masks, True)
    return 100 * before, 100 * answers(new, same, picture.masks, True)


def of_sources(looked: Sequence[tuple[Picture, Ious, Ious]]) -> list[Row]:
    """A row a source, in their order, each object a cluster."""
    rows = []
    for source in dict.fromkeys(picture.source for picture, _, _ in looked):
        its = [one for one in looked if one[0].source == source]
        before, now = (np.concatenate([one[i] for one in its]) for i in (1, 2))
        rows.append(Row(source, len(its), before, now, [f"{i}" for i in range(len(now))]))
    return rows


def of_all(looked: Sequence[tuple[Picture, Ious, Ious]], kind: str) -> list[str]:
    """The lines of all objects, or those of a kind of images, and of the mean over sources."""
    rows = of_sources(looked)
    before, now = (np.concatenate([one[i] for one in looked]) for i in (1, 2))
    clusters = [picture.name for picture, _, _ in looked for _ in picture.masks]
    whole = Row(f"**all objects{kind}**", len(looked), before, now, clusters)
    earlier, later = (
        np.stack([ious.mean(axis=0) for ious in each])
        for each in ([row.before for row in rows], [row.now for row in rows])
    )
    mean = Row(
        f"**mean of sources{kind}**", len(looked), earlier, later, [row.name for row in rows]
    )
    return [row.line(len(now)) for row in (whole, mean)]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("weights", nargs="?", default="anymask-small")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    old, new = (anymask.load(name, device="cpu") for name in (OLD, arguments.weights))
    looked = []
    with tempfile.TemporaryDirectory() as scratch:
        for picture in pictures(arguments.folder or Path(scratch)):
            if len(picture.masks):
                looked.append((picture, *asked(old, new, picture)))
                print(picture.source, picture.name, len(picture.masks), flush=True)
    ground = [one for one in looked if one[0].source not in FROM_ABOVE]
    lines = [f"| {' | '.join(HEAD)} |", "|---" * len(HEAD) + "|"]
    lines += [row.line(len(row.now)) for row in of_sources(looked)]
    lines += of_all(looked, "") + of_all(ground, ", from the ground")
    print("\n".join(lines))
    if arguments.write:
        day, name = time.strftime("%Y-%m-%d"), Path(arguments.weights).name
        archives = dict.fromkeys(archive for archive, _ in READERS)
        listed = [f"| `{one.package}` | `{one.sha256}` | {one.licence} |" for one in archives]
        packages = "\n".join(["| package | SHA-256 | its licence |", "|---|---|---|", *listed])
        about = f"`{OLD}` and `{name}`, `benchmarks/unseen.py {name} --write`. {describe(1)}."
        said = (
            "mIoU, %, before → now, with the difference's 95 % interval; better, worse: by over 1."
        )
        parts = [f"# Photographs not looked at, {day}", about, said, "\n".join(lines)]
        text = "\n\n".join([*parts, packages]) + "\n"
        (HERE / "results" / f"{day}-unseen.md").write_text(text)


if __name__ == "__main__":
    main()
