"""Questions: the masks that results of several models keep, put together object by object."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from anymask.core.ratings.question import Question
from anymask.errors import ResultError
from anymask.evaluation.kept_masks import PREDICTED, TRUTH, asked
from anymask.evaluation.result import Result, Row

Place = tuple[str, int]  # image, number of the mask


@dataclass(frozen=True)
class Questions:
    """What can be rated. unpaired: objects of which not every result has an answer."""

    questions: tuple[Question, ...]
    unpaired: int


def questions_of(results: Sequence[Result], limit: int | None = None, seed: int = 0) -> Questions:
    """The objects that all results on a data set keep masks of, each once.

    limit: so many of a data set at most; which, only the seed and their names decide. Raises
    ``ResultError`` where results keep no masks, or are not of the same questions.
    """
    questions: list[Question] = []
    unpaired = 0
    for data in dict.fromkeys(result.data for result in results):
        members = [result for result in results if result.data == data]
        _check_alike(members)
        rows = [_kept(result) for result in members]
        shared = set(rows[0]).intersection(*rows[1:])
        unpaired += len(set().union(*rows)) - len(shared)
        drawn = sorted(shared, key=lambda place: _lot(data, place, seed))[:limit]
        questions += [_question(members, rows, place) for place in sorted(drawn)]
    if not questions:
        raise ResultError("the results have no object in common that could be rated")
    return Questions(tuple(questions), unpaired)


def _check_alike(results: Sequence[Result]) -> None:
    """Raise unless results on data of one name asked several models about the same images."""
    first, *others = results
    for other in others:
        if other.data_fingerprint != first.data_fingerprint:
            raise ResultError(
                f"two results on {first.data} are of different images: evaluate both models with "
                "the same --data, --limit and --seed"
            )
    models = [result.model for result in results]
    for model in models:
        if models.count(model) > 1:
            raise ResultError(f"two results on {first.data} are of {model}; leave one out")


def _kept(result: Result) -> dict[Place, Row]:
    rows = asked(result.rows)
    if not rows:
        raise ResultError(
            f"the result of {result.experiment} on {result.data} by {result.model} keeps no masks: "
            "evaluate points with --set keep_masks=500"
        )
    return {(row["image"], row["mask"]): row for row in rows}


def _question(
    results: Sequence[Result], rows: Sequence[dict[Place, Row]], place: Place
) -> Question:
    first, *others = (of_model[place] for of_model in rows)
    for other in others:
        if other[TRUTH] != first[TRUTH] or other["click"] != first["click"]:
            raise ResultError(
                f"results on {results[0].data} have other points or truths in {place[0]}, mask "
                f"{place[1]}: evaluate all models with the same settings"
            )
    x, y = first["click"]
    answers = {result.model: row[place][PREDICTED] for result, row in zip(results, rows)}
    return Question(results[0].data, *place, (x, y), first[TRUTH], answers)


def _lot(data: str, place: Place, seed: int) -> bytes:
    text = f"{seed} rated {place[1]} {place[0]} {data}"
    return hashlib.sha256(text.encode(errors="surrogateescape")).digest()
