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
    """By which kind of name a country is known, or why it is not."""

    country = "country"
    province = "province"
    city = "city"
    ambiguous = "ambiguous"
    nowhere = "nowhere"


@dataclass(frozen=True, slots=True)
class Place:
    """Where a photograph was taken by its caption. country: ISO 3166 alpha-3, or None."""

    country: str | None
    how: How


@dataclass(slots=True)
class Name:
    """A name of places: the countries so called, and those that have provinces or cities so called.

    city: the country of the most populous of these cities, of ``people`` inhabitants.
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
class Mention:
    """A name in a caption.

    is_joined: it goes on with a comma to the next one. is_word: a word that may mean something
    else. is_city: a city large enough, written as names are.
    """

    name: Name
    is_joined: bool
    is_word: bool
    is_city: bool

    @property
    def countries_or_provinces(self) -> set[str]:
        """The countries that it may be, or be a province of."""
        return self.name.countries | self.name.provinces

    @property
    def possible_countries(self) -> set[str]:
        """The countries that it may lie in, as one itself, a province or a city."""
        return self.countries_or_provinces | self.name.cities


def place_of(caption: str) -> Place:
    """The place where a caption says that a photograph was taken. Raises ``MissingExtraError``."""
    certain: set[str] = set()
    lone: list[Mention] = []
    for mentions in _joined(_mentions(caption)):
        country = _country_of_joined(mentions)
        if country:
            certain.add(country)
        else:
            lone += mentions
    unsure = [
        mention
        for mention in lone
        if mention.name.countries and (mention.is_word or len(mention.countries_or_provinces) > 1)
    ]
    sure = [mention for mention in lone if mention not in unsure]
    certain.update(*(mention.name.countries for mention in sure))
    provinces = set[str]().union(*(mention.name.provinces for mention in sure))
    cities = {mention.name.city for mention in sure if mention.is_city}
    support = certain or set[str]().union(*(mention.possible_countries for mention in sure))
    for mention in unsure:
        supported = mention.countries_or_provinces & support
        if not supported:
            return Place(None, How.ambiguous)
        certain |= supported
    for codes, how in ((certain, How.country), (provinces, How.province), (cities, How.city)):
        if codes:
            return Place(codes.pop(), how) if len(codes) == 1 else Place(None, How.ambiguous)
    return Place(None, How.nowhere)


def _country_of_joined(mentions: Sequence[Mention]) -> str | None:
    """The country of names with commas between, of which the last lies around the others."""
    possible = mentions[-1].countries_or_provinces
    if len(mentions) < 2 or not possible:
        return None
    for mention in reversed(mentions[:-1]):
        closer = mention.possible_countries & (possible | _territories(possible))
        if closer:
            possible = closer
        elif mention.name.countries and mentions[-1].name.countries:
            return None  # a list of countries
    return possible.pop() if len(possible) == 1 else None


def _territories(codes: set[str]) -> set[str]:
    return set(chain(*(TERRITORIES.get(code, "").split() for code in codes)))


def _joined(mentions: Sequence[Mention]) -> Iterator[list[Mention]]:
    """Mentions that commas join, as one list; a mention by itself as another."""
    group: list[Mention] = []
    for mention in mentions:
        group.append(mention)
        if not mention.is_joined:
            yield group
            group = []


def _mentions(caption: str) -> list[Mention]:
    """The names in a caption, in its order; where several start at a word, the longest."""
    words = _words(caption)
    capitals_tell = any(len(word.text) > 3 and not word.is_capital for word in words)
    mentions = []
    start = 0
    while start < len(words):
        stop = _stop(words, start)
        if stop > start:
            is_placed = start > 0 and words[start - 1].text in PLACING
            is_followed = _stop(words, stop) > stop
            mentions += _mention(words[start:stop], is_followed, capitals_tell or is_placed)
        start = max(stop, start + 1)
    return mentions


def _mention(words: Sequence[Word], is_followed: bool, capital_tells: bool) -> list[Mention]:
    """The mention of a known name, or none where the words are no name here.

    is_followed: whether another name comes next. capital_tells: whether a capital letter tells a
    name from a word here.
    """
    text = " ".join(word.text for word in words)
    name = _index().names[text]
    is_capital = all(word.is_capital or word.text in LINKS for word in words)
    if text in WORDS and not is_capital:
        return []
    return [
        Mention(
            name,
            is_followed and bool(CHAIN.fullmatch(words[-1].behind)),
            text in WORDS and (words[0].begins or not capital_tells),
            is_capital and text not in COMMON and name.people >= SMALLEST_CITY,
        )
    ]


def _words(caption: str) -> list[Word]:
    text = INITIALS.sub(
        lambda match: match[0].replace(".", ""), unicodedata.normalize("NFC", caption)
    )
    matches = list(WORD.finditer(text))
    stops = [following.start() for following in matches[1:]] + [len(text)]
    words: list[Word] = []
    for match, stop in zip(matches, stops):
        begins = not words or bool(END.search(words[-1].behind))
        behind = text[match.end() : stop]
        words.append(Word(fold(match[0]).lower(), match[0][0].isupper(), behind, begins))
    return words


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
    """names: by their text, folded and in lower case. lengths: for a first word, the most words."""

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
        city_name, code = name(city["name"]), of_alpha_2[city["countrycode"]]
        city_name.cities.add(code)
        if city["population"] > city_name.people:
            city_name.city, city_name.people = code, city["population"]
    names.pop("", None)
    lengths: dict[str, int] = {}
    for text in names:
        first, *more = text.split()
        lengths[first] = max(lengths.get(first, 0), 1 + len(more))
    return _Names(names, lengths)
