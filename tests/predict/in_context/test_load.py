"""What segments by example, from what a person names; and a film that is followed on."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pytest
import torch

from anymask.core.in_context.example import Example
from anymask.core.protocol import DiscSegmenter
from anymask.errors import Error, PromptError, WeightsError
from anymask.models.seggpt import SegGPT
from anymask.models.seggpt_prompt import SegGPTPrompt, SegGPTPromptConfig
from anymask.predict.in_context.like import LikePredictor
from anymask.predict.in_context.load import (
    ByLikeness,
    BySegGPT,
    by_likeness,
    load_follower,
    load_in_context,
)
from anymask.predict.in_context.semantic import DinoEncoder
from anymask.predict.load import ModelSource
from anymask.predict.predictor import Predictor
from anymask.weights.checkpoint import Checkpoint
from tests.predict.in_context.test_like import Colours
from tests.predict.in_context.test_seggpt import TINY

Pixels = npt.NDArray[np.uint8]


def frame(number: int) -> tuple[Pixels, npt.NDArray[np.int32]]:
    """A bright square that moves on noise, and where it is."""
    pixels = np.random.default_rng(number).integers(0, 80, (64, 96, 3), dtype=np.uint8)
    labels = np.zeros((64, 96), np.int32)
    labels[20:44, 8 + 6 * number : 32 + 6 * number] = 1
    pixels[labels > 0] = (230, 200, 40)
    return pixels, labels


def missing(*_: object, **__: object) -> None:
    raise WeightsError("they are not here")


@pytest.fixture
def folder(tmp_path: Path, tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights of a tiny SAM, and no others."""
    monkeypatch.setattr(DinoEncoder, "load", missing)
    tiny_checkpoint.save(tmp_path / "w")
    return tmp_path


def test_a_film_goes_on_as_if_it_had_never_stopped(tiny_predictor: Predictor) -> None:
    predictor = ByLikeness(LikePredictor(tiny_predictor, Colours()))
    frames = [frame(number)[0] for number in range(9)]
    whole = list(predictor.follow(frames, frame(0)[1]))
    assert len(whole) == 8
    rest = list(predictor.follow(frames, frame(0)[1], known=whole[:6]))
    assert len(rest) == 2
    for one, other in zip(rest, whole[6:]):
        assert (one.labelled.labels == other.labelled.labels).all()


def test_a_model_that_is_loaded_already(tiny_predictor: Predictor, folder: Path) -> None:
    assert by_likeness(tiny_predictor).like.sam is tiny_predictor
    with pytest.raises(Error, match="no model that PyTorch runs"):
        by_likeness(cast(Any, DiscSegmenter()))


def test_weights_of_a_sam_need_no_training(folder: Path) -> None:
    predictor = load_in_context(ModelSource(str(folder / "w"), "cpu", offline=True))
    assert isinstance(predictor, ByLikeness)
    name, _, digest = predictor.model_id.partition("@")
    assert name == predictor.like.answered_by
    assert digest
    answer = predictor.segment(frame(1)[0], [Example(*frame(0))])
    assert answer.labelled.labels.shape == (64, 96)


def test_another_model_on_a_machine_is_refused(folder: Path) -> None:
    with pytest.raises(Error, match="another model on this machine"):
        load_in_context(ModelSource(str(folder / "w"), "cpu", offline=True, model_id="other@1"))


def test_what_only_a_seggpt_can_is_refused_of_others(folder: Path) -> None:
    source = ModelSource(str(folder / "w"), "cpu", offline=True)
    with pytest.raises(Error, match="spatial ensemble is SegGPT's"):
        load_in_context(source, ensemble="spatial")
    with pytest.raises(Error, match="float32, not in bfloat16"):
        load_in_context(ModelSource(str(folder / "w"), "cpu", "bfloat16", True))


@pytest.fixture
def seggpt(tmp_path: Path) -> Path:
    """A tiny SegGPT of random weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = SegGPT(TINY)
        model.initialise()
    Checkpoint("tiny", TINY, model.state_dict()).save(tmp_path / "seggpt")
    return tmp_path / "seggpt"


def test_weights_of_a_seggpt_are_known(seggpt: Path) -> None:
    source = ModelSource(str(seggpt), "cpu", offline=True)
    predictor = load_follower(source)
    assert isinstance(predictor, BySegGPT)
    frames = [frame(number)[0] for number in range(4)]
    whole = list(predictor.follow(frames, frame(0)[1]))
    rest = list(predictor.follow(frames, frame(0)[1], known=whole[:2]))
    assert (rest[0].labelled.labels == whole[2].labelled.labels).all()
    with pytest.raises(PromptError, match="learns nothing from what is not meant"):
        predictor.segment(frames[1], [Example(*frame(0))], rejected=[Example(*frame(2))])
    together = load_in_context(source, ensemble="spatial")
    both = [Example(*frame(0)), Example(*frame(2))]
    assert together.segment(frames[1], both).labelled.labels.shape == (64, 96)


def test_a_tuned_prompt_stands_for_an_example(seggpt: Path, tmp_path: Path, folder: Path) -> None:
    source = ModelSource(str(seggpt), "cpu", offline=True)
    model_id = load_in_context(source).model_id
    config = SegGPTPromptConfig(model_id, TINY.image_hw, ("dent",))
    prompt = SegGPTPrompt(config)
    Checkpoint("prompt", config, prompt.state_dict()).save(tmp_path / "prompt")
    tuned = load_in_context(source, prompts=[str(tmp_path / "prompt")])
    assert tuned.segment(frame(1)[0], []).labelled.labels.shape == (64, 96)
    with pytest.raises(Error, match="tuned prompt is for the SegGPT"):
        load_in_context(
            ModelSource(str(folder / "w"), "cpu", offline=True), prompts=[str(tmp_path / "prompt")]
        )
