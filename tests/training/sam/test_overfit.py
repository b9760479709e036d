"""All parts together: a tiny model learns eight images by heart."""

from __future__ import annotations

import numpy as np
import torch

from anymask.models.sam import Sam
from anymask.training.distributed import World
from anymask.training.sam.learner import SamLearner
from anymask.training.sam.recipe import SamRecipe
from anymask.training.sam.scenes import Framing
from anymask.training.sam.start import prepare
from anymask.training.sam.validation import validate
from tests.conftest import TINY
from tests.training.scripted import sample

IMAGES = 8
RECIPE = SamRecipe(
    name="by heart",
    steps=120,
    warmup_steps=10,
    lr=2e-3,
    milestones=(90,),
    weight_decay=0.01,
    layer_decay=1.0,
    drop_path=0.0,
    clip_norm=1.0,
    batch=IMAGES,
    images_per_pass=IMAGES,
    prompts_per_pass=64,
    further_points=1,
)


def test_a_tiny_model_learns_eight_images_by_heart() -> None:
    samples = [sample(number, discs=2) for number in range(IMAGES)]
    torch.manual_seed(0)
    learner = SamLearner(prepare(Sam(TINY), RECIPE), RECIPE, World(), None)
    framing = Framing(TINY.encoder.image_px, 4 * TINY.encoder.grid, RECIPE.habits)
    for step in range(RECIPE.steps):
        scenes = [framing.scene(x, np.random.default_rng([step, i])) for i, x in enumerate(samples)]
        assert learner.step(step, [scenes]) is not None
    learner.model.eval()
    scenes = [framing.scene(one, np.random.default_rng()) for one in samples]
    found = validate(learner.model, scenes, learner.features, 64)
    assert found.miou[0] > 0.95
    assert found.miou[2] > 0.95
    assert found.calibration_error < 0.1
