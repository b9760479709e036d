"""The paper's figures: that they are whole, and agree with what the paper says of them."""

from __future__ import annotations

import dataclasses

import pytest

from anymask.evaluation.experiments.clicks import Clicks
from anymask.evaluation.experiments.edges import Edges
from anymask.evaluation.experiments.fairness import Fairness
from anymask.evaluation.experiments.points import Points
from anymask.evaluation.experiments.proposals import Proposals
from anymask.evaluation.report import published
from anymask.evaluation.report.published import Interval, Table

TABLES = [published.EDGES, published.PROPOSALS, published.BOXES_COCO, published.BOXES_LVIS]


def of(table: Table, method: str) -> dict[str, float]:
    (row,) = (row for row in table.rows if row.method == method)
    return dict(row.metrics)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: str(table.data))
def test_figures_are_fractions_and_the_zero_shot_model_is_among_them(table: Table) -> None:
    for row in table.rows:
        assert all(0 < value < 1 for value in row.metrics.values())
    assert not next(row for row in table.rows if row.method == "SAM").trained


def test_what_was_not_given_is_left_out() -> None:
    assert of(published.EDGES, "Sobel filter") == {"ods": 0.539}
    assert "r50" not in of(published.EDGES, "Canny")
    assert of(published.EDGES, "SAM")["r50"] == 0.928


def test_proposals_are_as_the_text_says() -> None:
    """§7.3: better than ViTDet-H on medium objects, and on rare and common ones."""
    sam, vitdet = of(published.PROPOSALS, "SAM"), of(published.PROPOSALS, "ViTDet-H")
    better = {name for name in sam if sam[name] > vitdet[name]}
    assert better == {"ar_1000_medium", "ar_1000_common", "ar_1000_rare"}
    assert sam["ar_1000"] == 0.593


def test_only_older_and_middle_aged_people_are_apart() -> None:
    """Table 2: within each grouping, all intervals overlap but those of older and middle."""

    def apart(a: Interval, b: Interval) -> bool:
        return abs(a.mean - b.mean) > a.margin + b.margin

    pairs = [
        {one.value, other.value}
        for one in published.PEOPLE
        for other in published.PEOPLE
        if one.attribute == other.attribute
        if apart(one.one_point, other.one_point)
    ]
    assert pairs == [{"older", "middle"}] * 2


@pytest.mark.parametrize("kind", ["sa_1b", "coco", "open_images"])
def test_shares_of_images_sum_to_one(kind: str) -> None:
    shares = [getattr(one, kind) for one in published.REPRESENTATION]
    regions, incomes = shares[:5], shares[5:]
    assert sum(regions) == pytest.approx(1, abs=0.002)
    assert sum(incomes) == pytest.approx(1, abs=0.002)


def test_both_halves_of_the_table_of_countries_count_the_same_ones() -> None:
    countries = [one.countries for one in published.REPRESENTATION]
    assert sum(countries[:5]) == sum(countries[5:]) == 217


@pytest.mark.parametrize("experiment", [Points(), Clicks(), Edges(), Proposals(), Fairness()])
def test_protocols_name_options_that_there_are(
    experiment: Points | Clicks | Edges | Proposals | Fairness,
) -> None:
    protocol = published.PROTOCOLS[experiment.name]
    assert set(protocol.options) <= set(experiment.options())


@pytest.mark.parametrize("experiment", [Points(), Clicks(), Proposals(), Fairness()])
def test_the_defaults_are_the_papers_protocol(
    experiment: Points | Clicks | Proposals | Fairness,
) -> None:
    options = experiment.options()
    for key, value in published.PROTOCOLS[experiment.name].options.items():
        assert options[key] == value, key


def test_figures_can_not_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        published.EDGES.where = "Table 4"  # type: ignore[misc]
