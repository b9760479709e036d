"""Messages: the JSON that the page of ratings and its server exchange.

Nothing in it tells whose a mask is, nor why it is shown.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from anymask.engine.api.schema import Message, Segmentation
from anymask.engine.rating.room import LONGEST_NAME, MOST_SECONDS

Number = Annotated[int, Field(ge=0, le=(1 << 31) - 1)]


class Rating(Message):
    """What is rated, before anybody says who they are.

    rater: the name that was given with the command, or "". raters: who has begun. masks: how many
    each is shown at most. break_every: after so many masks a break is due.
    """

    rater: str
    raters: list[str]
    masks: int
    break_every: int
    version: str


class Showing(Message):
    """A mask to rate. picture: where its image is. point: x, y of the click, in pixels.

    rating: what the rater said of it already. before: the number of what was rated before it.
    """

    number: int
    picture: str
    width: int
    height: int
    segmentation: Segmentation
    point: tuple[int, int]
    rating: int | None
    before: int | None


class Progress(Message):
    """How far a rater is.

    current: null once all is rated. upcoming: the picture after it. last: the number of what was
    rated last.
    """

    rater: str
    done: int
    total: int
    current: Showing | None
    upcoming: str | None
    last: int | None


class RatingDraft(Message):
    """id: of the page's making; sent twice it is one."""

    id: Annotated[str, Field(min_length=8, max_length=64, pattern=r"^[0-9A-Za-z-]+$")]
    rater: Annotated[str, Field(max_length=4 * LONGEST_NAME)]
    showing: Number
    rating: Annotated[int, Field(ge=1, le=10)]
    seconds: Annotated[float, Field(ge=0, le=MOST_SECONDS)]


class Health(Message):
    """That the server answers."""

    status: str
    version: str
