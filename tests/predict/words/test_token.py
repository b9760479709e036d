"""Words as a token: the model that has learned an encoder's pictures is asked with its words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from anymask.core.prompts import Prompts
from anymask.errors import NoTextError, PromptError
from anymask.models.text import TextConfig
from anymask.predict.predictor import Predictor
from anymask.predict.words.token import TokenPredictor
from anymask.weights.checkpoint import Checkpoint
from tests.conftest import TINY, random_model
from tests.training.scripted import Colours

READING = replace(TINY, text=TextConfig(3, "colours 1"))
PHOTO = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)


@pytest.fixture
def reader() -> TokenPredictor:
    checkpoint = Checkpoint("reader", READING, random_model(READING).state_dict(), "1" * 64)
    return TokenPredictor(Predictor(checkpoint), Colours())


def test_a_phrase_is_its_embedding(reader: TokenPredictor) -> None:
    embedding = reader.sam.encode(PHOTO)
    answer = reader.segment(embedding, "red")
    wanted = reader.sam.predict(embedding, Prompts.of_text_embeddings([1, 0, 0]))
    np.testing.assert_allclose(answer.logits, wanted.logits, atol=1e-5)
    assert np.abs(answer.logits - reader.segment(embedding, "blue").logits).max() > 1e-4


def test_a_point_corrects_the_answer_to_the_words(reader: TokenPredictor) -> None:
    embedding = reader.sam.encode(PHOTO)
    first = reader.segment(embedding, "red")
    found = reader.segment(embedding, "red", [[30, 40]], [0], first)
    prompts = Prompts.of_points([[30, 40]], [0]).with_text_embeddings([1, 0, 0])
    wanted = reader.sam.predict(embedding, prompts.with_masks(first.logits[:, 0]))
    assert found.logits.shape[:2] == (1, 1)
    np.testing.assert_allclose(found.logits, wanted.logits, atol=1e-5)


def test_finding_gives_a_mask_for_each_text_or_a_reason(reader: TokenPredictor) -> None:
    found = reader.find(PHOTO, ["red", "blue"], least_iou=-9.0)
    assert [one["label"] for one in found.masks] == ["red", "blue"]
    best = reader.segment(reader.sam.encode(PHOTO), "blue").best().to_bool()[0, 0]
    assert (found.to_bool()[1] != best).mean() < 0.01
    assert found.reasons == ()
    none = reader.find(PHOTO, "red", least_iou=9.0)
    assert (len(none.masks), none.to_bool().shape) == (0, (0, 90, 120))
    assert "nothing is like 'red': the best mask is expected to fit by" in none.reasons[0]
    assert "reader + colours 1" in none.answered_by


def test_who_does_not_belong_together_is_refused(
    reader: TokenPredictor, tiny_predictor: Predictor
) -> None:
    with pytest.raises(NoTextError, match="tiny has not learned to read text"):
        TokenPredictor(tiny_predictor, Colours())
    with pytest.raises(NoTextError, match="read colours 1, and this encoder's words are colours 2"):
        TokenPredictor(reader.sam, Colours("2"))


@pytest.mark.parametrize("phrases", ["red", [], [" "], ["red", "…!"]])
def test_words_need_letters(reader: TokenPredictor, phrases: list[str]) -> None:
    with pytest.raises(PromptError):
        reader.prompts(phrases)


@pytest.mark.slow
def test_a_folder_of_clip_reads_from_training_to_answer(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    from anymask.training.distributed import World
    from anymask.training.job import TrainingJob
    from anymask.training.loop import train
    from anymask.training.sam.recipes import text_prompts
    from tests.predict.words.tiny_clip import WIDTH, write_clip
    from tests.training.scripted import write_folder

    clip = write_clip(tmp_path / "clip")
    state = random_model(TINY).state_dict()
    Checkpoint("tiny", TINY, state).save(tmp_path / "tiny")
    recipe = replace(
        text_prompts(),
        weights=str(tmp_path / "tiny"),
        text_encoder=str(clip),
        least_mask_px=0,
        steps=2,
        validate_every=2,
        precision="float32",
    )
    data = str(write_folder(tmp_path / "data", 5))
    train(TrainingJob(recipe, data, tmp_path / "run", offline=True), World(), lambda entry: None)
    reader = TokenPredictor.load(tmp_path / "run" / "last", str(clip), offline=True)
    learned = reader.sam
    assert isinstance(learned, Predictor)
    assert learned.text_width == WIDTH
    projection = learned.model.prompt_encoder.text_projection
    assert projection is not None
    assert reader.segment(learned.encode(PHOTO), "a disc").logits.shape[1] == 3
    with pytest.raises(NoTextError, match="has learned to read clip"):
        TokenPredictor.load(tmp_path / "run" / "last", str(write_clip(tmp_path / "other", 1)))
