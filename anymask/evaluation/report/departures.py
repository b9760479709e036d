"""Departures: where an evaluation was made as others' were, and where not, by its options."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from anymask.evaluation.report.markdown import bare, escaped
from anymask.evaluation.result import NO_MODEL, Result

SAMPLING = {"masks_per_image"}  # told of each dataset, as its limit is
SEED = {"seed"}  # told with the limit


@dataclass(frozen=True)
class PublishedProtocol:
    """How others measured, and what our options are called beside it.

    where: who and in which section. options: of ours, with the values that they had. words: for
    options whose names don't say enough. unsaid: options that a page tells elsewhere, or that are
    things of the data. of_models: options that nothing has that is measured without a model.
    """

    where: str
    options: Mapping[str, Any]
    words: Mapping[str, str] = field(default_factory=dict)
    unsaid: frozenset[str] = frozenset()
    of_models: frozenset[str] = frozenset()

    def word(self, option: str) -> str:
        """What an option is called."""
        return self.words.get(option, option.replace("_", " "))

    def phrase(self, option: str, value: Any) -> str:
        """An option and its value."""
        return f"{self.word(option)} ({shown(value)})"

    def agrees(self, option: str, value: Any) -> bool:
        """Whether others had the same value."""
        return option in self.options and bool(value == self.options[option])


UNPUBLISHED = PublishedProtocol("", {})  # of what nobody else has measured


def variants(
    results: Sequence[Result],
    protocol: PublishedProtocol = UNPUBLISHED,
    unlike: Collection[str] = (),
) -> list[tuple[str, list[Result]]]:
    """Results of one experiment, those together that have the same options.

    unlike: options that may differ. Each variant is named by what sets it apart, a single one "".
    """
    unlike = {*unlike, *SAMPLING}
    alike: dict[str, list[Result]] = {}
    for result in results:
        options = {key: value for key, value in result.options.items() if key not in unlike}
        alike.setdefault(repr(sorted(options.items())), []).append(result)
    firsts = [members[0].options for members in alike.values()]
    apart = [
        key
        for key in dict.fromkeys(key for options in firsts for key in options)
        if key not in unlike and any(options.get(key) != firsts[0].get(key) for options in firsts)
    ]
    return [
        (", ".join(protocol.phrase(key, members[0].options.get(key)) for key in apart), members)
        for members in alike.values()
    ]


def notes(
    results: Sequence[Result], protocol: PublishedProtocol, unlike: Collection[str] = ()
) -> list[str]:
    """Sentences on results of one experiment with the same options.

    unlike: words on what else is not as others had it.
    """
    ours = _common_options(results, protocol)
    same = [
        protocol.phrase(key, value) for key, value in ours.items() if protocol.agrees(key, value)
    ]
    other = [
        f"{protocol.word(key)} ({shown(value)}, not {shown(protocol.options[key])})"
        for key, value in ours.items()
        if key in protocol.options and not protocol.agrees(key, value)
    ]
    other += [*unlike, *_limits(results)]
    besides = [
        protocol.phrase(key, value) for key, value in ours.items() if key not in protocol.options
    ]
    sentences = [
        (f"As in {protocol.where}", same),
        ("Unlike there" if same else f"Unlike in {protocol.where}", other),
        ("Where it says nothing", besides),
    ]
    return [f"{start}: {', '.join(phrases)}." for start, phrases in sentences if phrases]


def shown(value: Any) -> str:
    """An option's value, as a page has it."""
    if value is None:
        return "all"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(shown, value))
    if isinstance(value, float):
        return f"{value:g}"
    return escaped(bare(value)) if isinstance(value, str) else str(value)


def _common_options(results: Sequence[Result], protocol: PublishedProtocol) -> dict[str, Any]:
    """The options to be told that all results have, or all those of models, if there are some."""
    of_a_model = [result for result in results if result.model != NO_MODEL]
    left_out = SAMPLING | SEED | protocol.unsaid
    if not of_a_model:
        left_out |= protocol.of_models
    first, *others = [result.options for result in of_a_model or results]
    return {
        key: value
        for key, value in first.items()
        if key not in left_out and all(options.get(key) == value for options in others)
    }


def _limits(results: Sequence[Result]) -> list[str]:
    """Of which data not all images or masks were looked at."""
    limits = []
    for result in results:
        most = result.options.get("masks_per_image")
        parts = [f"{result.limit} images"] if result.limit is not None else []
        parts += [f"{most} masks an image"] if most is not None else []
        if parts:
            drawn = f"(drawn by seed {result.seed})"
            limits.append(f"at most {' and '.join(parts)} of {escaped(bare(result.data))} {drawn}")
    return list(dict.fromkeys(limits))
