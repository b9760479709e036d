"""What people's ratings come to, by hand, and the section of the report."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from anymask.core.ratings.rating import TRUTH, Kind, RatedMask, Rating
from anymask.core.ratings.rating_file import RatingFile, RatingHead
from anymask.errors import ResultError
from anymask.evaluation.discovery import sections
from anymask.evaluation.human_ratings import HumanRatings, ModelRatings, human_ratings
from anymask.evaluation.report import page as pages
from tests.evaluation import invented

FIRST, SECOND = "mobile-sam@0123456789abcdef", "sam-vit-b@fedcba9876543210"
HEAD = RatingHead("plan", (FIRST, SECOND), ("coins",), 0)
# Of objects in four images: what two raters said of each model's mask and of the truth.
SAID = {FIRST: ((5, 7), (6, 6), (7, 7), (4, 8)), SECOND: ((8, 8), (7, 9), (8, 10), (9, 7))}
SAID[TRUTH] = ((9, 9), (9, 9), (10, 10), (8, 10))
RATERS = ("Ada", "Ben")


def rating(
    rater: str, number: int, said: int, model: str, image: int, kind: Kind = Kind.answer
) -> Rating:
    of = RatedMask(f"{model} {image} {kind}", kind, model, "coins", f"{image}.png", 0, 0.5)
    at = f"2026-11-2{number % 3 + 1}T10:00:00+00:00"
    return Rating(f"{rater} {number}", rater, number, False, said, 4.0, at, of)


def ratings() -> list[Rating]:
    return [
        rating(rater, 4 * place + image, said[image][turn], model, image)
        for turn, rater in enumerate(RATERS)
        for place, (model, said) in enumerate(SAID.items())
        for image in range(4)
    ]


def inattentive(rater: str = "Eve") -> list[Rating]:
    """Says 10 of everything, three masks beside their point among it."""
    said = [rating(rater, number, 10, "", number, Kind.wrong) for number in range(3)]
    return [*said, rating(rater, 3, 10, FIRST, 0)]


def read(*lines: Rating) -> RatingFile:
    return RatingFile(HEAD, tuple(lines or ratings()), 0)


def of_model(rated: HumanRatings, model: str) -> ModelRatings:
    (row,) = (row for row in rated.models if row.model == model)
    return row


def test_means_are_of_masks() -> None:
    rated = human_ratings([read()])
    first = of_model(rated, FIRST)
    assert (first.masks, first.ratings, first.mean, first.iou) == (4, 8, 6.25, 0.5)
    assert first.histogram == (0, 0, 0, 1, 1, 2, 3, 1, 0, 0)
    assert of_model(rated, TRUTH).mean == pytest.approx((9 + 9 + 10 + 9) / 4)
    assert first.interval is not None
    assert first.interval.low <= 6.25 <= first.interval.high
    assert [row.model for row in rated.models] == [TRUTH, FIRST, SECOND]
    assert (rated.ratings, rated.dates) == (24, ("2026-11-21", "2026-11-23"))


def test_a_mask_that_one_more_person_rated_counts_no_more() -> None:
    more = [*ratings(), rating("Cem", 0, 1, FIRST, 0)]
    first = of_model(human_ratings([read(*more)]), FIRST)
    assert first.mean == pytest.approx(((5 + 7 + 1) / 3 + 6 + 7 + 6) / 4)
    assert first.ratings == 9


def test_differences_are_of_the_same_objects() -> None:
    rated = human_ratings([read()])
    assert rated.baseline == FIRST
    assert of_model(rated, FIRST).difference is None
    difference = of_model(rated, SECOND).difference  # 8-6, 8-6, 9-7, 8-6
    assert difference is not None
    assert (difference.pairs, difference.mean, difference.t_p) == (4, 2, None)
    assert difference.wilcoxon_p is not None
    truth = of_model(rated, TRUTH).difference  # 3, 3, 3, 3
    assert truth is not None
    assert truth.mean == 3
    other = of_model(human_ratings([read()], "sam-vit-b"), FIRST).difference
    assert other is not None
    assert other.mean == -2
    some = [one for one in ratings() if one.of.model != FIRST or one.of.image != "0.png"]
    less = of_model(human_ratings([read(*some)]), SECOND).difference
    assert less is not None
    assert less.pairs == 3


def test_an_unknown_baseline_is_refused() -> None:
    assert human_ratings([read()], "truth").baseline == TRUTH
    assert human_ratings([read()], SECOND).baseline == SECOND
    with pytest.raises(ResultError, match="no model is called ritm: the ratings are of truth, mob"):
        human_ratings([read()], "ritm")


def test_raters_agree_by_so_much() -> None:
    rated = human_ratings([read()])
    assert rated.between is not None
    assert (rated.between.things, rated.between.pairs) == (12, 12)
    apart = [abs(a - b) for said in SAID.values() for a, b in said]
    assert rated.between.difference == pytest.approx(sum(apart) / 12)
    assert rated.again is None
    again = replace(rating("Ada", 50, 9, FIRST, 0), is_repeat=True)
    rated = human_ratings([read(*ratings(), again)])
    assert rated.again is not None
    assert (rated.again.things, rated.again.difference) == (1, 4)
    assert of_model(rated, FIRST).mean == 6.25


def test_who_does_not_look_is_named_and_may_be_left_out() -> None:
    file = read(*ratings(), *inattentive())
    rated = human_ratings([file])
    assert [one.rater for one in rated.raters if one.is_inattentive] == ["Eve"]
    assert (rated.dropped, of_model(rated, FIRST).ratings) == ((), 9)
    dropped = human_ratings([file], drop_inattentive=True)
    assert (dropped.dropped, of_model(dropped, FIRST).ratings) == (("Eve",), 8)
    with pytest.raises(ResultError, match="nobody who rated looked"):
        human_ratings([read(*inattentive())], drop_inattentive=True)


def test_several_files_count_together_and_corrections_in_each() -> None:
    half = len(ratings()) // 2
    first, second = ratings()[:half], ratings()[half:]
    slip = replace(first[0], id="slip", rating=1)
    rated = human_ratings([read(slip, *first), read(*second)])
    assert rated.models == human_ratings([read()]).models


def test_nothing_is_no_rating() -> None:
    check = rating("Ada", 0, 1, "", 0, Kind.wrong)
    with pytest.raises(ResultError, match="nothing was rated yet"):
        human_ratings([read(check)])


def page(rated: HumanRatings, with_results: bool = False) -> str:
    results = [invented.points()] if with_results else []
    return pages.report(results, sections(), rated=rated).markdown()


def test_the_section_says_all_of_it(tmp_path: Path) -> None:
    text = page(human_ratings([read(*ratings(), *inattentive())], drop_inattentive=True))
    assert "## Human ratings" in text
    assert "2 raters gave 24 ratings from 1 to 10" in text
    assert "between 2026-11-21 and 2026-11-23" in text
    (line,) = (line for line in text.splitlines() if line.startswith("| coins | sam-vit-b |"))
    cells = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells[2:4] == ["4", "8"]
    assert cells[4].startswith("8.25 (")
    assert cells[5] == "50.0"
    assert cells[6].startswith("+2.00 (2.00 to 2.00)")
    assert "| coins | the truth |" in text
    assert "| Eve | 4 | 4.0 | 0 of 3 | not attentive: left out |" in text
    assert "Krippendorff" in text
    assert "## How the figures were made" not in text


def test_it_stands_beside_results() -> None:
    text = page(human_ratings([read()]), with_results=True)
    titles = [line for line in text.splitlines() if line.startswith("## ")]
    assert titles == ["## Single point", "## Human ratings", "## How the figures were made"]
    assert "from 1 result and people's ratings." in text


def test_its_figures_are_drawn(tmp_path: Path) -> None:
    report = pages.report([], sections(), rated=human_ratings([read()]))
    pages.write(report, tmp_path / "page.md")
    assert sorted(path.name for path in (tmp_path / "page").iterdir()) == [
        "rating-histograms.png",
        "ratings.png",
    ]


def test_one_model_on_one_image_is_enough() -> None:
    text = page(human_ratings([read(rating("Ada", 0, 7, FIRST, 0))]))
    assert "| coins | mobile-sam | 1 | 1 | 7.00 | 50.0 |" in text
    assert "1 rater gave 1 ratings" not in text
