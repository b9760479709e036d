"""Models as evaluations name them, and what all models of others do alike.

Shape legend: P prompts, N points, M masks, h w low-resolution grid.
"""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats
from anymask.core.image import RGB
from anymask.core.prompts import Prompts
from anymask.errors import EmbeddingError, Error
from anymask.evaluation.rivals.load import AdaptedSource, MissingPackageError
from anymask.evaluation.rivals.rival import PROMPTS_AT_ONCE, Adapter, Question, Rival
from anymask.weights.checkpoint import Checkpoint

SIDE = 32


@dataclass
class Scripted(Rival):
    """Answers with where each prompt's first point, box or mask lies; keeps what it was asked."""

    name: str = "scripted"
    model_id: str = "scripted@0"
    input_px: int = 128
    mask_side: int = SIDE
    shapes: dict[str, tuple[int, ...]] = field(default_factory=lambda: {"image_embed": (1, 1, 1)})
    asked: list[tuple[Question, bool]] = field(default_factory=list)

    def embed(self, pixels: RGB) -> dict[str, Floats]:
        return {"image_embed": np.zeros((1, 1, 1), np.float32)}

    def ask(
        self, embedding: ImageEmbedding, question: Question, multimask_output: bool
    ) -> tuple[Floats, Floats]:
        self.asked.append((question, multimask_output))
        given = next(x for x in (question.points, question.boxes, question.masks) if x is not None)
        where = given.reshape(len(given), -1)[:, :1]
        tokens = np.array([1, 2, 3] if multimask_output else [0])
        logits = np.broadcast_to(
            (where + tokens / 8)[..., None, None], (len(given), len(tokens), SIDE, SIDE)
        )
        iou = np.broadcast_to([0.5, 0.9, 0.7] if multimask_output else [0.6], logits.shape[:2])
        return logits.astype(np.float32), iou.astype(np.float32)


@pytest.fixture
def peer() -> Scripted:
    return Scripted()


@pytest.fixture
def embedding(peer: Scripted) -> ImageEmbedding:
    """Of an image as large as the model's input."""
    return peer.encode(np.zeros((128, 128, 3), np.uint8))


def first_values(logits: Floats) -> list[list[float]]:
    """Which mask each answer is, by its first pixel."""
    rounded: list[list[float]] = logits[:, :, 0, 0].round(3).tolist()
    return rounded


def test_three_masks_come_best_first(peer: Scripted, embedding: ImageEmbedding) -> None:
    masks = peer.predict(embedding, Prompts.of_points([[[8, 1]], [[16, 1]]]), True)
    assert first_values(masks.logits) == [[8.25, 8.375, 8.125], [16.25, 16.375, 16.125]]
    assert masks.predicted_iou[0].tolist() == pytest.approx([0.9, 0.7, 0.5])
    assert [several for _, several in peer.asked] == [True]


def test_one_mask_is_asked_for_alone(peer: Scripted, embedding: ImageEmbedding) -> None:
    masks = peer.predict(embedding, Prompts.point(8, 1), False)
    assert first_values(masks.logits) == [[8]]
    assert [several for _, several in peer.asked] == [False]


def test_none_gives_three_to_a_single_point_and_one_to_others(
    peer: Scripted, embedding: ImageEmbedding
) -> None:
    assert peer.predict(embedding, Prompts.point(8, 1)).predicted_iou.shape == (1, 3)
    assert peer.predict(embedding, Prompts.box(8, 1, 9, 2)).predicted_iou.shape == (1, 1)
    assert [several for _, several in peer.asked] == [True, False]


def test_where_both_kinds_stand_together_a_clear_one_keeps_its_mask_first(
    peer: Scripted, embedding: ImageEmbedding
) -> None:
    both = Prompts.join([Prompts.point(8, 1), Prompts.box(16, 1, 20, 2)])
    masks = peer.predict(embedding, both)
    assert first_values(masks.logits) == [[8.25, 8.375, 8.125], [16, 16.25, 16.375]]


def test_prompts_of_a_kind_are_asked_together_without_padding(
    peer: Scripted, embedding: ImageEmbedding
) -> None:
    one, two = Prompts.point(8, 1), Prompts.of_points([[16, 1], [17, 2]], [1, 0])
    box, last = Prompts.box(24, 1, 30, 5).with_points([[25, 2]]), Prompts.point(32, 1)
    masks = peer.predict(embedding, Prompts.join([one, two, box, last]), False)
    assert first_values(masks.logits) == [[8], [16], [25], [32]]
    assert sorted(parts(question) for question, _ in peer.asked) == [
        ([[[8, 1]], [[32, 1]]], [[1], [1]], None),
        ([[[16, 1], [17, 2]]], [[1, 0]], None),
        ([[[25, 2]]], [[1]], [[24, 1, 30, 5]]),
    ]


