"""The model's share of the time, and experiments by name."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from anymask.core.prompts import Prompts
from anymask.core.protocol import DiscSegmenter
from anymask.errors import DatasetError, Error
from anymask.evaluation.catalogue import DEFAULTS, Source, prepare
from anymask.evaluation.experiment import Timed
from anymask.evaluation.experiments.boxes import Boxes
from anymask.evaluation.experiments.edges import Edges
from anymask.evaluation.experiments.points import Points
from anymask.predict.automatic import CandidateSource
from tests.evaluation.scripted import dataset_in

PAUSE_S = 0.02


@dataclass
class Slow:
    """A segmenter that takes its time, and can do more than it must."""

    name: str = "slow"

    def encode(self, image: object) -> str:
        time.sleep(PAUSE_S)
        return "embedding"

    def predict(self, embedding: str, prompts: object, multimask_output: bool | None) -> str:
        time.sleep(PAUSE_S)
        return f"{embedding}, {multimask_output}"

    def candidates(self, *arguments: object) -> Iterator[object]:
        for one in arguments:
            time.sleep(PAUSE_S)
            yield one


def test_the_time_in_the_model_is_counted_and_nothing_else() -> None:
    timed = Timed(Slow())
    embedding = timed.encode(np.zeros((1, 1, 3), np.uint8))
    assert timed.seconds >= PAUSE_S
    assert str(timed.predict(embedding, Prompts.point(0, 0), True)) == "embedding, True"
    before = timed.seconds
    assert before >= 2 * PAUSE_S
    for _ in timed.candidates("a", "b"):
        time.sleep(2 * PAUSE_S)
    assert 2 * PAUSE_S <= timed.seconds - before < 5 * PAUSE_S


def test_what_the_other_can_do_is_seen() -> None:
    assert isinstance(Timed(Slow()), CandidateSource)
    assert not isinstance(Timed(DiscSegmenter()), CandidateSource)
    assert Timed(Slow()).name == "slow"
    with pytest.raises(AttributeError):
        _ = Timed(DiscSegmenter()).name


@pytest.mark.parametrize("name", DEFAULTS)
def test_every_experiment_has_a_name_and_can_be_sent(name: str) -> None:
    experiment = DEFAULTS[name]
    assert experiment.name == name
    assert pickle.loads(pickle.dumps(experiment)) == experiment


def test_the_seed_is_of_the_experiment_too_and_settings_have_the_last_word(tmp_path: Path) -> None:
    dataset_in(tmp_path)
    source = Source(str(tmp_path))
    assert prepare("points", source, ["clicks=1"], seed=4)[0] == Points(clicks=(1,), seed=4)
    assert prepare("points", source, ["seed=5"], seed=4)[0] == Points(seed=5)


def test_a_detector_needs_no_model() -> None:
    assert Edges().needs_model
    assert not Edges(detector="canny").needs_model
    assert Points().needs_model


def test_data_that_an_experiment_has_no_use_for_is_named(tmp_path: Path) -> None:
    dataset_in(tmp_path)
    with pytest.raises(DatasetError, match="boxes are those of a COCO or LVIS file"):
        prepare("boxes", Source(str(tmp_path)))
    with pytest.raises(DatasetError, match="groundTruth"):
        prepare("edges", Source(str(tmp_path)))
    with pytest.raises(Error, match="there is no experiment"):
        prepare("point", Source(str(tmp_path)))
    assert Boxes(annotations="").name == "boxes"
