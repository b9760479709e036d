import pytest

from anymask.core.words.phrases import Order, Relation, Thing, things_of
from anymask.errors import PromptError


@pytest.mark.parametrize(
    ("text", "thing"),
    [
        ("dog", Thing("dog")),
        ("a Dog.", Thing("dog")),
        ("  some   RED cups ", Thing("red cups")),
        ("all cups", Thing("cups")),
        ("every cup", Thing("cup")),
        ("all of the cups", Thing("cups")),
        ("one dog", Thing("dog", 1)),
        ("two dogs", Thing("dogs", 2)),
        ("the 3 dogs", Thing("dogs", 3)),
        ("both dogs", Thing("dogs", 2)),
        ("the dog on the left", Thing("dog", 1, Order.left)),
        ("the dog at the far right", Thing("dog", 1, Order.right)),
        ("the dogs on the left", Thing("dogs", None, Order.left)),
        ("two dogs on the left side of the image", Thing("dogs", 2, Order.left)),
        ("the cup in the middle of the photo", Thing("cup", 1, Order.middle)),
        ("the left dog", Thing("dog", 1, Order.left)),
        ("the bottom shelf", Thing("shelf", 1, Order.bottom)),
        ("left hand", Thing("left hand")),
        ("the biggest cup", Thing("cup", 1, Order.largest)),
        ("the two smallest cups", Thing("cups", 2, Order.smallest)),
        ("the second biggest cup", Thing("cup", 1, Order.largest, 1)),
        ("the second car from the right", Thing("car", 1, Order.right, 1)),
        ("3rd car", Thing("car", 1, Order.left, 2)),
        ("the last car", Thing("car", 1, Order.left, -1)),
        ("dog left of the car", Thing("dog", relation=Relation.left_of, beside="car")),
        ("dogs to the right of a car", Thing("dogs", relation=Relation.right_of, beside="car")),
        ("the cup next to the plate", Thing("cup", relation=Relation.beside, beside="plate")),
        ("clock above a door", Thing("clock", relation=Relation.above, beside="door")),
        ("the biggest", Thing("biggest")),
        ("left", Thing("left")),
        ("on the left", Thing("on the left")),
        ("a man with a hat on grass", Thing("man with a hat on grass")),
        ("🐕", Thing("dog")),
        ("☕️", Thing("hot beverage")),
        ("כלב קטן", Thing("כלב קטן")),
        ("dgo", Thing("dgo")),
    ],
)
def test_a_phrase_is_what_how_many_and_which(text: str, thing: Thing) -> None:
    assert things_of(text) == (thing,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("dog and cat", ["dog", "cat"]),
        ("dog, cat, and the bird", ["dog", "cat", "bird"]),
        ("cups & plates; cups", ["cups", "plates"]),
        ("a black and white dog", ["black and white dog"]),
        ("and", ["and"]),
    ],
)
def test_several_things_are_parted(text: str, words: list[str]) -> None:
    assert [one.words for one in things_of(text)] == words


def test_each_of_several_things_has_its_own_place() -> None:
    assert things_of("two cups and the dog on the left") == (
        Thing("cups", 2),
        Thing("dog", 1, Order.left),
    )


def test_a_very_long_text_is_a_plain_phrase() -> None:
    (thing,) = things_of("the biggest dog on the left " * 10_000)
    assert thing.order == Order.likest
    assert len(thing.words) <= 500


@pytest.mark.parametrize("text", ["", "  ", "?!", "\u200f", "...", "\n\t", "—"])
def test_a_text_without_a_name_is_refused(text: str) -> None:
    with pytest.raises(PromptError, match="letter or a digit"):
        things_of(text)
