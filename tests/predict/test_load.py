"""Where a model comes from, as other processes are told."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path

import pytest

from anymask.errors import Error
from anymask.predict.load import ModelSource
from anymask.weights.checkpoint import Checkpoint


def test_a_source_loads_its_model_wherever_it_is_sent(
    tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    tiny_checkpoint.save(tmp_path / "tiny")
    source = ModelSource(str(tmp_path / "tiny"), "cpu", offline=True)
    sam = pickle.loads(pickle.dumps(source)).load()
    assert sam.model_id.startswith("tiny@")
    known = pickle.loads(pickle.dumps(replace(source, model_id=sam.model_id)))
    assert known.load().model_id == sam.model_id


def test_another_model_under_the_same_name_is_an_error(
    tiny_checkpoint: Checkpoint, tmp_path: Path
) -> None:
    tiny_checkpoint.save(tmp_path / "tiny")
    source = ModelSource(str(tmp_path / "tiny"), "cpu", model_id="tiny@0")
    with pytest.raises(Error, match=r"tiny is another model on this machine: tiny@.*, not tiny@0"):
        source.load()
