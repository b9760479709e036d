"""Departures: where an evaluation was made as the paper's were, and where not, by its options."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from anymask.evaluation.report.markdown import bare, escaped
from anymask.evaluation.report.published import PROTOCOLS, Protocol
from anymask.evaluation.result import Result

WORDS = {
    "box_nms_thresh": "box IoU of duplicates",
    "first": "first point",
    "first_multimask": "first click answered by the surest of three masks",
    "level": "level of intervals",
    "multimask": "the surest of three masks for a box",
    "max_distance": "distance of matched pixels relative to the diagonal",
    "points_per_side": "points a side of the grid",
    "smallest_px": "smallest mask in pixels",
    "thinned": "edges thinned",
    "fewest": "fewest masks for an interval",
    "fewest_images": "fewest images for an interval",
}
# Told elsewhere on the page, or things of the data.
UNSAID = {"seed", "single", "frequencies", "lvis", "boxes", "table", "table_sha256", "detector"}
SAMPLING = {"masks_per_image"}  # told of each dataset, as its limit is
OF_MODELS = {"points_per_side", "box_nms_thresh"}  # and not of classical detectors


def variants(
    results: Sequence[Result], unlike: Collection[str] = ()
) -> list[tuple[str, list[Result]]]:
    """Results of one experiment, those together that have the same options.

    unlike: options that may differ. Each variant is named by what sets it apart, a single one "".
    """
    unlike = {*unlike, *SAMPLING}
    groups: dict[str, list[Result]] = {}
    for result in results:
        options = {key: value for key, value in result.options.items() if key not in unlike}
        groups.setdefault(repr(sorted(options.items())), []).append(result)
    firsts = [members[0].options for members in groups.values()]
    keys = [
        key
        for key in dict.fromkeys(key for options in firsts for key in options)
        if key not in unlike and any(one.get(key) != firsts[0].get(key) for one in firsts)
    ]
    return [
        (", ".join(_said(key, members[0].options.get(key)) for key in keys), members)
        for members in groups.values()
    ]


def notes(results: Sequence[Result], unlike: Collection[str] = ()) -> list[str]:
    """Sentences on results of one experiment with the same options.

    unlike: words on what else is not as in the paper.
    """
    ours, paper = _options(results), PROTOCOLS[results[0].experiment]
    same = [_said(key, value) for key, value in ours.items() if _is_same(key, value, paper)]
    other = [
        f"{_word(key)} ({_value(value)}, not {_value(paper.options[key])})"
        for key, value in ours.items()
        if key in paper.options and not _is_same(key, value, paper)
    ]
    other += [*unlike, *_limits(results)]
    besides = [_said(key, value) for key, value in ours.items() if key not in paper.options]
    found = [
        (f"As in {paper.where}", same),
        ("Unlike there" if same else f"Unlike in {paper.where}", other),
        ("Where it says nothing", besides),
    ]
    return [f"{start}: {', '.join(said)}." for start, said in found if said]


def _options(results: Sequence[Result]) -> dict[str, Any]:
    """Those of the results to be told, which all have; of detectors not what only models have."""
    models = [one for one in results if not one.options.get("detector")]
    left_out = UNSAID | SAMPLING if models else UNSAID | SAMPLING | OF_MODELS
    first, *others = [one.options for one in models or results]
    return {
        key: value
        for key, value in first.items()
        if key not in left_out and all(one.get(key) == value for one in others)
    }


def _limits(results: Sequence[Result]) -> list[str]:
    """Of which data not all images or masks were looked at."""
    found = []
    for one in results:
        most = one.options.get("masks_per_image")
        parts = [f"{one.limit} images"] if one.limit is not None else []
        parts += [f"{most} masks an image"] if most is not None else []
        if parts:
            said = " and ".join(parts)
            found.append(f"at most {said} of {escaped(bare(one.data))} (drawn by seed {one.seed})")
    return list(dict.fromkeys(found))


def _is_same(key: str, value: Any, paper: Protocol) -> bool:
    return key in paper.options and bool(value == paper.options[key])


def _said(key: str, value: Any) -> str:
    return f"{_word(key)} ({_value(value)})"


def _word(key: str) -> str:
    return WORDS.get(key, key.replace("_", " "))


def _value(value: Any) -> str:
    if value is None:
        return "all"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_value, value))
    if isinstance(value, float):
        return f"{value:g}"
    return escaped(bare(value)) if isinstance(value, str) else str(value)
