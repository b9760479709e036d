"""What the fuzz tests share: a model so small that thousands of questions take seconds."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from anymask.models.sam import Sam
from anymask.predict.predictor import Predictor
from anymask.weights.checkpoint import Checkpoint
from tests.conftest import TINY

TINIEST = replace(TINY, encoder=replace(TINY.encoder, image_px=64))


@pytest.fixture(scope="session")
def tiniest_predictor() -> Predictor:
    """A random model: its answers mean nothing, their shapes and finiteness do."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Predictor(Checkpoint("tiny", TINIEST, Sam(TINIEST).state_dict()))
