"""The job of ``anymask masks`` without a model, slowly enough to be killed in the midst of it.

    python paced_discs.py FOLDER OUT FORMAT SLEEP_MS

A line on standard output for each image. Discs are painted instead of masks, so no torch is loaded
and twenty runs take seconds; every image and every write to disk takes SLEEP_MS longer.
"""

from __future__ import annotations

import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anymask.core.embedding import ImageEmbedding
from anymask.core.image import ImageSource
from anymask.core.protocol import DiscSegmenter
from anymask.datasets.photographs import find_photographs
from anymask.errors import Error
from anymask.jobs.many_images import Settings, named_results, segment_all
from anymask.jobs.outputs import check_outputs
from anymask.jobs.results import Format
from anymask.predict.automatic import AutomaticConfig

CONFIG = AutomaticConfig(points_per_side=2, pred_iou_thresh=0.0, stability_score_thresh=0.0)


@dataclass(frozen=True)
class PacedDiscs(DiscSegmenter):
    """Discs, some time after they were asked for."""

    pause_s: float = 0.0

    def encode(self, image: ImageSource) -> ImageEmbedding:
        time.sleep(self.pause_s)
        return super().encode(image)


def run(folder: str, out: Path, form: Format, pause_s: float = 0.0) -> None:
    """Segment a folder, and print what became of each image."""
    found = find_photographs([folder], out)
    check_outputs(named_results(found.photographs, form), out, form)
    settings = Settings("discs", "float32", CONFIG, form)
    print("begun", flush=True)
    for outcome in segment_all(PacedDiscs(pause_s=pause_s), found.photographs, out, settings):
        print(outcome.state, outcome.name, flush=True)


def main() -> None:
    """Run from the command line."""
    folder, out, form, sleep_ms = sys.argv[1:]
    pause_s, fsync = float(sleep_ms) / 1000, os.fsync

    def slow_fsync(fd: Any) -> None:
        time.sleep(pause_s)
        fsync(fd)

    os.fsync = slow_fsync
    try:
        run(folder, Path(out), Format(form), pause_s)
    except Error as error:
        sys.exit(f"anymask: {error}")


if __name__ == "__main__":
    main()
