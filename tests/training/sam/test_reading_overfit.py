"""All parts together: a tiny model that has only seen pictures finds what words say."""

from __future__ import annotations

from dataclasses import replace
from io import BytesIO

import numpy as np
import pytest
import torch
from PIL import Image

from anymask.core import rle
from anymask.core.metrics import mask_iou
from anymask.datasets.sample import Sample
from anymask.models.sam import Sam
from anymask.models.text import TextConfig
from anymask.predict.predictor import Predictor
from anymask.predict.words.token import TokenPredictor
from anymask.training.distributed import World
from anymask.training.frozen.crops import CropEmbeddings
from anymask.training.sam.learner import SamLearner
from anymask.training.sam.recipe import SamRecipe
from anymask.training.sam.start import prepare
from tests.conftest import TINY
from tests.training.scripted import COLOURS, Colours

IMAGES, SIDE = 8, 96
RECIPE = SamRecipe(
    name="reads by heart",
    steps=200,
    warmup_steps=10,
    lr=2e-3,
    milestones=(150,),
    weight_decay=0.01,
    layer_decay=1.0,
    drop_path=0.0,
    clip_norm=1.0,
    batch=IMAGES,
    images_per_pass=IMAGES,
    prompts_per_pass=64,
    text_encoder="colours",
    further_points=0,
    idle_rounds=False,
    clear_weight=0.5,
)


def coloured(number: int) -> Sample:
    """A red, a green and a blue disc, which are the masks, anywhere on grey."""
    rng = np.random.default_rng(number)
    pixels = np.full((SIDE, SIDE, 3), 60, np.uint8)
    y, x = np.mgrid[:SIDE, :SIDE]
    masks = []
    columns = rng.permutation(3)
    for place, color in zip(columns, COLOURS.values()):
        centre = SIDE * (place + 0.5) / 3, SIDE * rng.uniform(0.2, 0.8)
        mask = np.hypot(x - centre[0], y - centre[1]) < SIDE * rng.uniform(0.1, 0.15)
        pixels[mask] = 40 + 200 * np.array(color)
        masks.append(rle.encode(mask))
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return Sample(f"{number}.png", file.getvalue(), tuple(masks), (None,) * 3)


@pytest.mark.slow
def test_words_find_what_only_pictures_were_learned_of() -> None:
    samples = [coloured(number) for number in range(IMAGES)]
    encoder = Colours()
    torch.manual_seed(0)
    model = prepare(Sam(replace(TINY, text=TextConfig(3, encoder.config.space))), RECIPE)
    learner = SamLearner(model, RECIPE, World(), None, CropEmbeddings(encoder, 2))
    for step in range(RECIPE.steps):
        scenes = [learner.scene(x, np.random.default_rng([step, i])) for i, x in enumerate(samples)]
        assert learner.step(step, [scenes]) is not None
    reader = TokenPredictor(Predictor(learner.checkpoint("reader", {}, {})), encoder)
    found, others = [], []
    for sample in samples:
        masks = reader.sam.predict(
            reader.sam.encode(sample.pixels()), reader.prompts(list(COLOURS)), False
        ).to_bool()[:, 0]
        truths = np.stack([rle.decode(mask).astype(bool) for mask in sample.masks])
        found.append(mask_iou(masks, truths))
        others.append(mask_iou(masks, np.roll(truths, 1, axis=0)))
    assert np.mean(found) > 0.8
    assert np.mean(others) < 0.1
