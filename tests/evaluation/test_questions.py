"""Masks that results keep, and the questions that several results share."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anymask.core import rle
from anymask.core.protocol import DiscSegmenter
from anymask.datasets.recognise import open_dataset
from anymask.errors import Error, ResultError
from anymask.evaluation.experiments.points import Points
from anymask.evaluation.job import EvaluationJob, begin, finish, work
from anymask.evaluation.questions import questions_of
from anymask.evaluation.result import Result, read_result
from anymask.evaluation.rivals.load import AdaptedSource
from tests.engine.rating.conftest import save_set
from tests.evaluation import invented
from tests.evaluation.invented import MODEL, OTHER_MODEL
from tests.evaluation.scripted_segmenter import rectangle, sample

TRUTH, ANSWER = rle.encode(rectangle(0, 9, 0, 9)), rle.encode(rectangle(0, 9, 0, 12))


def row(image: str, mask: int, **changes: Any) -> dict[str, Any]:
    kept = {"truth": dict(TRUTH), "predicted": dict(ANSWER)}
    return {"image": image, "mask": mask, "click": [4, 4], "iou_1": 0.75, **kept, **changes}


def result(model: str = MODEL, rows: list[dict[str, Any]] | None = None, **changes: Any) -> Result:
    rows = [row("a.png", 0), row("a.png", 1), row("b.png", 0)] if rows is None else rows
    return replace(invented.result("points", "coins", {}, {}, rows), model=model, **changes)


def test_a_result_keeps_the_masks_of_a_sample(tmp_path: Path) -> None:
    dataset = open_dataset(str(save_set(tmp_path / "set", 6)))
    kept: dict[int, set[str]] = {}
    for count in (0, 2, 4):
        job = EvaluationJob(
            Points(clicks=(1,), keep_masks=count),
            dataset,
            AdaptedSource("nobody", model_id=DiscSegmenter().model_id),
            tmp_path / f"{count}.json",
        )
        begin(job)
        list(work(job, DiscSegmenter()))
        finish(job, "")
        rows = read_result(job.out).rows
        assert len(rows) == 6
        kept[count] = {one["image"] for one in rows if "truth" in one}
        assert kept[count] == {one["image"] for one in rows if "predicted" in one}
        for one in rows:
            if "truth" in one:
                truth, predicted = rle.decode(one["truth"]), rle.decode(one["predicted"])
                iou = (truth & predicted).sum() / (truth | predicted).sum()
                assert one["iou_1"] == pytest.approx(iou, abs=1e-5)
    assert [len(names) for names in kept.values()] == [0, 2, 4]
    assert kept[2] < kept[4]


def test_what_is_kept_depends_on_names_and_seed_alone() -> None:
    rows = [
        {"image": f"{number}.png", "mask": 0, "truth": 1, "predicted": 2} for number in range(9)
    ]

    def names(seed: int, turned: bool) -> set[str]:
        points = Points(keep_masks=3, seed=seed)
        return {
            str(one["image"])
            for one in points.kept(rows[::-1] if turned else rows)
            if "truth" in one
        }

    assert names(0, False) == names(0, True)
    assert len({frozenset(names(seed, False)) for seed in range(6)}) > 1


def test_the_option_is_one_of_the_result() -> None:
    assert "keep_masks" not in Points().options()
    assert Points(keep_masks=5).options()["keep_masks"] == 5
    with pytest.raises(Error, match="keep_masks"):
        Points(keep_masks=-1)
    truth = np.zeros((64, 64), bool)
    truth[4:9, 4:9] = True
    (one,) = Points(clicks=(1,), keep_masks=1).rows(DiscSegmenter(), sample([truth]))
    assert (rle.decode(one["truth"]) == truth).all()


def test_the_same_questions_are_put_together() -> None:
    other = rle.encode(rectangle(0, 5, 0, 9))
    second = [row("a.png", 1, predicted=dict(other)), row("b.png", 0), row("c.png", 0)]
    found = questions_of([result(), result(OTHER_MODEL, second)])
    assert [(one.image, one.mask) for one in found.questions] == [("a.png", 1), ("b.png", 0)]
    assert found.unpaired == 2
    first = found.questions[0]
    assert (first.data, first.point, first.truth) == ("coins", (4, 4), TRUTH)
    assert first.answers == {MODEL: ANSWER, OTHER_MODEL: other}


def test_data_sets_stand_beside_each_other() -> None:
    other = result(OTHER_MODEL, data="leaves", data_fingerprint="other")
    found = questions_of([result(), other])
    assert [tuple(one.answers) for one in found.questions] == [(MODEL,)] * 3 + [(OTHER_MODEL,)] * 3


def test_a_limit_draws_some_of_each() -> None:
    rows = [row(f"{number:02}.png", 0) for number in range(20)]
    drawn = [
        [one.image for one in questions_of([result(rows=rows)], limit, 1).questions]
        for limit in (3, 8)
    ]
    assert [len(names) for names in drawn] == [3, 8]
    assert set(drawn[0]) < set(drawn[1])
    assert drawn[1] == sorted(drawn[1])


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (result(), "two results on coins are of mobile-sam"),
        (result(OTHER_MODEL, data_fingerprint="x"), "of different images"),
        (result(OTHER_MODEL, [row("a.png", 0, click=[5, 5])]), "other points or truths in a.png"),
        (result(OTHER_MODEL, [row("a.png", 0, truth=dict(ANSWER))]), "other points or truths"),
        (result(OTHER_MODEL, [row("z.png", 0)]), "no object in common"),
        (result(OTHER_MODEL, [{"image": "a.png", "mask": 0}]), "keeps no masks"),
    ],
)
def test_other_questions_are_refused(other: Result, said: str) -> None:
    with pytest.raises(ResultError, match=said):
        questions_of([result(), other])
