"""Words messages: what a page asks to see found, and what was, as JSON."""

from __future__ import annotations

from anymask.engine.api.schema import Message, Suggestion


class WordsRequest(Message):
    """text: what to look for: "a dog", "two cups and the plate on the left"."""

    text: str


class NamedSuggestion(Suggestion):
    """A mask of what was named. predicted_iou: the chance that it is such a thing.

    label: the name of the label that it gets. label_id: of that label; None where there is none of
    that name yet.
    """

    label: str
    label_id: int | None


class WordsFound(Message):
    """What words name in an image, the likeliest first.

    reasons: for each thing that was not found, or not as often as was asked, why.
    """

    masks: list[NamedSuggestion]
    reasons: list[str]
    answered_by: str
