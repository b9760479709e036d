"""Rating: how good a person thought that a mask is (*Segment Anything*, §7.1, §E)."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from anymask.errors import Error, shown

LOWEST, HIGHEST = 1, 10
TRUTH = "truth"  # what stands for a model's name where the mask is the data set's own


class Kind(StrEnum):
    """Why a mask is shown.

    answer: a model's, or the truth: what is to be rated. wrong: a mask that is beside its point,
    and right: one that is exact by construction; both tell whether a rater looks.
    """

    answer = "answer"
    wrong = "wrong"
    right = "right"


@dataclass(frozen=True)
class RatedMask:
    """A mask that is rated.

    item: its id. model: of whom it is, ``TRUTH``, or "" for a check. data: the name of the data
    set; image, mask: the image's name in it and the number of its object. iou: with the truth.
    """

    item: str
    kind: Kind
    model: str
    data: str
    image: str
    mask: int
    iou: float

    @property
    def question(self) -> tuple[str, str, int]:
        """Which object it is of: the same for all models."""
        return self.data, self.image, self.mask


@dataclass(frozen=True)
class Rating:
    """What a rater said of a mask.

    id: of its sender's making; the same twice is one. showing: which one of the rater's, from 0
    on; a later rating of the same showing takes the place of the earlier. is_repeat: the rater has
    rated the mask before. seconds: for which it was looked at. at: when, ISO 8601 with its zone.
    """

    id: str
    rater: str
    showing: int
    is_repeat: bool
    rating: int
    seconds: float
    at: str
    of: RatedMask

    def __post_init__(self) -> None:
        if not LOWEST <= self.rating <= HIGHEST:
            raise Error(f"a rating is {LOWEST} to {HIGHEST}, not {self.rating}")

    def to_json(self) -> dict[str, Any]:
        """All of it, as one object of plain values."""
        own = {key: value for key, value in dataclasses.asdict(self).items() if key != "of"}
        return {**own, **dataclasses.asdict(self.of)}

    @classmethod
    def from_json(cls, plain: Mapping[str, Any]) -> Rating:
        """What ``to_json`` gave; what else is there is passed over. Raises ``Error``."""
        try:
            return cls(
                id=str(plain["id"]),
                rater=str(plain["rater"]),
                showing=int(plain["showing"]),
                is_repeat=bool(plain["is_repeat"]),
                rating=int(plain["rating"]),
                seconds=float(plain["seconds"]),
                at=str(plain["at"]),
                of=RatedMask(
                    item=str(plain["item"]),
                    kind=Kind(plain["kind"]),
                    model=str(plain["model"]),
                    data=str(plain["data"]),
                    image=str(plain["image"]),
                    mask=int(plain["mask"]),
                    iou=float(plain["iou"]),
                ),
            )
        except KeyError as missing:
            raise Error(f"it has no {missing.args[0]}") from None
        except (TypeError, ValueError) as problem:
            raise Error(f"it is damaged: {shown(str(problem))}") from None


def current(ratings: Iterable[Rating]) -> list[Rating]:
    """What holds of a file: of each rater's showing the last one, in the order of the first."""
    last: dict[tuple[str, int], Rating] = {}
    for rating in ratings:
        last[rating.rater, rating.showing] = rating
    return list(last.values())
