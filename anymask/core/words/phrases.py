"""Phrases: "the second car from the right" as the thing that is meant, how many, and which.

A small grammar of English: several things (a, b and c), a number, a size, a side, an order, and
where a thing is beside another. What it does not know stays in the words, as part of a name.

    thing:  [all | a | the | number] [ordinal] [superlative | side] words [place] [relation]
    place:  on the left | in the middle | at the top | from the right | ...
    relation:  left of | right of | above | below | next to    words
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import pairwise

from anymask.errors import PromptError

MOST_CHARACTERS, MOST_WORDS = 500, 16  # what is longer is one plain phrase, read as far as that
ARTICLES = frozenset(("a", "an", "the", "some", "any", "this", "that"))
EVERY = frozenset(("all", "every", "each"))
_NUMBERS = "one two three four five six seven eight nine ten eleven twelve"
_ORDINALS = "first second third fourth fifth sixth seventh eighth ninth tenth"
_COLOURS = "black white red green blue yellow orange brown grey gray pink purple"
NUMBERS = {name: place + 1 for place, name in enumerate(_NUMBERS.split())} | {"both": 2}
ORDINALS = {name: place for place, name in enumerate(_ORDINALS.split())}
COLOURS = frozenset(_COLOURS.split())


class Order(StrEnum):
    """By what things are put in order, the first first."""

    likest = "likest"
    largest = "largest"
    smallest = "smallest"
    tallest = "tallest"
    shortest = "shortest"
    widest = "widest"
    narrowest = "narrowest"
    left = "left"
    right = "right"
    top = "top"
    bottom = "bottom"
    middle = "middle"


class Relation(StrEnum):
    """Where a thing is beside another."""

    left_of = "left of"
    right_of = "right of"
    above = "above"
    below = "below"
    beside = "next to"


ORDERS = {
    **dict.fromkeys(("biggest", "largest", "greatest", "hugest"), Order.largest),
    **dict.fromkeys(("smallest", "littlest", "tiniest"), Order.smallest),
    **dict.fromkeys(("tallest",), Order.tallest),
    **dict.fromkeys(("shortest",), Order.shortest),
    **dict.fromkeys(("widest", "broadest"), Order.widest),
    **dict.fromkeys(("narrowest", "thinnest"), Order.narrowest),
    **dict.fromkeys(("leftmost",), Order.left),
    **dict.fromkeys(("rightmost",), Order.right),
    **dict.fromkeys(("topmost", "uppermost", "highest"), Order.top),
    **dict.fromkeys(("bottommost", "lowest", "lowermost"), Order.bottom),
    **dict.fromkeys(("middlemost",), Order.middle),
}
SIDES = {
    **dict.fromkeys(("left", "left-hand"), Order.left),
    **dict.fromkeys(("right", "right-hand"), Order.right),
    **dict.fromkeys(("top", "upper"), Order.top),
    **dict.fromkeys(("bottom", "lower"), Order.bottom),
    **dict.fromkeys(("middle", "centre", "center", "central"), Order.middle),
}
_SIDE = "left|right|top|bottom|middle|centre|center"
_PICTURE = "image|picture|photo|photograph|scene"
_OF_THE_IMAGE = rf"(?: (?:side|hand side|edge|half|part))?(?: of the (?:{_PICTURE}))?"
PLACE = re.compile(
    rf" (?P<how>on|at|in|to|towards|from) (?:the |its )?(?:far |very )?(?P<side>{_SIDE})(?:-hand)?"
    rf"{_OF_THE_IMAGE}$"
)
RELATIONS = (
    (re.compile(r" (?:on |to )?(?:the )?left of "), Relation.left_of),
    (re.compile(r" (?:on |to )?(?:the )?right of "), Relation.right_of),
    (re.compile(r" (?:above|over) "), Relation.above),
    (re.compile(r" (?:below|under|underneath|beneath) "), Relation.below),
    (re.compile(r" (?:next to|beside|besides|near|by) "), Relation.beside),
)
EMOJI_STYLE = "\ufe0f"
OF_IMAGE = re.compile(rf"(?:{_PICTURE})$")
JOINTS = re.compile(r" *(?:,|;|&|\+)+ *(?:and )?| and ")
MARKS = re.compile(r"[.!?\"“”„«»()\[\]{}:]+")


@dataclass(frozen=True)
class Thing:
    """What is looked for. words: its name, which is its label.

    count: how many are wanted, None for all that are there. order: of those that are there, which
    come first; first: the place in that order at which they begin, from 0; -1 is the last one.
    relation, beside: only those that are so to another thing, and its name.
    """

    words: str
    count: int | None = None
    order: Order = Order.likest
    first: int = 0
    relation: Relation | None = None
    beside: str = ""


def things_of(text: str) -> tuple[Thing, ...]:
    """What a text asks for, each thing once. Raises ``PromptError`` for one without a name."""
    plain = _plain(text)
    check_named(plain)
    if len(plain.split()) > MOST_WORDS:
        return (Thing(plain),)
    parts = [part.strip() for part in JOINTS.split(plain)]
    parts = [part for part in parts if _can_name(part)]
    if any(_is_of_colours(*pair) for pair in pairwise(parts)):
        parts = [plain]
    return tuple(dict.fromkeys(map(_thing, parts)))


def check_named(text: str) -> None:
    """Raise ``PromptError`` for a text that can't name a thing."""
    if not _can_name(text):
        raise PromptError("words to look for need a letter or a digit")