def parts(question: Question) -> tuple[Any, ...]:
    """Points, labels and boxes as lists."""
    given = (question.points, question.labels, question.boxes)
    return tuple(None if part is None else part.tolist() for part in given)


def test_masks_go_with_their_prompts(peer: Scripted, embedding: ImageEmbedding) -> None:
    rough = np.stack([np.full((SIDE, SIDE), 2.0), np.full((SIDE, SIDE), 3.0)])
    masks = peer.predict(embedding, Prompts.of_masks(rough), False)
    assert first_values(masks.logits) == [[2], [3]]
    (question, _), *others = peer.asked
    assert parts(question) == (None, None, None)
    assert question.masks is not None
    assert question.masks.shape == (2, 1, SIDE, SIDE)
    assert not others


def test_many_prompts_are_asked_in_parts(peer: Scripted, embedding: ImageEmbedding) -> None:
    xy = np.stack([np.arange(2 * PROMPTS_AT_ONCE + 1), np.zeros(2 * PROMPTS_AT_ONCE + 1)], axis=-1)
    masks = peer.predict(embedding, Prompts.of_points(xy[:, None]), False)
    assert masks.logits[:, 0, 0, 0].tolist() == xy[:, 0].tolist()
    assert len(peer.asked) == 3


def test_several_images_at_once_are_answered_as_one_by_one(peer: Scripted) -> None:
    embeddings = peer.encode([np.zeros((128, 128, 3), np.uint8), np.zeros((64, 128, 3), np.uint8)])
    asked = [Prompts.point(8, 1), Prompts.box(4, 1, 9, 9)]
    for together, embedding, prompts in zip(peer.predict(embeddings, asked), embeddings, asked):
        alone = peer.predict(embedding, prompts)
        assert np.array_equal(together.logits, alone.logits)
        assert together.image_hw == alone.image_hw == embedding.image_hw


def test_all_four_masks_are_there_for_who_asks_as_of_our_models(
    peer: Scripted, embedding: ImageEmbedding
) -> None:
    prompts = peer.collate([embedding], [Prompts.point(8, 1)])
    logits, iou = peer.answer([embedding], prompts)
    assert first_values(logits) == [[8, 8.125, 8.25, 8.375]]
    assert iou.shape == (1, 4)


def test_the_embedding_of_another_model_is_refused(peer: Scripted) -> None:
    other = Scripted(model_id="another@1").encode(np.zeros((8, 8, 3), np.uint8))
    with pytest.raises(EmbeddingError, match="another@1"):
        peer.predict(other, Prompts.point(1, 1))


def test_a_model_is_sent_to_other_processes(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    tiny_checkpoint.save(tmp_path / "tiny")
    model = pickle.loads(pickle.dumps(AdaptedSource(str(tmp_path / "tiny"), "cpu")))
    assert model == AdaptedSource(str(tmp_path / "tiny"), "cpu")
    sam = model.load()
    masks = sam.predict(sam.encode(np.zeros((9, 9, 3), np.uint8)), Prompts.point(4, 4))
    assert masks.predicted_iou.shape == (1, 3)


@pytest.mark.parametrize(
    ("adapter", "package", "modules"),
    [
        (Adapter.segment_anything, "segment_anything", ["evaluation.rivals.official"]),
        (
            Adapter.hugging_face,
            "transformers",
            ["evaluation.rivals.hugging_face", "predict.transformers_folder"],
        ),
    ],
)
def test_a_missing_package_is_named(
    monkeypatch: pytest.MonkeyPatch, adapter: Adapter, package: str, modules: list[str]
) -> None:
    for module in modules:
        monkeypatch.delitem(sys.modules, f"anymask.{module}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match="pip install") as raised:
        AdaptedSource("somewhere", adapter=adapter).load()
    assert package in str(raised.value)


def test_others_compute_in_float32_only() -> None:
    with pytest.raises(Error, match="float32"):
        AdaptedSource("somewhere", dtype="bfloat16", adapter=Adapter.hugging_face).load()


def test_naming_a_model_needs_no_torch() -> None:
    code = "from anymask.evaluation.rivals.load import AdaptedSource; AdaptedSource('x')"
    check = f"{code}; import sys; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check], check=False).returncode == 0
