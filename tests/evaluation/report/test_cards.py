"""Cards: complete with gaps that are named, filled from results, and never of the wrong thing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from anymask.datasets.recognise import open_dataset
from anymask.datasets.statistics import facts_of
from anymask.errors import ResultError
from anymask.evaluation.discovery import sections
from anymask.evaluation.experiments.fairness import Fairness
from anymask.evaluation.experiments.representation import representation
from anymask.evaluation.report.cards import data_card, model_card
from anymask.evaluation.result import Result

MITCHELL = (
    "Model details", "Intended use", "Factors", "Decision thresholds", "Training data",
    "Evaluation data", "Quantitative analyses", "Ethical considerations",
    "Caveats and recommendations",
)  # fmt: skip
GEBRU = (
    "Motivation", "Composition", "Collection process", "Preprocessing, cleaning, labelling",
    "Where images come from", "Quantitative analyses", "Uses", "Distribution", "Maintenance",
)  # fmt: skip


def result(**changes: Any) -> Result:
    one = Result(
        experiment="points",
        options={},
        data="coco446",
        data_kind="COCO annotations",
        data_fingerprint="f",
        model="mobile-sam@0123",
        images=446,
        metrics={"miou_1": 0.5432, "miou_3": 0.7},
        commit="abc1234",
    )
    return replace(one, **changes)


def fair() -> Result:
    rng = np.random.default_rng(0)
    rows = [
        {
            "image": f"{k}", "mask": 0, "group": None, "iou_1": mean + rng.normal(0, 0.05),
            "iou_3": 0.9, "attributes": {"age": value},
        }
        for value, mean in (("young", 0.7), ("older", 0.5))
        for k in range(20)
    ]  # fmt: skip
    experiment = Fairness(resamples=100)
    return result(
        experiment="fairness",
        options=experiment.options(),
        rows=rows,
        metrics=dict(experiment.metrics(rows)),
    )


def origins(folder: Path) -> Result:
    file = folder / "countries.csv"
    file.write_text("image,country\na,FR\nb,KE\nc,\n")
    metrics, rows, passed_over = representation(file)
    return result(
        experiment="representation",
        data="countries.csv",
        model="none",
        images=3,
        metrics=metrics,
        rows=rows,
        passed_over=passed_over,
    )


def line(card: str, label: str) -> str:
    (found,) = [one for one in card.splitlines() if one.startswith(f"- **{label}:**")]
    return found


@pytest.mark.parametrize(("card", "titles"), [(model_card, MITCHELL), (data_card, GEBRU)])
def test_an_empty_card_has_all_sections_and_says_what_would_fill_them(
    card: Any, titles: tuple[str, ...]
) -> None:
    text = card([], {}, sections())
    heads = [one.removeprefix("## ") for one in text.splitlines() if one.startswith("## ")]
    assert tuple(heads) == titles
    lines = [one for one in text.splitlines() if one.startswith("- ")]
    assert lines
    assert all("not known; to be filled from: " in one for one in lines)


def test_a_model_card_is_filled_from_facts_and_results() -> None:
    facts = {
        "name": "Mobile | SAM",
        "parameters": 10130092,
        "training": {"recipe": "finetune", "steps": 200, "data": {"images": 7, "masks": 70}},
        "licence": "Apache-2.0",
        "hours": 12345.6,
        "mascot": ["a cat", "a dog"],
        "caveats": "",
    }
    card = model_card([result(), fair()], facts, sections())
    assert card.startswith("# Model card: Mobile \\| SAM\n")
    assert line(card, "Identifier").endswith("mobile-sam@0123")
    assert line(card, "Parameters").endswith("10,130,092")
    assert "steps 200; data (images 7; masks 70)" in line(card, "Training")
    assert line(card, "hours").endswith("12,346")
    assert line(card, "mascot").endswith("a cat, a dog")
    assert "not known" in line(card, "Known weaknesses")
    assert "| coco446 | COCO annotations | points | 446 | all |" in card
    assert "| miou\\_1 | 0.5432 |" in card
    assert "young and older don't overlap" in card
    assert "By groups of people: not known" not in card


def test_what_takes_from_the_weight_of_results_is_said() -> None:
    broken = [{"name": "x", "reason": "is broken"}]
    card = model_card([result(limit=5, images=5, passed_over=broken, commit="")], {}, sections())
    assert "| points | 5 | 5 |" in card
    assert "only 5 images were asked for" in card
    assert "could not be read or placed: 1." in card
    assert "no commit is known" in card
    assert "By groups of people: not known" in card


def test_a_card_is_of_one_model_and_of_one_dataset() -> None:
    with pytest.raises(ResultError, match=r"one model, not of a@1, mobile-sam@0123"):
        model_card([result(), result(model="a@1")], {}, sections())
    with pytest.raises(ResultError, match="one model"):
        model_card([result()], {"model": "a@1"}, sections())
    with pytest.raises(ResultError, match="points is on coco446, not on dsb60"):
        data_card([result()], {"data": "dsb60"}, sections())


def test_a_data_card_is_filled_from_a_dataset_and_results(tmp_path: Path) -> None:
    folder = tmp_path / "pairs"
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number in range(2):
        labels = np.zeros((30, 40), np.uint8)
        labels[:10, :10], labels[20:, 20:] = 1, 2
        cv2.imwrite(str(folder / "images" / f"{number}.png"), np.stack([labels] * 3, axis=-1))
        cv2.imwrite(str(folder / "masks" / f"{number}.png"), labels)
    facts = {**facts_of(open_dataset(str(folder))), "licence": "CC BY 4.0"}
    card = data_card([result(data="pairs"), origins(tmp_path)], facts, sections())
    assert card.startswith("# Data card: pairs\n")
    assert line(card, "Images").endswith(" 2")
    assert line(card, "Masks").endswith(" 4")
    assert "median 40;" in line(card, "Width of images (pixels)")
    assert line(card, "Licence").endswith("CC BY 4.0")
    assert "not known" in line(card, "Consent and payment")
    assert "| Africa | 50.0 |" in card
    assert "### points on pairs, mobile-sam" in card
