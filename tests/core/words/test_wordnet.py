from pathlib import Path

import pytest

from anymask.core.words.wordnet import WordNet
from anymask.errors import CorruptFileError

DATA = """\
  1 This software and database is being provided
00000001 03 n 01 entity 0 000 | that which is
00000010 05 n 02 animal 0 beast 0 001 @ 00000001 n 0000 | lives
00000020 05 n 02 dog 0 domestic_dog 0 002 @ 00000010 n 0000 ~ 00000030 n 0000 | barks
00000030 05 n 01 pug 0 001 @ 00000020 n 0000 | snores
00000040 13 n 02 hot_dog 0 dog 1 001 @ 00000001 n 0000 | is eaten
"""
INDEX = """\
  1 This software and database is being provided
animal n 1 1 @ 1 1 00000010
dog n 2 1 @ 2 1 00000020 00000040
domestic_dog n 1 1 @ 1 0 00000020
hot_dog n 1 1 @ 1 0 00000040
pug n 1 1 @ 1 0 00000030
"""


@pytest.fixture
def wordnet(tmp_path: Path) -> WordNet:
    (tmp_path / "data.noun").write_text(DATA)
    (tmp_path / "index.noun").write_text(INDEX)
    return WordNet.read(tmp_path / "data.noun", tmp_path / "index.noun")


@pytest.mark.parametrize(
    ("word", "senses"),
    [
        ("dog", (20, 40)),
        ("Dogs", (20, 40)),
        ("hot_dogs", (40,)),
        ("a small pug", (30,)),
        ("unicorn", ()),
        ("", ()),
        ("🐕", ()),
    ],
)
def test_senses_are_found_by_singular_plural_and_last_words(
    wordnet: WordNet, word: str, senses: tuple[int, ...]
) -> None:
    assert wordnet.senses_of(word) == senses


def test_a_pug_is_a_dog_an_animal_and_an_entity(wordnet: WordNet) -> None:
    assert wordnet.above(30) == {30: 0, 20: 1, 10: 2, 1: 3}


def test_synonyms_tell_senses_of_one_word_apart(wordnet: WordNet) -> None:
    assert wordnet.sense_of_words(["dog", "hot dog"]) == 40
    assert wordnet.sense_of_words(["Dog", "domestic dog"]) == 20
    assert wordnet.sense_of_words(["unicorn"]) is None
    assert wordnet.words_of(20) == ("dog", "domestic dog")


def test_another_text_is_no_wordnet(tmp_path: Path) -> None:
    (tmp_path / "data.noun").write_text("once upon a time\n")
    (tmp_path / "index.noun").write_text(INDEX)
    with pytest.raises(CorruptFileError, match="no WordNet"):
        WordNet.read(tmp_path / "data.noun", tmp_path / "index.noun")
