"""Experiments by name: that all are found, and what each makes of data."""

from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from anymask.errors import DatasetError, Error
from anymask.evaluation import discovery
from anymask.evaluation.discovery import experiments, find, image_experiments, prepare, sections
from anymask.evaluation.experiments.edges import Edges
from anymask.evaluation.experiments.points import Points
from anymask.evaluation.source import Source
from tests.evaluation.scripted import Sizes, dataset_in

ON_IMAGES = ["points", "clicks", "edges", "proposals", "boxes", "detector", "fairness"]
ON_IMAGES += ["in-context", "video", "text"]


def test_the_experiments_of_the_folder_are_found_in_their_order() -> None:
    assert list(image_experiments()) == ON_IMAGES
    assert list(experiments()) == [*ON_IMAGES[:-3], "representation", *ON_IMAGES[-3:], "ablations"]
    assert list(sections()) == list(experiments())


def test_each_stands_in_a_file_of_its_name() -> None:
    for name, kind in experiments().items():
        assert kind.__module__ == f"anymask.evaluation.experiments.{name.replace('-', '_')}"


@pytest.mark.parametrize("name", ON_IMAGES)
def test_every_experiment_can_be_sent(name: str) -> None:
    assert pickle.loads(pickle.dumps(find(name))) == find(name)


def test_two_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discovery, "_in_folder", lambda: [Sizes, Sizes])
    experiments.cache_clear()
    try:
        with pytest.raises(Error, match="both hold an experiment 'sizes'"):
            experiments()
    finally:
        experiments.cache_clear()


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
