"""Captions: which country they say, and when they say none for certain."""

from __future__ import annotations

import pytest

from anymask.datasets.captions import How, Place, place_of


@pytest.mark.parametrize(
    ("caption", "code"),
    [
        ("A street market in Bangkok, Thailand", "THA"),
        ("ISTANBUL, TURKEY - MAY 5, 2019: people walking", "TUR"),
        ("Kuala Lumpur - Malaysia", "MYS"),
        ("woman in tokyo, japan at night", "JPN"),
        ("Papua New Guinea highlands", "PNG"),
        ("Guinea-Bissau", "GNB"),
        ("Italy's best beaches", "ITA"),
        ("The U.S. flag", "USA"),
        ("Bosnia and Herzegovina, Mostar", "BIH"),
        ("Athens, Georgia", "USA"),
        ("Tbilisi, Georgia", "GEO"),
        ("The old town of Tbilisi in Georgia", "GEO"),
        ("Paris, Texas", "USA"),
        ("Lebanon, Pennsylvania", "USA"),
        ("London, Ontario", "CAN"),
        ("Ontario, Canada", "CAN"),
        ("Hong Kong, China", "HKG"),
        ("Saint-Denis, Réunion, France", "REU"),
        ("Seoul, Korea", "KOR"),
        ("Old man in Nice, France", "FRA"),
        ("Ruins of Ephesus in Turkey", "TUR"),
        ("Made in China", "CHN"),
        ("A harbour. Amman, Jordan", "JOR"),
    ],
)
def test_captions_with_a_country(caption: str, code: str) -> None:
    assert place_of(caption).country == code
    assert place_of(caption).how == How.country


@pytest.mark.parametrize(
    ("caption", "code", "how"),
    [
        ("New Mexico desert", "USA", How.province),
        ("Wales in autumn", "GBR", How.province),
        ("New South Wales coast", "AUS", How.province),
        ("Mexico City at dusk", "MEX", How.city),
        ("São Paulo skyline", "BRA", How.city),
        ("Paris street at night", "FRA", How.city),  # the largest of them
        ("Nigerian market in Lagos", "NGA", How.city),
    ],
)
def test_captions_without_a_country_but_with_a_province_or_a_large_city(
    caption: str, code: str, how: How
) -> None:
    assert place_of(caption) == Place(code, how)


@pytest.mark.parametrize(
    "caption",
    [
        "Georgia",
        "Congo river",
        "Lake Constance between Germany and Switzerland",
        "France, Germany",
        "Rome, Paris, London",
        "Athens, Greece and Rome, Italy",
        "Turkey sandwich on a plate",
        "China Cups",
    ],
)
def test_captions_that_may_mean_two_countries_or_a_thing(caption: str) -> None:
    assert place_of(caption) == Place(None, How.ambiguous)


@pytest.mark.parametrize(
    "caption",
    [
        "Nice view of the sea",
        "A sandwich with turkey",
        "people looking at us",
        "Guinea pig eating grass",
        "woman reading in a bar",
        "Indonesian temple",  # what people are called says nothing
        "Malitown",  # whole words only
        "a man and his cat",
        "2019",
        "",
        "东京",
    ],
)
def test_captions_that_say_nothing(caption: str) -> None:
    assert place_of(caption).how == How.nowhere
