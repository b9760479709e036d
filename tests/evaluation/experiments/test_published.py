"""The paper's figures: that they are whole, and agree with what the paper says of them."""

from __future__ import annotations

import dataclasses

import pytest

from anymask.evaluation.discovery import image_experiments
from anymask.evaluation.experiment import ImageExperiment
from anymask.evaluation.experiments import boxes, edges, fairness, proposals, representation
from anymask.evaluation.experiments.fairness import PublishedInterval
from anymask.evaluation.report.layout import PublishedTable

TABLES = [edges.PUBLISHED, proposals.PUBLISHED, boxes.PUBLISHED_COCO, boxes.PUBLISHED_LVIS]
# Boxes tell their options only of a file that they have read; of its detector and of words the
# paper gives none.
APART = ("boxes", "detector", "text")
MEASURED_BEFORE = [one for name, one in image_experiments().items() if name not in APART]


def of(table: PublishedTable, method: str) -> dict[str, float]:
    (row,) = (row for row in table.rows if row.method == method)
    return dict(row.metrics)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.data))
def test_figures_are_fractions_and_the_zero_shot_model_is_among_them(table: PublishedTable) -> None:
    for row in table.rows:
        assert all(0 < value < 1 for value in row.metrics.values())
    assert not next(row for row in table.rows if row.method == "SAM").trained


def test_what_was_not_given_is_left_out() -> None:
    assert of(edges.PUBLISHED, "Sobel filter") == {"ods": 0.539}
    assert "r50" not in of(edges.PUBLISHED, "Canny")
    assert of(edges.PUBLISHED, "SAM")["r50"] == 0.928


def test_proposals_are_as_the_text_says() -> None:
    """§7.3: better than ViTDet-H on medium objects, and on rare and common ones."""
    sam, vitdet = of(proposals.PUBLISHED, "SAM"), of(proposals.PUBLISHED, "ViTDet-H")
    better = {name for name in sam if sam[name] > vitdet[name]}
    assert better == {"ar_1000_medium", "ar_1000_common", "ar_1000_rare"}
    assert sam["ar_1000"] == 0.593


def test_only_older_and_middle_aged_people_are_apart() -> None:
    """Table 2: within each grouping, all intervals overlap but those of older and middle."""

    def apart(a: PublishedInterval, b: PublishedInterval) -> bool:
        return abs(a.mean - b.mean) > a.margin + b.margin

    pairs = [
        {one.value, other.value}
        for one in fairness.PEOPLE
        for other in fairness.PEOPLE
        if one.attribute == other.attribute
        if apart(one.one_point, other.one_point)
    ]
    assert pairs == [{"older", "middle"}] * 2


@pytest.mark.parametrize("kind", ["sa_1b", "coco", "open_images"])
def test_shares_of_images_sum_to_one(kind: str) -> None:
    shares = [getattr(one, kind) for one in representation.PUBLISHED]
    regions, incomes = shares[:5], shares[5:]
    assert sum(regions) == pytest.approx(1, abs=0.002)
    assert sum(incomes) == pytest.approx(1, abs=0.002)


def test_both_halves_of_the_table_of_countries_count_the_same_ones() -> None:
    countries = [one.countries for one in representation.PUBLISHED]
    assert sum(countries[:5]) == sum(countries[5:]) == 217


@pytest.mark.parametrize("experiment", MEASURED_BEFORE, ids=lambda one: str(one.name))
def test_protocols_name_options_that_there_are(experiment: ImageExperiment) -> None:
    assert experiment.protocol is not None
    named = {*experiment.protocol.options, *experiment.protocol.words}
    assert named <= set(experiment.options())


@pytest.mark.parametrize("experiment", MEASURED_BEFORE, ids=lambda one: str(one.name))
def test_the_defaults_are_the_papers_protocol(experiment: ImageExperiment) -> None:
    """But for the split: BSDS500's test images are for the last evaluation only."""
    assert experiment.protocol is not None
    options = experiment.options()
    for key, value in experiment.protocol.options.items():
        assert options[key] == value or key == "split", key


def test_figures_can_not_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        edges.PUBLISHED.where = "Table 4"  # type: ignore[misc]
