"""Order: in which a rater sees the masks, blind to whose they are.

In every round each object comes once, with one of its masks by lot; the next round has the objects
in another order in which none comes back sooner than after half a round. Checks come anywhere, and
some masks a second time, long after the first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from anymask.core.ratings.rating import Kind
from anymask.engine.rating.items import Item
from anymask.engine.rating.lots import lot, shuffled

A_REPEAT_IN = 20  # of the masks to rate
FAR_APART = 30  # masks at least between a mask and its repeat, where there are so many


@dataclass(frozen=True, eq=False)
class Showing:
    """A mask in its place of a rater's order. is_repeat: the rater has seen it before."""

    number: int
    item: Item
    is_repeat: bool = False


def order_of(items: Sequence[Item], rater: str, seed: int) -> list[Showing]:
    """What a rater sees, from first to last: all items, and some again. The same every time."""
    words = (seed, rater)
    answers = _rounds([item for item in items if item.of.kind is Kind.answer], words)
    checks = [item for item in items if item.of.kind is not Kind.answer]
    placed = [(float(place), item, False) for place, item in enumerate(answers)]
    placed += [(len(answers) * lot(*words, "check", item.of.item), item, False) for item in checks]
    placed += [(place, item, True) for place, item in _repeats(answers, words)]
    placed.sort(key=lambda entry: entry[0])
    return [Showing(number, item, again) for number, (_, item, again) in enumerate(placed)]


def _rounds(answers: Sequence[Item], words: tuple[object, ...]) -> list[Item]:
    """All answers, no two of an object near each other."""
    by_question: dict[tuple[str, str, int], list[Item]] = {}
    for item in answers:
        by_question.setdefault(item.of.question, []).append(item)
    masks = {
        question: shuffled(members, *words, question) for question, members in by_question.items()
    }
    questions = shuffled(by_question, *words, "objects")
    order: list[Item] = []
    for number in range(max(map(len, masks.values()), default=0)):
        if number:
            half = len(questions) // 2
            questions = [
                *shuffled(questions[:half], *words, number, "first half"),
                *shuffled(questions[half:], *words, number, "second half"),
            ]
        order += [
            masks[question][number] for question in questions if number < len(masks[question])
        ]
    return order


def _repeats(answers: Sequence[Item], words: tuple[object, ...]) -> list[tuple[float, Item]]:
    """Which masks come again, and where: behind the answer whose place is the number's floor."""
    apart = min(FAR_APART, len(answers) // 2)
    early = list(enumerate(answers))[: len(answers) - apart]
    chosen = shuffled(early, *words, "repeats")[: len(answers) // A_REPEAT_IN]
    return [
        (first + apart + (len(answers) - first - apart) * lot(*words, "repeat", first), item)
        for first, item in chosen
    ]