def _can_name(text: str) -> bool:
    return any(letter.isalnum() for letter in text)


def _is_of_colours(one: str, other: str) -> bool:
    """Whether "and" is within a name: a black and white dog."""
    return one.split()[-1] in COLOURS and other.split()[0] in COLOURS


def _plain(text: str) -> str:
    """Lower-case, one space between, pictures by their names, without marks at the ends."""
    spelled = "".join(map(_spelled, text[:MOST_CHARACTERS]))
    return " ".join(MARKS.sub(" ", spelled).lower().split())


def _spelled(letter: str) -> str:
    """An emoji by its name in Unicode; what only changes how one looks is nothing."""
    kind = unicodedata.category(letter)
    if kind == "So":
        return f" {unicodedata.name(letter, '')} "
    changes = kind in ("Cc", "Cf", "Sk") or letter == EMOJI_STYLE
    return "" if changes and not letter.isspace() else letter


def _thing(text: str) -> Thing:
    """One thing; what would have no name keeps all its words."""
    name, found = _without_place(*_without_relation(text))
    name, found = _without_front(name, found)
    return replace(found, words=name) if name else Thing(text)


def _without_relation(text: str) -> tuple[str, Thing]:
    found = Thing(text)
    for pattern, relation in RELATIONS:
        match = pattern.search(text)
        if match is None:
            continue
        name, other = text[: match.start()], _without_front(text[match.end() :], found)[0]
        if name and other and not OF_IMAGE.match(other):
            return name, replace(found, relation=relation, beside=other)
    return text, found


def _without_place(text: str, found: Thing) -> tuple[str, Thing]:
    match = PLACE.search(text)
    if match is None or not text[: match.start()]:
        return text, found
    name = text[: match.start()]
    return name, replace(found, order=SIDES[match["side"]], count=None if _is_many(name) else 1)


def _without_front(text: str, found: Thing) -> tuple[str, Thing]:
    """Take articles, numbers, ordinals, sizes and sides off the front, while a name is left."""
    words = text.split()
    sided = found.order != Order.likest
    while len(words) > 1:
        word = words[0]
        if word in ARTICLES:
            pass
        elif word in EVERY:
            found = replace(found, count=None)
        elif (number := _number(word)) is not None:
            found = replace(found, count=number)
        elif (place := _ordinal(word)) is not None:
            found = replace(found, first=place, count=1)
            found = replace(found, order=found.order if sided else Order.left)
        elif word in ORDERS:
            found = replace(found, order=ORDERS[word], count=found.count or 1)
        elif word in SIDES and _is_side(text):
            count = None if _is_many(text) else 1
            found = replace(found, order=SIDES[word], count=found.count or count)
        else:
            break
        words = words[1:]
        if words[0] == "of" and len(words) > 1:  # all of the cups, two of them
            words = words[1:]
    return " ".join(words), found


def _is_side(text: str) -> bool:
    """Whether "left" is where a thing is, and no part of its name: a person says "the"."""
    return text.startswith("the ") or text.split()[0] in NUMBERS


def _number(word: str) -> int | None:
    if word in NUMBERS:
        return NUMBERS[word]
    return int(word) if word.isascii() and word.isdecimal() and 0 < int(word) < 1000 else None


def _ordinal(word: str) -> int | None:
    if word == "last":
        return -1
    if word in ORDINALS:
        return ORDINALS[word]
    match = re.fullmatch(r"([1-9]\d?)(?:st|nd|rd|th)", word)
    return int(match[1]) - 1 if match else None


def _is_many(name: str) -> bool:
    """Whether a name is said of several things: its last word's ending tells."""
    first, last = name.split()[0], name.split()[-1]
    if first in EVERY:
        return True
    return last.endswith("s") and not last.endswith(("ss", "us", "is")) and len(last) > 3
