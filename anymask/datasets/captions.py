"""Captions: in which country a photograph was taken, as far as its caption says (§C).

As in the paper, names of countries go before those of provinces, and these before cities; where a
caption has two countries, or a name that two go by, its country is left unknown. What stands before
a comma lies in what stands behind it: "Athens, Georgia" is in the United States, "Tbilisi, Georgia"
is not. Nothing here knows what a caption is about: Michael Jordan is taken for the country. Known
provinces are the United States', Canada's, Australia's and the United Kingdom's countries.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from itertools import chain

from anymask.datasets.geography import countries, fold, geonames, names_of

SMALLEST_CITY = 100_000  # people, of one that is named without its country

PROVINCES = {
    "AUS": "New South Wales; Northern Territory; Queensland; South Australia; Tasmania; "
    "Western Australia",
    "CAN": "Alberta; British Columbia; Labrador; Manitoba; New Brunswick; Newfoundland; Nunavut; "
    "Northwest Territories; Nova Scotia; Ontario; Prince Edward Island; Quebec; "
    "Saskatchewan; Yukon",
    "GBR": "England; Northern Ireland; Scotland; Wales",
    "USA": "New England",
}
# What has a code of its own, though people say that it lies in the country before it.
TERRITORIES = {
    "AUS": "CCK CXR NFK", "CHN": "HKG MAC TWN", "DNK": "FRO GRL", "FIN": "ALA",
    "FRA": "BLM GLP GUF MAF MTQ MYT NCL PYF REU SPM WLF",
    "GBR": "AIA BMU CYM FLK GGY GIB IMN JEY MSR SHN TCA VGB", "NLD": "ABW BES CUW SXM",
    "NOR": "SJM", "NZL": "COK NIU TKL", "USA": "ASM GUM MNP PRI VIR",
}  # fmt: skip
# No places, though places are in them.
PHRASES = (
    "brazil nut; brazil nuts; central america; english channel; guinea fowl; guinea pig; "
    "guinea pigs; gulf of mexico; jersey cow; jersey cows; lake victoria; latin america; new year; "
    "north america; panama hat; panama hats; sea of japan; south america; south china sea"
)
BETWEEN = {"Congo": "COD COG", "Korea": "KOR PRK", "Virgin Islands": "VGB VIR"}
# Countries whose names are words or people's, too: believed behind a word for a place, and where
# nothing else asks for a capital letter.
WORDS = {"chad", "china", "guinea", "jersey", "jordan", "turkey", "us"}
# Large cities whose names are words or people's, too: believed before a comma only.
_COMMON = """
    alexandra ann aurora austin bam bar barking batman bender boulder brandon buffalo cambridge
    centennial charlotte clovis columbia concord corona crawley cypress darwin davie delta edison
    elizabeth enterprise eugene gap george georgetown gilbert hamilton harrow ho hub hue
    independence irving ise jackson kent kita lancaster leon liberty lincoln madison male man
    manchester mango manta mary masai may mesa metro milton mobile most nancy natal newport nice
    nigel norfolk norman of orange paradise perm phoenix preston providence queens reading regina
    richmond rugby sale salem salvador same san santa santiago sari savannah split springs sunrise
    surprise surrey tours tula tyler union van vera victoria vista warren york
"""
COMMON = frozenset(_COMMON.split())
PLACING = {"across", "around", "from", "in", "near", "through", "throughout", "to"}
LINKS = {"am", "an", "and", "da", "de", "del", "di", "do", "du", "la", "of", "on", "the", "upon"}
WORD = re.compile(r"[^\W\d_]+|\d+")
INITIALS = re.compile(r"\b(?:[A-Za-z]\.){2,}")
WITHIN = re.compile(r"[\s.'’-]*")  # between the words of a name
CHAIN = re.compile(r"\s*[,(/]\s*|\s+[-–—|]\s+")
END = re.compile(r"[.!?:;\n]")


class How(StrEnum):
    """By what a country is known, or why it is not."""

    country = "country"
    province = "province"
    city = "city"
    ambiguous = "ambiguous"
    nowhere = "nowhere"


@dataclass(frozen=True, slots=True)
class Place:
    """What a caption says. country: ISO 3166 alpha-3, or None."""

    country: str | None
    how: How


@dataclass(slots=True)
class Name:
    """The countries that a name means, that have a province of that name, and that have cities.

    city: the country of the most populous of these, of ``people``.
    """

    countries: set[str] = field(default_factory=set)
    provinces: set[str] = field(default_factory=set)
    cities: set[str] = field(default_factory=set)
    city: str = ""
    people: int = 0


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a caption, folded, in lower case. behind: what stands before the next word.

    begins: whether it is the first of a sentence.
    """

    text: str
    is_capital: bool
    behind: str
    begins: bool


@dataclass(frozen=True, slots=True)
class Hit:
    """A name in a caption.

    joined: it goes on with a comma to the next one. is_word: a word that may mean something else.
    is_city: large enough a city, written as names are.
    """

    name: Name
    joined: bool
    is_word: bool
    is_city: bool

    @property
    def around(self) -> set[str]:
        """The countries that it may be, or be a province of."""
        return self.name.countries | self.name.provinces

    @property
    def anywhere(self) -> set[str]:
        """The countries that it may lie in."""
        return self.around | self.name.cities


