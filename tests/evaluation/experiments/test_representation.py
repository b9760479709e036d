"""Representation: images by region and income, from tables of several kinds."""

from __future__ import annotations

from pathlib import Path

import pytest

from anymask.errors import DatasetError
from anymask.evaluation.experiments import representation as module
from anymask.evaluation.experiments.representation import (
    PUBLISHED,
    Representation,
    representation,
)
from anymask.evaluation.report.layout import Labels


def table(folder: Path, text: str) -> Path:
    file = folder / "table.csv"
    file.write_text(text)
    return file


def test_images_are_counted_by_country_region_and_income(tmp_path: Path) -> None:
    file = table(tmp_path, "image,country\na,FR\nb,DEU\nc,France\nd,Kenya\ne,Venezuela\n")
    metrics, rows, passed_over = representation(file)
    assert rows[0] == {
        "country": "FRA", "name": "France", "region": "Europe", "income": "high income",
        "images": 2, "share": 0.4,
    }  # fmt: skip
    assert passed_over == []
    assert (metrics["images/placed"], metrics["images/unplaced"]) == (5, 0)
    assert (metrics["images/Europe"], metrics["countries/Europe"]) == (3, 2)
    assert metrics["listed/Europe"] == 47
    assert metrics["share/Europe"] == pytest.approx(3 / 5)
    assert metrics["share/high income"] == pytest.approx(3 / 4)  # Venezuela has no class
    assert metrics["share/low income"] == 0
    assert metrics["by_countries/Europe"] == pytest.approx((3 / 5) / (47 / 217))
    assert 4 < metrics["by_population/Europe"] < 8  # a tenth of all people live there


def test_shares_of_regions_and_of_incomes_each_add_up(tmp_path: Path) -> None:
    metrics, _, _ = representation(table(tmp_path, "country,images\nUS,7\nIndia,5\nHaiti,2\n"))
    regions = [metrics[f"share/{one.group}"] for one in PUBLISHED[:5]]
    incomes = [metrics[f"share/{one.group}"] for one in PUBLISHED[5:]]
    assert sum(regions) == pytest.approx(1)
    assert sum(incomes) == pytest.approx(1)


def test_a_table_may_be_of_captions_and_countries_go_first(tmp_path: Path) -> None:
    file = table(
        tmp_path,
        "image,country,caption\n"
        'a,,"Market in Lagos, Nigeria"\n'
        'b,KE,"Market in Lagos, Nigeria"\n'
        "c,,A cat\nd,,Georgia\ne,Narnia,\nf,,\n",
    )
    metrics, rows, passed_over = representation(file)
    assert [row["country"] for row in rows] == ["NGA", "KEN"]
    assert [one["name"] for one in passed_over] == ["c", "d", "e", "f"]
    assert "'Narnia'" in passed_over[2]["reason"]
    assert metrics["images/unplaced"] == 4
    for kind in ("nowhere", "ambiguous", "unknown", "empty"):
        assert metrics[f"unplaced/{kind}"] == 1


def test_counts_of_an_unknown_country_are_all_unplaced(tmp_path: Path) -> None:
    file = table(tmp_path, "country,images\nPeru,10\nNarnia,90\nChile,0\n")
    metrics, rows, passed_over = representation(file)
    assert (metrics["images/placed"], metrics["images/unplaced"]) == (10, 90)
    assert len(rows) == 1
    assert [one["name"] for one in passed_over] == ["Narnia"]


def test_territories_are_of_their_region_and_count_as_no_country(tmp_path: Path) -> None:
    metrics, rows, _ = representation(table(tmp_path, "image,country\na,Réunion\nb,AQ\n"))
    assert (metrics["images/Africa"], metrics["countries/Africa"]) == (1, 0)
    assert {row["country"]: row["region"] for row in rows} == {"REU": "Africa", "ATA": None}
    assert "share/high income" not in metrics  # of no image there is any income


def test_only_so_many_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_NAMED", 2)
    file = table(tmp_path, "image,country\na,FR\nb,\nc,\nd,\n")
    metrics, _, passed_over = representation(file)
    assert metrics["images/unplaced"] == 3
    assert len(passed_over) == 2


def test_it_is_laid_beside_the_papers_table(tmp_path: Path) -> None:
    lines = "".join(f"{code},{n}\n" for code, n in (("FR", 6), ("US", 3), ("KE", 1)))
    result = Representation.result(table(tmp_path, "country,images\n" + lines))
    said, laid_out = Representation.section([result], Labels())
    assert "the country of 10 images is known, that of 0 is not" in str(said)
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in str(laid_out).splitlines()]
    assert [row[0] for row in rows[2:]] == [one.group for one in PUBLISHED]
    assert rows[2][:4] == ["Africa", "10.0", "1", "1 of 54"]
    assert rows[2][5:] == ["2.8", "54", "3.0", "1.7"]


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("", "no names of columns"),
        ("picture,country\na,FR\n", "expected is image,country"),
        ("image\na\n", "expected is image,country"),
        ("image,country\n", "no image's country is known"),
        ("image,caption\na,A cat\n", "1 are unplaced"),
        ("country,images\nFR,many\n", "line 2: 'many' is no number"),
        ("country,images\nFR,-1\n", "no number of images"),
        ("country,images\nFR,0\n", "no image's country is known"),
    ],
)
def test_tables_of_which_nothing_can_be_said_are_refused(
    tmp_path: Path, text: str, match: str
) -> None:
    with pytest.raises(DatasetError, match=match):
        representation(table(tmp_path, text))


def test_a_table_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="can't be read"):
        representation(tmp_path / "none.csv")


@pytest.mark.parametrize("column", ["sa_1b", "coco", "open_images"])
def test_the_published_shares_add_up(column: str) -> None:
    shares = [getattr(one, column) for one in PUBLISHED]
    assert sum(shares[:5]) == pytest.approx(1, abs=0.0015)
    assert sum(shares[5:]) == pytest.approx(1, abs=0.0015)
