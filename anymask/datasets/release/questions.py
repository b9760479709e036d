"""The questions that a card answers: the datasheet of *Segment Anything* (§F), in our words.

The paper follows *Datasheets for Datasets* (Gebru et al., arXiv 1803.09010).
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Question:
    """One question: its name in an answers file, as ``section.name``, and what it asks."""

    section: str
    name: str
    text: str

    @property
    def key(self) -> str:
        """The name in full."""
        return f"{self.section}.{self.name}"


SECTIONS: dict[str, dict[str, str]] = {
    "motivation": {
        "purpose": "What was the dataset made for, and which gap does it fill?",
        "creators": "Who made it, and for whom?",
        "funding": "Who paid for it?",
        "comments": "Is there more to say about why it exists?",
    },
    "composition": {
        "instances": "What does an entry stand for?",
        "number": "How many entries are there of each kind?",
        "sampling": "Is it all there is, or a sample, and how was that drawn?",
        "content": "What does an entry consist of?",
        "labels": "Is there a label or a target with each entry?",
        "missing": "What is missing from entries, and why?",
        "relations": "Are relations between entries stated?",
        "splits": "Which splits are recommended?",
        "errors": "Which errors, noise and repetitions are known?",
        "self_contained": "Does it depend on anything that lies elsewhere?",
        "confidential": "Does it hold anything confidential?",
        "offensive": "Does it hold anything that may offend, insult or frighten?",
        "groups": "Does it tell groups of people apart?",
        "identifiable": "Can a person be recognised, directly or together with other data?",
        "sensitive": "Does it hold anything sensitive about people?",
    },
    "collection": {
        "acquisition": "How was each entry acquired?",
        "means": "With which devices, programs or people, and how were these checked?",
        "strategy": "If it is a sample: by which rule?",
        "people": "Who collected and annotated it, and how were they paid?",
        "time": "When was it collected?",
        "review": "Was there an ethical review?",
        "source": "Did it come from the people it shows, or from others?",
        "notice": "Were these people told?",
        "consent": "Did they consent, and to what?",
        "withdrawal": "How can they take their consent back?",
        "impact": "Was it looked into what the dataset may do to them?",
    },
    "preprocessing": {
        "steps": "What was done to the data before its release?",
        "raw": "Is the raw data kept?",
        "software": "Which software did it, and can one get it?",
    },
    "uses": {
        "so_far": "What has it been used for?",
        "list": "Where are its uses listed?",
        "others": "What else could it be used for?",
        "risks": "What in it may make a later use unfair or harmful?",
        "not_for": "What should it not be used for?",
    },
    "distribution": {
        "recipients": "Who gets it?",
        "means": "How is it distributed, and has it an identifier?",
        "time": "From when on?",
        "licence": "Under which licence and terms?",
        "third_parties": "Do others hold rights in it?",
        "export": "Do export controls or other rules apply?",
    },
    "maintenance": {
        "owner": "Who looks after it?",
        "contact": "How can they be reached?",
        "errata": "Where are corrections listed?",
        "updates": "Will it be updated, by whom, and how is that made known?",
        "retention": "Is there a limit on how long data about people is kept?",
        "versions": "Are older versions kept?",
        "contributions": "How can others add to it?",
    },
}
QUESTIONS = tuple(
    Question(section, name, text)
    for section, questions in SECTIONS.items()
    for name, text in questions.items()
)
