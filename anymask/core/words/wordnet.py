"""WordNet: which nouns mean the same, and which are kinds of which (Miller 1995).

Read from the plain text of its database: ``index.noun`` gives a word's senses in the order of how
usual they are, ``data.noun`` each sense's words and what it is a kind of.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from anymask.errors import CorruptFileError

KIND_OF = ("@", "@i")  # pointers to a more general sense; @i is of an instance
PLURALS = "ies:y ves:f men:man ses:s xes:x zes:z ches:ch shes:sh s:"  # endings, and singulars'
ENDINGS = tuple(pair.split(":") for pair in PLURALS.split())


@dataclass(frozen=True)
class Sense:
    """A meaning: its words, lower-case with spaces, and the senses that it is a kind of."""

    words: tuple[str, ...]
    kinds: tuple[int, ...]


class WordNet:
    """Senses by their place in the file, and each word's senses, the usual one first."""

    def __init__(self, senses: Mapping[int, Sense], index: Mapping[str, Sequence[int]]) -> None:
        self._senses = senses
        self._index = index

    @classmethod
    def read(cls, data: Path, index: Path) -> WordNet:
        """Raises ``CorruptFileError`` for files that are none, and ``OSError``."""
        try:
            senses = dict(map(_sense, _lines(data)))
            words = dict(map(_entry, _lines(index)))
        except (ValueError, IndexError) as error:
            raise CorruptFileError(f"{data} and {index} are no WordNet: {error}") from None
        return cls(senses, words)

    def senses_of(self, word: str) -> tuple[int, ...]:
        """A noun's senses, also those of its singular; of several words, else of the last one."""
        name = " ".join(word.lower().replace("_", " ").split())
        while name:
            for form in forms_of(name):
                if form in self._index:
                    return tuple(self._index[form])
            name = name.partition(" ")[2]
        return ()

    def words_of(self, sense: int) -> tuple[str, ...]:
        """The words of a sense."""
        return self._senses[sense].words

    def sense_of_words(self, words: Iterable[str]) -> int | None:
        """The sense that shares most of these words, of several the one usual for the first."""
        wanted = [word.lower() for word in words]
        found = {sense: None for word in wanted for sense in self._index.get(word, ())}
        shared = {sense: len(set(wanted) & set(self._senses[sense].words)) for sense in found}
        return max(shared, key=lambda sense: shared[sense], default=None)

    def above(self, sense: int) -> dict[int, int]:
        """All that a sense is a kind of, itself too, by the fewest steps up."""
        steps = {sense: 0}
        waiting = deque([sense])
        while waiting:
            one = waiting.popleft()
            for more_general in self._senses[one].kinds:
                if more_general not in steps:
                    steps[more_general] = steps[one] + 1
                    waiting.append(more_general)
        return steps


def forms_of(name: str) -> Iterable[str]:
    """A lower-case name, and what it may be the plural of."""
    yield name
    for ending, singular in ENDINGS:
        if name.endswith(ending) and len(name) > len(ending) + 1:
            yield name.removesuffix(ending) + singular


def _lines(path: Path) -> Iterable[str]:
    with path.open(encoding="utf-8", errors="replace") as lines:
        yield from (line for line in lines if not line.startswith("  "))  # their licence


def _sense(line: str) -> tuple[int, Sense]:
    fields = line.partition(" | ")[0].split()
    count = int(fields[3], 16)
    words = tuple(word.lower().replace("_", " ") for word in fields[4 : 4 + 2 * count : 2])
    pointers = fields[5 + 2 * count :]
    kinds = tuple(
        int(pointers[place + 1])
        for place in range(0, 4 * int(fields[4 + 2 * count]), 4)
        if pointers[place] in KIND_OF
    )
    return int(fields[0]), Sense(words, kinds)


def _entry(line: str) -> tuple[str, tuple[int, ...]]:
    fields = line.split()
    count = int(fields[2])
    return fields[0].replace("_", " "), tuple(map(int, fields[-count:]))