def place_of(caption: str) -> Place:
    """Where a caption says that it is. Raises ``MissingExtraError``."""
    certain: set[str] = set()
    alone: list[Hit] = []
    for hits in _joined(_hits(caption)):
        country = _contained(hits)
        if country:
            certain.add(country)
        else:
            alone += hits
    unsure = [hit for hit in alone if hit.name.countries and (hit.is_word or len(hit.around) > 1)]
    sure = [hit for hit in alone if hit not in unsure]
    certain.update(*(hit.name.countries for hit in sure))
    provinces = set[str]().union(*(hit.name.provinces for hit in sure))
    cities = {hit.name.city for hit in sure if hit.is_city}
    support = certain or set[str]().union(*(hit.anywhere for hit in sure))
    for hit in unsure:
        if not hit.around & support:
            return Place(None, How.ambiguous)
        certain |= hit.around & support
    for found, how in ((certain, How.country), (provinces, How.province), (cities, How.city)):
        if found:
            return Place(found.pop(), how) if len(found) == 1 else Place(None, How.ambiguous)
    return Place(None, How.nowhere)


def _contained(hits: Sequence[Hit]) -> str | None:
    """The country of names with commas between, of which the last is around the others."""
    possible = hits[-1].around
    if len(hits) < 2 or not possible:
        return None
    for hit in reversed(hits[:-1]):
        closer = hit.anywhere & (possible | _territories(possible))
        if closer:
            possible = closer
        elif hit.name.countries and hits[-1].name.countries:
            return None  # a list of countries
    return possible.pop() if len(possible) == 1 else None


def _territories(codes: set[str]) -> set[str]:
    return set(chain(*(TERRITORIES.get(code, "").split() for code in codes)))


def _joined(hits: Sequence[Hit]) -> Iterator[list[Hit]]:
    """Names that hang together by commas; a name by itself."""
    some: list[Hit] = []
    for hit in hits:
        some.append(hit)
        if not hit.joined:
            yield some
            some = []


def _hits(caption: str) -> list[Hit]:
    """The names in a caption, longest first."""
    words = _words(caption)
    tells = any(len(word.text) > 3 and not word.is_capital for word in words)
    hits = []
    start = 0
    while start < len(words):
        stop = _stop(words, start)
        if stop > start:
            placed = start > 0 and words[start - 1].text in PLACING
            hits += _hit(words[start:stop], _stop(words, stop) > stop, tells or placed)
        start = max(stop, start + 1)
    return hits


def _hit(words: Sequence[Word], is_followed: bool, tells: bool) -> list[Hit]:
    """A name's, or none. tells: whether its capital letter tells it from a word."""
    text = " ".join(word.text for word in words)
    name = _index().names[text]
    is_written_so = all(word.is_capital or word.text in LINKS for word in words)
    if text in WORDS and not is_written_so:
        return []
    return [
        Hit(
            name,
            is_followed and bool(CHAIN.fullmatch(words[-1].behind)),
            text in WORDS and (words[0].begins or not tells),
            is_written_so and text not in COMMON and name.people >= SMALLEST_CITY,
        )
    ]


def _words(caption: str) -> list[Word]:
    text = INITIALS.sub(lambda met: met[0].replace(".", ""), unicodedata.normalize("NFC", caption))
    met = list(WORD.finditer(text))
    stops = [after.start() for after in met[1:]] + [len(text)]
    found: list[Word] = []
    for word, stop in zip(met, stops):
        begins = not found or bool(END.search(found[-1].behind))
        behind = text[word.end() : stop]
        found.append(Word(fold(word[0]).lower(), word[0][0].isupper(), behind, begins))
    return found


def _stop(words: Sequence[Word], start: int) -> int:
    """Where the longest name that starts at a word ends; ``start`` if none does."""
    if start >= len(words):
        return start
    index = _index()
    text, longest = "", start
    for stop in range(start, min(start + index.most_words(words[start].text), len(words))):
        text = f"{text} {words[stop].text}" if text else words[stop].text
        if text in index.names:
            longest = stop + 1
        if not WITHIN.fullmatch(words[stop].behind):
            break
    return longest


@dataclass(frozen=True, eq=False, slots=True)
class _Names:
    """Names, folded and in lower case; and of how many words those are that a word begins."""

    names: Mapping[str, Name]
    lengths: Mapping[str, int]

    def most_words(self, first: str) -> int:
        return self.lengths.get(first, 0)


@cache
def _index() -> _Names:
    names: dict[str, Name] = {}

    def name(text: str) -> Name:
        return names.setdefault(fold(text).lower(), Name())

    for phrase in PHRASES.split(";"):
        name(phrase)
    for country in countries().values():
        for text in names_of(country):
            name(text).countries.add(country.code)
    for text, codes in BETWEEN.items():
        name(text).countries.update(codes.split())
    for code, provinces in PROVINCES.items():
        for text in provinces.split(";"):
            name(text).provinces.add(code)
    for state in geonames().get_us_states().values():
        name(state["name"]).provinces.add("USA")
    of_alpha_2 = {country.alpha_2: country.code for country in countries().values()}
    for city in geonames().get_cities().values():
        meant, code = name(city["name"]), of_alpha_2[city["countrycode"]]
        meant.cities.add(code)
        if city["population"] > meant.people:
            meant.city, meant.people = code, city["population"]
    names.pop("", None)
    lengths: dict[str, int] = {}
    for text in names:
        first, *more = text.split()
        lengths[first] = max(lengths.get(first, 0), 1 + len(more))
    return _Names(names, lengths)
