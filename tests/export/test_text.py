"""A model that reads, exported: its decoders take two more inputs, and answer alike."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from anymask.core.prompts import Prompts
from anymask.errors import NoTextError
from anymask.export.click import ClickGraph, PrepareGraph, click_names
from anymask.export.graphs import LowResDecoderGraph
from anymask.export.onnx import export_onnx
from anymask.export.traceable import TEXT_INPUTS
from anymask.models.prompt_encoder import PromptBatch
from anymask.models.text import TextConfig
from anymask.predict.onnx_runtime import OnnxSegmenter
from anymask.predict.predictor import Predictor
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.graph_pair import CLICK_FILE, DECODER_FILE, LOW_RES_FILE, read_export
from tests.conftest import TINY, Exporter, random_model

READING = replace(TINY, text=TextConfig(6, "a test's"))
PHOTO = np.random.default_rng(0).integers(0, 256, (90, 120, 3), dtype=np.uint8)
WORDS = np.random.default_rng(1).standard_normal((3, 6)).astype(np.float32)


def test_clicks_and_words_are_answered_as_the_model_does() -> None:
    sam = random_model(READING).requires_grad_(False)
    features, coords = torch.randn(1, 64, 8, 8), 128 * torch.rand(3, 2, 2)
    labels = torch.tensor([[-1, -1], [1, -1], [1, 0]])  # words, words and a click, clicks
    has_text = torch.tensor([True, True, False])
    words = torch.from_numpy(WORDS)
    images = torch.zeros(3, dtype=torch.int64)
    prompts = PromptBatch(coords, labels, images, text_embeddings=words, has_text=has_text)
    expected, scores = sam.decode(features, prompts)
    own = PrepareGraph(sam)(features)[: len(click_names(READING.decoder))]
    predicted, logits = ClickGraph(sam)(coords, labels.float(), *own, words, has_text.float())
    torch.testing.assert_close(logits, expected, atol=2e-4, rtol=1e-3)
    torch.testing.assert_close(predicted, scores, atol=1e-4, rtol=1e-3)


def test_a_single_mask_for_words_alone_is_the_surest_of_three() -> None:
    masks = torch.arange(20.0).view(5, 4, 1, 1)
    iou = torch.tensor([[0.9, 0.1, 0.3, 0.2]]).repeat(5, 1)
    labels = torch.tensor([[-1, -1], [1, -1], [1, -1], [1, 1], [-1, -1]])
    batch = PromptBatch(
        torch.zeros(5, 2, 2),
        labels,
        torch.zeros(5, dtype=torch.int64),
        text_embeddings=torch.ones(5, 6),
        has_text=torch.tensor([True, True, False, False, True]),
    )
    has_mask = torch.tensor([False, False, False, False, True])
    _, chosen = LowResDecoderGraph._best(iou, masks, batch, has_mask)
    wanted = [0 + 2, 4 + 0, 8 + 2, 12 + 0, 16 + 0]  # words, and a click, a click, two, with a mask
    assert chosen.flatten().tolist() == wanted


def test_an_export_says_what_it_reads(mock_export: Callable[[Path], Path], tmp_path: Path) -> None:
    folder = mock_export(tmp_path / "export")
    assert (read_export(folder).text_width, read_export(folder).text_space) == (0, "")
    header = json.loads((folder / "export.json").read_text())
    text = {"width": 6, "space": "a test's"}
    (folder / "export.json").write_text(json.dumps(header | {"text": text}))
    reads = OnnxSegmenter(read_export(folder))
    assert (reads.text_width, reads.text_space) == (6, "a test's")


@pytest.mark.slow
def test_words_points_and_both_are_answered_as_by_pytorch(tmp_path: Path) -> None:
    reading = Checkpoint("reader", READING, random_model(READING).state_dict(), "2" * 64)
    export = export_onnx(reading, tmp_path)
    assert {"random, text", "random, text + point"} <= {row.prompts for row in export.parity}
    for name in (CLICK_FILE, DECODER_FILE, LOW_RES_FILE):
        given = onnxruntime.InferenceSession(tmp_path / name).get_inputs()
        assert tuple(one.name for one in given[-2:]) == TEXT_INPUTS, name
    reference, exported = Predictor(reading), OnnxSegmenter(read_export(tmp_path))
    embedding = reference.encode(PHOTO)
    words = Prompts.of_text_embeddings(WORDS)
    rough = reference.predict(embedding, words, False).logits[:, 0]
    for prompts in (
        words,
        words.with_points([[30, 40]]),
        words.with_boxes([[10, 10, 60, 70]] * 3),
        words.with_masks(rough),
        Prompts.point(30, 40),
    ):
        wanted, found = (one.predict(embedding, prompts) for one in (reference, exported))
        np.testing.assert_allclose(found.logits, wanted.logits, atol=1e-3)
        np.testing.assert_allclose(found.predicted_iou, wanted.predicted_iou, atol=1e-4)
    both = [words[:1].with_points([[30, 40]]), Prompts.point(30, 40)]
    for one, prompts in zip(exported.predict([embedding] * 2, both), both):
        alone = reference.predict(embedding, prompts)
        np.testing.assert_allclose(one.logits, alone.logits, atol=1e-3)


def test_an_export_that_does_not_read_says_so(exported: Exporter) -> None:
    folder = exported("tiny", "float32")
    names = [one.name for one in onnxruntime.InferenceSession(folder / CLICK_FILE).get_inputs()]
    assert not set(TEXT_INPUTS) & set(names)
    assert "text" not in json.loads((folder / "export.json").read_text())
    sam = OnnxSegmenter(read_export(folder))
    with pytest.raises(NoTextError, match="tiny has not learned to read text"):
        sam.predict(sam.encode(PHOTO), Prompts.of_text_embeddings(WORDS))
