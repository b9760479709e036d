"""A segmenter whose time is counted: the model's share and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import Floats
from anymask.core.image import ImageSource
from anymask.core.mask_runs import MaskRuns
from anymask.core.masks import Masks
from anymask.core.prompts import Prompts
from anymask.core.protocol import DiscSegmenter
from anymask.evaluation.timed import Timed, TimedCandidates
from anymask.predict.automatic import AutomaticConfig, Candidate, CandidateSource

PAUSE_S = 0.02
NO_RUNS = np.zeros(0, np.int64)
EMPTY = MaskRuns(NO_RUNS, NO_RUNS, NO_RUNS, (9, 9))
IMAGE = np.zeros((9, 9, 3), np.uint8)


@dataclass(frozen=True)
class Slow(DiscSegmenter):
    """Discs that take their time, from a segmenter that can do more than it must."""

    model_id: str = "slow@0"
    everything: Mapping[str, float] = field(default_factory=lambda: {"pred_iou_thresh": 0.5})

    def encode(self, image: ImageSource) -> ImageEmbedding:
        time.sleep(PAUSE_S)
        return super().encode(image)

    def predict(
        self, embedding: ImageEmbedding, prompts: Prompts, multimask_output: bool | None = None
    ) -> Masks:
        time.sleep(PAUSE_S)
        return super().predict(embedding, prompts, multimask_output)

    def candidates(
        self, embedding: ImageEmbedding, points: Floats, config: AutomaticConfig
    ) -> Iterator[Candidate]:
        for number in range(len(points)):
            time.sleep(PAUSE_S)
            yield Candidate(number, 0.9, 1.0, EMPTY)


def test_the_time_in_the_model_is_counted_and_nothing_else() -> None:
    timed = Timed.of(Slow())
    assert isinstance(timed, TimedCandidates)
    embedding = timed.encode(IMAGE)
    assert timed.seconds >= PAUSE_S
    assert timed.predict(embedding, Prompts.point(4, 4), True).predicted_iou.shape == (1, 3)
    before = timed.seconds
    assert before >= 2 * PAUSE_S
    for _ in timed.candidates(embedding, np.zeros((2, 2), np.float32), AutomaticConfig()):
        time.sleep(3 * PAUSE_S)
    assert 2 * PAUSE_S <= timed.seconds - before < 6 * PAUSE_S


def test_what_a_segmenter_can_do_is_seen() -> None:
    assert isinstance(Timed.of(Slow()), CandidateSource)
    assert not isinstance(Timed.of(DiscSegmenter()), CandidateSource)


def test_whose_answers_they_are_is_known() -> None:
    timed = Timed.of(Slow())
    assert (timed.model_id, timed.everything) == ("slow@0", {"pred_iou_thresh": 0.5})
