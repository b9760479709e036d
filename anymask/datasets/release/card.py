"""Card: a dataset's datasheet, answered from facts and by its owner, as ``card.json`` and ``.md``.

Nothing is made up: what neither the facts nor the owner answer is "not answered".
"""

from __future__ import annotations

import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from anymask.core.atomic import writing
from anymask.datasets.release.questions import QUESTIONS, SECTIONS
from anymask.errors import DatasetError

CARD_JSON, CARD_MD = "card.json", "card.md"
NOT_ANSWERED = "not answered"
OWNER, FACTS = "owner", "facts"


def read_answers(path: Path) -> dict[str, str]:
    """The owner's answers, by ``section.name``, from a TOML file with a table for each section.

    Raises ``DatasetError`` for what is no such file, and for a question that there is not.
    """
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise DatasetError(f"{path} can't be read as TOML: {error}") from None
    answers: dict[str, str] = {}
    for section, table in content.items():
        if not isinstance(table, dict):
            raise DatasetError(f"{path}: {section} stands in no section; begin with [motivation]")
        for name, answer in table.items():
            if not isinstance(answer, str):
                raise DatasetError(f"{path}: {section}.{name} is {answer!r}, and no text")
            answers[f"{section}.{name}"] = answer.strip()
    keys = [question.key for question in QUESTIONS]
    unknown = next((key for key in answers if key not in keys), None)
    if unknown is not None:
        near = difflib.get_close_matches(unknown, keys, n=1, cutoff=0.5)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise DatasetError(f"{path}: there is no question {unknown}{hint}")
    return answers


def card_of(
    name: str,
    facts: Mapping[str, Any],
    release: Mapping[str, Any],
    answers: Mapping[str, str],
) -> dict[str, Any]:
    """The card as plain JSON values.

    facts: ``statistics.facts_of`` what is released. release: what was done to it, as
    ``answers_from`` reads it. answers: the owner's, which go before those from facts.
    """
    known = answers_from(facts, release)
    sections: dict[str, dict[str, Any]] = {section: {} for section in SECTIONS}
    for question in QUESTIONS:
        by_owner, by_facts = answers.get(question.key, ""), known.get(question.key, "")
        both = "\n\n".join(filter(None, (by_owner, by_facts)))
        by = [who for who, said in ((OWNER, by_owner), (FACTS, by_facts)) if said]
        sections[question.section][question.name] = {
            "question": question.text,
            "answer": both or NOT_ANSWERED,
            "by": by,
        }
    unanswered = sum(not one["by"] for section in sections.values() for one in section.values())
    return {
        "name": name,
        "questions": len(QUESTIONS),
        "not_answered": unanswered,
        "release": dict(release),
        "facts": dict(facts),
        "sections": sections,
    }


def answers_from(facts: Mapping[str, Any], release: Mapping[str, Any]) -> dict[str, str]:
    """What facts answer, by question. release: ``made_by``, ``settings``, ``counts``."""
    settings, counts = release["settings"], release["counts"]
    per_image = facts.get("masks_per_image") or {}
    most = f", {per_image['median']} masks in the median image" if per_image else ""
    licences = counts.get("licences") or {}
    answers = {
        "composition.instances": "An image with masks of what is in it.",
        "composition.number": f"{facts['images']} images and {facts['masks']} masks{most}.",
        "composition.content": (
            "A JPEG image and a JSON record, in tar shards, as SA-1B has them: run lengths, box "
            "and area of each mask."
        ),
        "composition.labels": "Masks have no labels.",
        "composition.missing": " ".join(_missing(counts)),
        "composition.identifiable": _identifiable(settings),
        "collection.consent": settings.get("consent") or "",
        "preprocessing.steps": " ".join(_steps(settings)),
        "preprocessing.software": f"{release['made_by']}.",
        "distribution.licence": settings.get("licence") or "",
        "distribution.third_parties": "".join(
            f"{number} images state the licence {name}. " for name, number in licences.items()
        ).strip(),
    }
    return {key: answer for key, answer in answers.items() if answer}


def _missing(counts: Mapping[str, Any]) -> Iterator[str]:
    if counts.get("unread"):
        yield f"{counts['unread']} images or annotations could not be read, and are not in it."
    if counts.get("vanished"):
        yield f"{counts['vanished']} masks had no pixel left when their images were made smaller."


def _identifiable(settings: Mapping[str, Any]) -> str:
    if not settings.get("detectors"):
        return "Nothing was blurred: whoever is in an image can be recognised."
    return (
        "Faces and licence plates that detectors found were blurred. Detectors miss some, small, "
        "turned and covered ones above all, and plates of many countries; and people can be "
        "recognised by more than their faces: clothes, tattoos, company, place. This is no "
        "anonymity and no legal opinion."
    )


def _steps(settings: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"Images were turned upright and made smaller to a shorter side of at most "
        f"{settings['short_side_px']} pixels (Lanczos), written as JPEG of quality "
        f"{settings['jpeg_quality']}, without EXIF, GPS or other metadata."
    )
    yield (
        "Masks were made smaller by area: a pixel is set if at least half of it is in the mask. "
        "Images got new names by a running number."
    )
    for kind, name in (settings.get("detectors") or {}).items():
        if name != "none":
            yield f"Found {kind} (by {name}) became means of a few cells, smoothed."


def markdown(card: Mapping[str, Any]) -> str:
    """The card for people."""
    answered = card["questions"] - card["not_answered"]
    lines = [f"# {card['name']}", "", f"{answered} of {card['questions']} questions are answered."]
    for section, entries in card["sections"].items():
        lines += ["", f"## {section.capitalize()}"]
        for entry in entries.values():
            by = f" ({' and '.join(entry['by'])})" if entry["by"] else ""
            lines += ["", f"**{entry['question']}**{by}", "", entry["answer"]]
    return "\n".join(lines) + "\n"


def write_card(folder: Path, card: Mapping[str, Any]) -> None:
    """Write both files of a card. Raises ``OutputError``."""
    with writing(folder / CARD_JSON) as part:
        part.write_text(json.dumps(card, indent=1, allow_nan=False) + "\n")
    with writing(folder / CARD_MD) as part:
        part.write_text(markdown(card))
