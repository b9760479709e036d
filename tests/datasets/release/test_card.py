"""A card answers from facts and from its owner, and says what nobody answered."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from anymask.datasets.release.card import (
    NOT_ANSWERED,
    answers_from,
    card_of,
    markdown,
    read_answers,
)
from anymask.datasets.release.questions import QUESTIONS, SECTIONS
from anymask.errors import DatasetError

FACTS: dict[str, Any] = {"images": 3, "masks": 12, "masks_per_image": {"median": 4}}
SETTINGS: dict[str, Any] = {
    "short_side_px": 1500,
    "jpeg_quality": 95,
    "detectors": {"faces": "centerface 0918", "plates": "none"},
    "licence": "CC BY 4.0",
    "consent": "",
}
RELEASE = {
    "made_by": "a test",
    "settings": SETTINGS,
    "counts": {"unread": 2, "vanished": 1, "licences": {"Attribution License": 2}},
}


def test_every_section_of_the_paper_has_questions() -> None:
    assert list(SECTIONS) == [
        "motivation", "composition", "collection", "preprocessing", "uses", "distribution",
        "maintenance",
    ]  # fmt: skip
    assert len({question.key for question in QUESTIONS}) == len(QUESTIONS) >= 45


def test_facts_and_the_owner_answer_and_the_rest_is_not_answered() -> None:
    answers = {"motivation.purpose": "To count apples.", "composition.missing": "Night."}
    card = card_of("apples", FACTS, RELEASE, answers)
    sections = card["sections"]
    assert sections["motivation"]["purpose"]["answer"] == "To count apples."
    assert sections["motivation"]["funding"] == {
        "question": "Who paid for it?", "answer": NOT_ANSWERED, "by": [],
    }  # fmt: skip
    missing = sections["composition"]["missing"]
    assert missing["by"] == ["owner", "facts"]
    assert missing["answer"].startswith("Night.\n\n2 images or annotations could not be read")
    assert "3 images and 12 masks, 4 masks in" in sections["composition"]["number"]["answer"]
    assert sections["distribution"]["licence"]["answer"] == "CC BY 4.0"
    assert sections["collection"]["consent"]["answer"] == NOT_ANSWERED
    unanswered = sum(not one["by"] for table in sections.values() for one in table.values())
    assert card["not_answered"] == unanswered
    page = markdown(card)
    assert page.count(NOT_ANSWERED) == unanswered
    assert all(question.text in page for question in QUESTIONS)


def test_it_says_what_the_blur_is_not() -> None:
    assert "no anonymity" in answers_from(FACTS, RELEASE)["composition.identifiable"]
    plain = {**RELEASE, "settings": {**SETTINGS, "detectors": {}}}
    said = answers_from(FACTS, plain)["composition.identifiable"]
    assert said.startswith("Nothing was blurred")


def test_answers_are_read_and_slips_are_named(tmp_path: Path) -> None:
    path = tmp_path / "answers.toml"
    path.write_text('[motivation]\npurpose = """\nTo count apples.\n"""\n')
    assert read_answers(path) == {"motivation.purpose": "To count apples."}
    for content, said in (
        ('[motivation]\npurpos = "x"\n', r"motivation\.purpos; did you mean motivation\.purpose\?"),
        ('purpose = "x"\n', "stands in no section"),
        ("[motivation]\npurpose = 3\n", "no text"),
        ("[motivation\n", "can't be read as TOML"),
    ):  # fmt: skip
        path.write_text(content)
        with pytest.raises(DatasetError, match=said):
            read_answers(path)
