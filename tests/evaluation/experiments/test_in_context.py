"""In context: figures by hand of answers that are written down, on tiny sets in their layouts."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pytest

from anymask.core.in_context.example import Example
from anymask.core.in_context.palette import LabelledPixels, Pixels
from anymask.datasets.sample import Sample
from anymask.errors import Error
from anymask.evaluation.experiments.in_context import InContext
from anymask.evaluation.report.layout import Labels
from anymask.evaluation.result import Result, Row
from anymask.evaluation.source import Source
from anymask.predict.in_context.answer import FoundObject, InContextAnswer
from tests.datasets.benchmarks import few_shot_folders as folders
from tests.evaluation.invented import result


@dataclass
class Copying:
    """Answers with the union of the examples' masks, and remembers how many there were."""

    model_id: str = "copying@0"
    shots: list[int] = field(default_factory=list)

    def segment(
        self, pixels: Pixels, examples: Sequence[Example], *, rejected: Sequence[Example] = ()
    ) -> InContextAnswer:
        self.shots.append(len(examples))
        mask = np.any([one.labels > 0 for one in examples], axis=0)
        labelled = LabelledPixels(mask.astype(np.int32), mask.astype(np.float32))
        return InContextAnswer(labelled, (FoundObject(mask, 1, 0.5),), "a copy")


def asked(folder: Path, experiment: InContext, model: Copying) -> list[Row]:
    opened, dataset = experiment.open(Source(str(folder)))
    opened = pickle.loads(pickle.dumps(opened))
    rows = []
    for part in dataset.parts:
        (sample,) = part.samples()
        assert isinstance(sample, Sample)
        rows += [{"image": sample.name, **row} for row in opened.rows(model, sample)]
    return rows


def test_the_mean_is_over_classes_then_over_folds(tmp_path: Path) -> None:
    rows = [
        {"fold": 0, "group": "a", "intersection": 1, "union": 2, "iou": 0.5},
        {"fold": 0, "group": "a", "intersection": 8, "union": 8, "iou": 1.0},
        {"fold": 0, "group": "b", "intersection": 0, "union": 5, "iou": 0.0},
        {"fold": 1, "group": "c", "intersection": 3, "union": 4, "iou": 0.75},
    ]
    for row in rows:
        row |= {"rest_intersection": 90, "rest_union": 100}
    figures = dict(InContext().metrics(rows))
    assert figures["miou_fold_0"] == pytest.approx((9 / 10 + 0) / 2)
    assert figures["miou_fold_1"] == pytest.approx(0.75)
    assert figures["miou"] == pytest.approx((0.45 + 0.75) / 2)
    assert figures["fb_iou"] == pytest.approx(((9 / 15 + 0.9) / 2 + (0.75 + 0.9) / 2) / 2)
    assert figures["mean_iou"] == pytest.approx(2.25 / 4)
    assert dict(InContext().metrics([])) == {}


def test_undecided_pixels_do_not_count(tmp_path: Path) -> None:
    folders.voc(tmp_path)
    rows = asked(tmp_path, InContext(episodes=8), Copying())
    assert {row["group"] for row in rows} == {"1", "7"}
    assert all(row["intersection"] == row["union"] for row in rows)
    of_last = [row for row in rows if "d.jpg" in row["image"]]
    assert {row["rest_intersection"] for row in of_last} == {256 - 16 - 36, 256 - 16 - 16}
    assert dict(InContext().metrics(rows))["miou"] == 1


def test_several_examples_and_some_folds(tmp_path: Path) -> None:
    folders.voc(tmp_path)
    model = Copying()
    rows = asked(tmp_path, InContext(shots=3, episodes=4, folds=(0,)), model)
    assert {row["fold"] for row in rows} == {0}
    assert set(model.shots) == {3}
    assert all(len(set(row["examples"])) == 3 for row in rows)


def test_a_mask_elsewhere_is_measured(tmp_path: Path) -> None:
    folders.fss(tmp_path)
    rows = asked(tmp_path, InContext(), Copying())
    assert len(rows) == 6  # each image of each class once
    by_iou = {row["iou"] for row in rows}
    assert by_iou <= {round(5 / 7, 5), round(4 / 8, 5)}


def test_options_say_what_was_asked(tmp_path: Path) -> None:
    folders.coco_file(tmp_path)
    experiment, dataset = InContext(episodes=3).open(Source(str(tmp_path)))
    assert dataset.kind == "COCO-20i"
    assert experiment.options()["folds"] == [1, 2]
    assert experiment.options()["classes"] == 2


def test_what_can_not_be_is_refused(tmp_path: Path) -> None:
    for wrong in ({"shots": 0}, {"episodes": 0}, {"ensemble": "grid"}):
        with pytest.raises(Error):
            InContext(**wrong)
    folders.fss(tmp_path)
    with pytest.raises(Error, match="from 0 to 0"):
        InContext(folds=(1,)).open(Source(str(tmp_path)))


def test_the_section_lays_examples_and_ensembles_beside_the_published_figures() -> None:
    def measured(shots: int, ensemble: str, miou: float) -> Result:
        options = {**InContext().options(), "shots": shots, "ensemble": ensemble}
        made = result("in-context", "coco", options, {"miou": miou})
        return replace(made, data_kind="COCO-20i")

    results = [measured(1, "", 0.5), measured(5, "", 0.6), measured(5, "spatial", 0.55)]
    text = "\n".join(map(str, InContext.section(results, Labels())))
    assert "| **mobile-sam** | COCO-20i | 20 | 50.0 | 60.0 |" in text
    assert "| **mobile-sam**, spatial ensemble | COCO-20i | 20 | – | 55.0 |" in text
    assert "| COCO-20i |  | 56.1 | 67.9 |" in text
    assert "| FSS-1000 |  | 85.6 | 89.3 |" in text
