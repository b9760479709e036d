"""Text: an embedding is one more token of a prompt, and nothing to who has none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from anymask.core.prompts import Prompts
from anymask.errors import NoTextError, PromptError
from anymask.models.prompt_encoder import PromptBatch
from anymask.models.sam import Sam
from anymask.models.text import TextConfig, TextProjection
from anymask.predict.predictor import Predictor
from anymask.weights.checkpoint import Checkpoint, read_checkpoint
from tests.conftest import TINY, random_model

WIDTH = 6
READING = replace(TINY, text=TextConfig(WIDTH, "a test's"))
RNG = np.random.default_rng(0)
WORDS = RNG.standard_normal((3, WIDTH)).astype(np.float32)
PHOTO = RNG.integers(0, 256, (90, 120, 3), dtype=np.uint8)


def reading_model() -> Sam:
    """A random model that reads text, otherwise with the numbers of the tiny one."""
    model, plain = random_model(READING, 7), random_model(TINY)
    model.load_state_dict(plain.state_dict(), strict=False)
    return model


@pytest.fixture
def reader() -> Predictor:
    return Predictor(Checkpoint("reader", READING, reading_model().state_dict(), "1" * 64))


def test_a_token_is_of_an_embeddings_direction() -> None:
    projection = TextProjection(WIDTH, 8)
    words = torch.from_numpy(WORDS)
    token = projection(words)
    assert token.shape == (3, 1, 8)
    torch.testing.assert_close(projection(5 * words), token)
    unit = words / words.norm(dim=1, keepdim=True) * WIDTH**0.5
    torch.testing.assert_close(token[:, 0], projection.linear(unit))


def test_prompts_with_and_without_text_share_a_batch() -> None:
    model, features = reading_model(), torch.randn(1, 64, 8, 8)
    points = torch.tensor([[[10.0, 20.0]], [[30.0, 40.0]]])
    click = PromptBatch(points, torch.ones(2, 1, dtype=torch.int64), torch.zeros(2).long())
    words = torch.from_numpy(WORDS[:2])
    mixed = replace(click, text_embeddings=words, has_text=torch.tensor([True, False]))
    with torch.no_grad():
        logits, iou = model.decode(features, mixed)
        told, told_iou = model.decode(features, replace(click, text_embeddings=words))
        plain, plain_iou = model.decode(features, click)
    torch.testing.assert_close(logits[0], told[0])
    torch.testing.assert_close(logits[1], plain[1], atol=1e-5, rtol=1e-5)
    torch.testing.assert_close((iou[0], iou[1]), (told_iou[0], plain_iou[1]))
    assert (told[0] - plain[0]).abs().max() > 1e-3


def test_a_model_that_reads_answers_clicks_as_before(
    reader: Predictor, tiny_predictor: Predictor
) -> None:
    click = Prompts.point(40, 30)
    answer = reader.predict(reader.encode(PHOTO), click)
    before = tiny_predictor.predict(tiny_predictor.encode(PHOTO), click)
    np.testing.assert_array_equal(answer.logits, before.logits)


def test_words_alone_get_three_masks_and_with_a_point_one(reader: Predictor) -> None:
    embedding = reader.encode(PHOTO)
    words = Prompts.of_text_embeddings(WORDS)
    assert reader.predict(embedding, words).logits.shape[:2] == (3, 3)
    pointed = words.with_points([[40, 30]])
    assert reader.predict(embedding, pointed).logits.shape[:2] == (3, 1)
    both = reader.predict([embedding] * 2, [Prompts.point(40, 30), pointed[:1]], False)
    alone = reader.predict(embedding, pointed[0], False)
    np.testing.assert_allclose(both[1].logits, alone.logits, atol=1e-4)
    click = reader.predict(embedding, Prompts.point(40, 30), False)
    np.testing.assert_allclose(both[0].logits, click.logits, atol=1e-4)


def test_who_has_not_learned_to_read_says_so(tiny_predictor: Predictor, reader: Predictor) -> None:
    embedding = tiny_predictor.encode(PHOTO)
    with pytest.raises(NoTextError, match="tiny has not learned to read text"):
        tiny_predictor.predict(embedding, Prompts.of_text_embeddings(WORDS))
    with pytest.raises(PromptError, match="of 6 numbers, of a test's, not of 5"):
        reader.predict(reader.encode(PHOTO), Prompts.of_text_embeddings(WORDS[:, :5]))


def test_a_checkpoint_keeps_what_its_model_reads(tmp_path: Path) -> None:
    Checkpoint("reader", READING, reading_model().state_dict()).save(tmp_path / "reader")
    read = read_checkpoint(tmp_path / "reader")
    assert read.sam_config.text == TextConfig(WIDTH, "a test's")
    read.build_sam()
    Checkpoint("tiny", TINY, random_model(TINY).state_dict()).save(tmp_path / "tiny")
    assert '"text"' not in (tmp_path / "tiny" / "config.json").read_text()
    assert read_checkpoint(tmp_path / "tiny").sam_config.text is None
