"""Video: figures by hand of a follower that stands still, on a film in DAVIS's layout."""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from anymask.core.in_context.example import Example
from anymask.core.in_context.palette import LabelledPixels, Labels, Pixels
from anymask.datasets.sample import Sample
from anymask.errors import Error
from anymask.evaluation.experiments.video import Video
from anymask.evaluation.report import layout
from anymask.evaluation.result import Row
from anymask.evaluation.source import Source
from anymask.predict.in_context.answer import InContextAnswer
from tests.datasets.benchmarks import few_shot_folders as folders
from tests.evaluation.invented import result


@dataclass(frozen=True)
class Still:
    """Answers with the first frame's labels."""

    model_id: str = "still@0"

    def follow(
        self,
        frames: Iterable[Pixels],
        first: Labels,
        also: Sequence[Example] = (),
        *,
        known: Sequence[InContextAnswer] = (),
    ) -> Iterator[InContextAnswer]:
        for _ in list(frames)[1:]:
            yield InContextAnswer(LabelledPixels(first, np.ones(first.shape, np.float32)), (), "-")


def asked(folder: Path, experiment: Video) -> list[Row]:
    opened, dataset = experiment.open(Source(str(folder)))
    opened = pickle.loads(pickle.dumps(opened))
    (part,) = dataset.parts
    (sample,) = part.samples()
    assert isinstance(sample, Sample)
    return [{"image": sample.name, **row} for row in opened.rows(Still(), sample)]


def test_objects_that_move_and_a_mask_that_does_not(tmp_path: Path) -> None:
    folders.davis(tmp_path)
    rows = asked(tmp_path, Video())
    assert [row["object"] for row in rows] == [1, 2]
    for row in rows:  # frames 1 to 3 of 0 to 4: squares of 4 a row lower each
        assert row["j"] == pytest.approx([12 / 20, 8 / 24, 4 / 28], abs=1e-5)
        assert row["f"][0] == 1
    figures = dict(Video().metrics(rows))
    assert figures["j_mean"] == pytest.approx((12 / 20 + 8 / 24 + 4 / 28) / 3, abs=1e-5)
    assert figures["jf"] == pytest.approx((figures["j_mean"] + figures["f_mean"]) / 2)
    assert figures["j_recall"] == pytest.approx(1 / 3)
    assert figures["j_decay"] > 0.3
    assert figures["j_worst"] == pytest.approx(figures["j_mean"])


def test_the_last_frame_may_count(tmp_path: Path) -> None:
    folders.davis(tmp_path, objects=1)
    (row,) = asked(tmp_path, Video(last_counts=True))
    assert len(row["j"]) == 4
    assert row["j"][-1] == 0


def test_a_film_of_two_frames_has_none_that_counts(tmp_path: Path) -> None:
    folders.davis(tmp_path, frames=2)
    with pytest.raises(Error, match="no frame that counts"):
        asked(tmp_path, Video())


def test_the_section_stands_beside_the_published_figure(tmp_path: Path) -> None:
    made = result("video", "davis", Video().options(), {"jf": 0.7, "j_mean": 0.65})
    text = "\n".join(map(str, Video.section([made], layout.Labels())))
    assert "70.0" in text
    assert "75.6" in text
