"""One file dropped into the folder of experiments is a command, fields, a job and a section."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import anymask
from tests.evaluation.scripted import dataset_in

IMAGES = 8
FILE = '''
"""Areas: how large an answer to a click in the middle of an image is."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from anymask.core.prompts import Prompts
from anymask.core.protocol import Segmenter
from anymask.datasets.sample import Sample
from anymask.evaluation.experiment import ImageExperiment
from anymask.evaluation.report.departures import PublishedProtocol, notes
from anymask.evaluation.report.layout import Blocks, Column, Labels, table_beside
from anymask.evaluation.report.layout import PublishedTable
from anymask.evaluation.result import Result, Row

PROTOCOL = PublishedProtocol("a paper", {"scale": 2.0}, words={"scale": "scale of areas"})
PUBLISHED = PublishedTable.of("Table 9", "discs", ("share",), {"SAM": (0.5,)})


@dataclass(frozen=True)
class Areas(ImageExperiment):
    """Mean area. pause_s: how long to dwell on an image."""

    name: ClassVar[str] = "areas"
    title: ClassVar[str] = "Areas of answers"
    summary: ClassVar[str] = "A click in the middle of every image: how much is answered."
    protocol: ClassVar[PublishedProtocol | None] = PROTOCOL

    scale: float = 1.0
    pause_s: float = 0.0

    @property
    def needs_model(self) -> bool:
        return False

    def options(self) -> Mapping[str, Any]:
        return {"scale": self.scale}

    def rows(self, sam: Segmenter, sample: Sample) -> list[Row]:
        time.sleep(self.pause_s)
        pixels = sample.pixels()
        height, width = pixels.shape[:2]
        masks = sam.predict(sam.encode(pixels), Prompts.point(width / 2, height / 2))
        return [{"share": float(masks.areas()[0, 0]) / (height * width)}]

    def metrics(self, rows: Sequence[Row]) -> Iterator[tuple[str, float]]:
        yield "share", self.scale * sum(row["share"] for row in rows) / len(rows)

    @classmethod
    def section(cls, results: Sequence[Result], labels: Labels) -> Blocks:
        yield " ".join(notes(results, PROTOCOL))
        named = [(labels.model(result), result) for result in results]
        yield table_beside(named, PUBLISHED, [Column("share", "share")])
'''


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A folder with a copy of anymask that has the file."""
    source = Path(anymask.__file__).parent
    copy = tmp_path / "house" / source.name
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "evaluation" / "experiments" / "areas.py").write_text(FILE)
    return copy.parent


def command(*words: object) -> list[str]:
    return [sys.executable, "-m", "anymask", "evaluate", *map(str, words)]


def run(house: Path, *words: object) -> str:
    """What a command prints that must succeed."""
    environment = {**os.environ, "PYTHONPATH": str(house), "COLUMNS": "200"}
    done = subprocess.run(
        command(*words), env=environment, cwd=house, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def stop(house: Path, parts: Path, *words: object) -> tuple[int, str]:
    """Start a command and press Ctrl-C after two parts; its exit status, and what it said."""
    environment = {**os.environ, "PYTHONPATH": str(house)}
    started = subprocess.Popen(
        command(*words),
        env=environment,
        cwd=house,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored in a background
    )
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and len(list(parts.glob("*.json"))) < 3:
        time.sleep(0.02)
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=60)
    return started.returncode, said


def test_one_file_is_a_command_fields_a_job_and_a_section(house: Path, tmp_path: Path) -> None:
    assert "A click in the middle of every image" in run(house, "--help")
    told = run(house, "areas", "--help")
    assert "how much is answered" in told
    assert "anymask evaluate fields areas" in told
    assert run(house, "fields", "areas").split() == ["scale=1.0", "pause_s=0.0"]

    dataset_in(tmp_path / "discs", IMAGES)
    out = tmp_path / "areas.json"
    words = ["areas", "--data", tmp_path / "discs", "--out", out]
    status, said = stop(house, tmp_path / "areas.json.parts", *words, "--set", "pause_s=0.5")
    assert status == 130
    assert f"of {IMAGES} are kept" in said
    kept = len(list((tmp_path / "areas.json.parts").glob("*.json")))
    assert 2 < kept <= IMAGES  # with the file of settings
    run(house, *words)
    result = json.loads(out.read_text())
    assert result["experiment"] == "areas"
    assert (result["images"], len(result["rows"])) == (IMAGES, IMAGES)
    assert result["options"] == {"scale": 1.0}

    run(house, "report", out, "--out", tmp_path / "page.md")
    page = (tmp_path / "page.md").read_text()
    assert "## Areas of answers" in page
    assert "scale of areas (1, not 2)" in page
    assert "Table 9: SAM" in page
