"""Human ratings: what people's ratings of masks come to (*Segment Anything*, §7.1, §E).

A mask that several people rated counts once, with the mean of what they said; that a rater saw a
mask again counts for agreement alone. Intervals are of a bootstrap over images.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from anymask.core.ratings.attention import Attention, attention_of
from anymask.core.ratings.rating import HIGHEST, LOWEST, TRUTH, Kind, Rating, current
from anymask.core.ratings.rating_file import RatingFile
from anymask.errors import ResultError
from anymask.evaluation.measures.agreement import Agreement, agreement_of
from anymask.evaluation.measures.bootstrap import Interval
from anymask.evaluation.measures.paired import PairedDifference, mean_interval, paired_difference

Place = tuple[str, int]  # image, number of the mask
Means = Mapping[Place, float]


@dataclass(frozen=True)
class ModelRatings:
    """A model's masks, or the truth's, on a data set.

    masks, ratings: how many. mean: over masks. interval: None where there are too few images.
    iou: the mean of the same masks' with the truth. histogram: how many ratings were 1, 2, … 10.
    difference: to the baseline, over the objects that both have; None for the baseline itself.
    """

    data: str
    model: str
    masks: int
    ratings: int
    mean: float
    interval: Interval | None
    iou: float
    histogram: tuple[int, ...]
    difference: PairedDifference | None


@dataclass(frozen=True)
class HumanRatings:
    """What the files of ratings hold.

    models: by data set, in the order of the files. baseline: to which differences are. raters: how
    each did. dropped: whose ratings are left out of all but this. between: how raters agree, again:
    how each agrees with themself. dates: of the first and last rating.
    """

    models: tuple[ModelRatings, ...]
    baseline: str
    raters: tuple[Attention, ...]
    dropped: tuple[str, ...]
    between: Agreement | None
    again: Agreement | None
    dates: tuple[str, str]

    @property
    def ratings(self) -> int:
        """How many count."""
        return sum(row.ratings for row in self.models)


def human_ratings(
    files: Sequence[RatingFile], baseline: str = "", drop_inattentive: bool = False
) -> HumanRatings:
    """Put files of ratings together.

    baseline: a model's id, or its name alone; "": the first model. drop_inattentive: leave out
    whoever failed too many checks. Raises ``ResultError`` for an unknown baseline, and where
    nothing was rated.
    """
    kept = [rating for file in files for rating in current(file.ratings)]
    raters = tuple(attention_of(kept))
    dropped = tuple(one.rater for one in raters if drop_inattentive and one.is_inattentive)
    rated = [rating for rating in kept if rating.rater not in dropped]
    answers = [one for one in rated if one.of.kind is Kind.answer and not one.is_repeat]
    if not answers:
        raise ResultError("nothing was rated yet" if not dropped else "nobody who rated looked")
    models = [TRUTH, *dict.fromkeys(model for file in files for model in file.head.models)]
    chosen = _baseline(baseline, models)
    return HumanRatings(
        models=tuple(_rows(answers, models, chosen)),
        baseline=chosen,
        raters=raters,
        dropped=dropped,
        between=_agreement((one.of.item, one) for one in answers),
        again=_agreement(((one.rater, one.of.item), one) for one in rated),
        dates=(min(one.at for one in rated)[:10], max(one.at for one in rated)[:10]),
    )


def _baseline(name: str, models: Sequence[str]) -> str:
    """The model of a name. Raises ``ResultError``."""
    if not name:
        return models[1] if len(models) > 1 else models[0]
    alike = [model for model in models if name in (model, model.rpartition("@")[0])]
    if len(alike) != 1:
        raise ResultError(
            f"{'several models are' if alike else 'no model is'} called {name}: the ratings are of "
            f"{', '.join(models)}"
        )
    return alike[0]


def _rows(
    answers: Sequence[Rating], models: Sequence[str], baseline: str
) -> Iterable[ModelRatings]:
    for data in dict.fromkeys(one.of.data for one in answers):
        of_models = {
            model: [one for one in answers if (one.of.data, one.of.model) == (data, model)]
            for model in models
        }
        means = {model: _means(ratings) for model, ratings in of_models.items()}
        for model, ratings in of_models.items():
            if ratings:
                other = None if model == baseline else means.get(baseline)
                yield _row(ratings, means[model], other)


def _row(ratings: Sequence[Rating], means: Means, baseline: Means | None) -> ModelRatings:
    shared = [place for place in means if place in baseline] if baseline else []
    ious = {(one.of.image, one.of.mask): one.of.iou for one in ratings}
    said = [one.rating for one in ratings]
    return ModelRatings(
        data=ratings[0].of.data,
        model=ratings[0].of.model,
        masks=len(means),
        ratings=len(ratings),
        mean=fmean(means.values()),
        interval=mean_interval(list(means.values()), [image for image, _ in means]),
        iou=fmean(ious.values()),
        histogram=tuple(said.count(step) for step in range(LOWEST, HIGHEST + 1)),
        difference=paired_difference(
            [means[place] for place in shared],
            [baseline[place] for place in shared],
            [image for image, _ in shared],
        )
        if baseline and shared
        else None,
    )


def _means(ratings: Iterable[Rating]) -> Means:
    """The mean rating of each mask."""
    said: dict[Place, list[int]] = {}
    for one in ratings:
        said.setdefault((one.of.image, one.of.mask), []).append(one.rating)
    return {place: fmean(values) for place, values in said.items()}


def _agreement(ratings: Iterable[tuple[object, Rating]]) -> Agreement | None:
    """Between the ratings of what has the same key."""
    said: dict[object, list[float]] = {}
    for key, one in ratings:
        if one.of.kind is Kind.answer:
            said.setdefault(key, []).append(one.rating)
    return agreement_of(said)
