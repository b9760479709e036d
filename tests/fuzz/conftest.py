"""What the fuzz tests share: a model so small that thousands of questions take seconds."""

from __future__ import annotations

import pytest
import torch

from anymask.models.mask_decoder import MaskDecoderConfig
from anymask.models.sam import Sam, SamConfig
from anymask.models.vit import ViTConfig
from anymask.predict.predictor import Predictor
from anymask.weights.checkpoint import Checkpoint

TINY = SamConfig(
    ViTConfig(
        width=32,
        depth=2,
        heads=2,
        global_blocks=(1,),
        image_px=64,
        patch_px=16,
        window=3,
        out_channels=64,
    ),
    MaskDecoderConfig(width=64, mlp_hidden=64, iou_head_hidden=64),
)


@pytest.fixture(scope="session")
def tiniest_predictor() -> Predictor:
    """A random model: its answers mean nothing, their shapes and finiteness do."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return Predictor(Checkpoint("tiny", TINY, Sam(TINY).state_dict()))
