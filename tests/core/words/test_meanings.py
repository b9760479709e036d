from collections.abc import Sequence

import numpy as np
import pytest

from anymask.core.geometry import Floats
from anymask.core.words.meanings import TEMPLATE, Names, plain
from anymask.core.words.wordnet import Sense, WordNet

ENTITY, ANIMAL, DOG, PUG, CAR = 1, 2, 3, 4, 5


@pytest.fixture
def wordnet() -> WordNet:
    senses = {
        ENTITY: Sense(("entity",), ()),
        ANIMAL: Sense(("animal",), (ENTITY,)),
        DOG: Sense(("dog",), (ANIMAL,)),
        PUG: Sense(("pug",), (DOG,)),
        CAR: Sense(("car",), (ENTITY,)),
    }
    return WordNet(senses, {sense.words[0]: (number,) for number, sense in senses.items()})


def embed(texts: Sequence[str]) -> Floats:
    """Each text its own direction, whatever it means."""
    known = [TEMPLATE.format(word) for word in ("pug", "car", "dog", "hound", "unicorn")]
    return np.eye(len(known), dtype=np.float32)[[known.index(text) for text in texts]]


@pytest.mark.parametrize(
    ("text", "word"), [("A  Dog", "dog"), ("the cup", "cup"), ("a", "a"), ("", "")]
)
def test_articles_capitals_and_spaces_do_not_matter(text: str, word: str) -> None:
    assert plain(text) == word


def test_kinship_falls_with_the_steps_between(wordnet: WordNet) -> None:
    names = Names(["pug", "car"], [[PUG], [CAR]], embed, wordnet)
    # By hand: dog lies 2 below the root and is 1 step from pug: 2·2 / (2·2 + 1).
    np.testing.assert_allclose(names.kinship("dog"), [0.8, 0])
    np.testing.assert_allclose(names.kinship("pug"), [1, 0])
    np.testing.assert_allclose(names.kinship("unicorn"), [0, 0])


def test_a_dog_is_nearer_to_a_pug_than_to_a_car_and_nearness_is_1_on_average(
    wordnet: WordNet,
) -> None:
    names = Names(["pug", "car"], [[PUG], [CAR]], embed, wordnet)
    near = names.nearness(["a dog", "unicorn"])
    assert near[0, 0] > 100 * near[0, 1]
    np.testing.assert_allclose(near.mean(axis=1), 1, rtol=1e-5)
    np.testing.assert_allclose(near[1], 1, rtol=1e-5)
