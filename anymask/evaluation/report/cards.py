"""Cards: a model card and a data card as Markdown, filled from results and facts.

The sections are those of Model Cards for Model Reporting (Mitchell et al., 2019) and Datasheets for
Datasets (Gebru et al., 2018), as the paper fills them for SAM and SA-1B (§F, §G). What is not known
is said not to be known, with what would fill it: a card with gaps is honest, one without them that
nobody filled is not.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from anymask.errors import ResultError
from anymask.evaluation.report.layout import Blocks, Labels, Section, short_name
from anymask.evaluation.report.markdown import count, escaped, table
from anymask.evaluation.result import Result

FAIRNESS, REPRESENTED = "fairness", "representation"
LARGE = 1000.0  # from which on decimals say nothing
MOST_METRICS = 20  # of a result in a card; its file has all

Facts = Mapping[str, Any]


@dataclass(frozen=True)
class Line:
    """A line of a card. fact: its key; fill: what would fill it where it is not known."""

    label: str
    fact: str
    fill: str


@dataclass(frozen=True)
class CardSection:
    """A part of a card: lines under a title."""

    title: str
    lines: tuple[Line, ...]


MODEL_DETAILS = CardSection(
    "Model details",
    (
        Line("Name", "name", "what its makers call it"),
        Line("Identifier", "model", "name and hash, as `anymask weights list` prints them"),
        Line("SHA-256 of the weights", "sha256", "`sha256sum` of the file"),
        Line("Architecture", "architecture", "the config beside the weights"),
        Line("Parameters", "parameters", "counting those of the loaded model"),
        Line("Made by", "developers", "the people or the organisation that trained it"),
        Line("Date", "date", "when the training ended"),
        Line("Licence", "licence", "the terms its makers published it under"),
        Line("Source", "source", "where the file was fetched from"),
        Line("Paper or other description", "citation", "what its makers wrote about it"),
        Line("Questions to", "contact", "an address that its makers answer"),
    ),
)
INTENDED_USE = CardSection(
    "Intended use",
    (
        Line("Primary uses", "primary_uses", "what its makers mean it for"),
        Line("Primary users", "primary_users", "whom its makers mean it for"),
        Line("Out of scope", "out_of_scope", "what it should not be used for, and why"),
    ),
)
FACTORS = CardSection(
    "Factors",
    (
        Line("Groups", "groups", "which people and things its answers may differ for"),
        Line("Cameras and surroundings", "instrumentation", "what photographs it was made for"),
    ),
)
DECISIONS = CardSection(
    "Decision thresholds",
    (Line("Thresholds", "thresholds", "the settings that everything-mode has for these weights"),),
)
TRAINING = CardSection(
    "Training data",
    (
        Line(
            "Training", "training", "what `anymask train` writes beside a checkpoint, or its paper"
        ),
        Line("Data", "training_data", "the data card of what it learnt from"),
    ),
)
ETHICS = CardSection(
    "Ethical considerations",
    (
        Line("People in the data", "people", "the data card of what it learnt from"),
        Line("Compute and its emissions", "compute", "hours, hardware and place of the training"),
        Line("Risks and harms", "risks", "what may come of its errors, and of its being right"),
    ),
)
CAVEATS = CardSection(
    "Caveats and recommendations",
    (Line("Known weaknesses", "caveats", "looking at masks of your own images before using it"),),
)

MOTIVATION = CardSection(
    "Motivation",
    (
        Line("Purpose", "purpose", "why it was made, and which gap it was to fill"),
        Line("Made by", "creators", "the people or the organisation that made it"),
        Line("Paid for by", "funding", "its makers"),
    ),
)
COMPOSITION = CardSection(
    "Composition",
    (
        Line("Name of its folder or file", "data", "reading it"),
        Line("Layout", "data_kind", "reading it"),
        Line("Fingerprint of its images' names", "data_fingerprint", "reading it"),
        Line("What an instance is", "instances", "what the images show"),
        Line("Images", "images", "reading it"),
        Line("Masks", "masks", "reading it"),
        Line("Masks an image", "masks_per_image", "reading it"),
        Line("Width of images (pixels)", "width_px", "reading it"),
        Line("Height of images (pixels)", "height_px", "reading it"),
        Line("Area of masks (share of the image)", "mask_share", "reading it"),
        Line("Area of masks (pixels)", "mask_px", "reading it"),
        Line("What masks are called", "names", "reading it"),
        Line("Masks of pixels that nobody decided about", "undecided", "reading it"),
        Line("Images that can't be read", "broken", "reading it"),
        Line("Annotations left out of images that can be read", "left_out", "reading it"),
        Line("Sampled from", "sampled_from", "the larger set that it was drawn from, and how"),
        Line("Splits", "splits", "which images are for training and which for testing"),
        Line("People in it", "people", "whether people can be told, and what of them is private"),
        Line("Offensive content", "offensive", "whether anybody has looked, and what was found"),
    ),
)
COLLECTION = CardSection(
    "Collection process",
    (
        Line("How images were got", "collection", "who took them, and with what"),
        Line("When", "collected", "dates of the photographs"),
        Line("Consent and payment", "consent", "what those who took and made them agreed to"),
    ),
)
LABELLING = CardSection(
    "Preprocessing, cleaning, labelling",
    (
        Line("Preprocessing", "preprocessing", "scaling, blurring of faces, what was thrown out"),
        Line("How masks were made", "annotation", "by whom or what, by which rules"),
        Line("Quality of masks", "quality", "masks made twice, and their IoU (§5)"),
        Line("Raw data", "raw", "whether what it was made of is kept"),
    ),
)
USES = CardSection(
    "Uses",
    (
        Line("Used for", "uses", "papers and products"),
        Line("Not to be used for", "out_of_scope", "its makers' judgement and its licence"),
    ),
)
DISTRIBUTION = CardSection(
    "Distribution",
    (
        Line("Licence", "licence", "the terms that it was published under"),
        Line("Where", "where", "an address"),
    ),
)
MAINTENANCE = CardSection(
    "Maintenance",
    (
        Line("Questions to", "contact", "an address that its makers answer"),
        Line("Versions and removals", "versions", "how errors are corrected and images taken out"),
    ),
)


def model_card(results: Sequence[Result], facts: Facts, sections: Mapping[str, Section]) -> str:
    """The card of a model.

    results: of ``anymask evaluate``, all of this model. facts: by the keys of the lines above, as
    text, numbers, lists or mappings; others are listed, too. sections: of the report, by the
    experiment, of which the card takes what is said of groups.

    Raises ``ResultError`` for results of different models or of another than ``facts["model"]``.
    """
    models = {result.model for result in results} | (
        {facts["model"]} if "model" in facts else set()
    )
    if len(models) > 1:
        raise ResultError(f"a card is of one model, not of {', '.join(sorted(models))}")
    facts = {**({"model": models.pop()} if models else {}), **facts}
    before = (MODEL_DETAILS, INTENDED_USE, FACTORS, DECISIONS, TRAINING)
    after = (ETHICS, CAVEATS)
    blocks = [
        f"# Model card: {escaped(str(facts.get('name', facts.get('model', 'unnamed'))))}",
        *_filled(before, facts),
        *_further(facts, before + after),
        *_evaluation_data(results),
        *_analyses(results, sections),
        *_filled(after, facts),
        *_limits(results),
    ]
    return "\n\n".join(blocks) + "\n"


def data_card(results: Sequence[Result], facts: Facts, sections: Mapping[str, Section]) -> str:
    """The card of a dataset.

    results: what models were found to do on it, and whence its images come (the experiment
    ``representation``). facts: those of ``datasets.statistics.facts_of``, and what its makers know,
    by the keys of the lines above; others are listed, too. sections: of the report, by the
    experiment, of which the card takes what is said of groups and of places.

    Raises ``ResultError`` for results on other data than ``facts["data"]``.
    """
    for result in results:
        if result.experiment != REPRESENTED and facts.get("data", result.data) != result.data:
            raise ResultError(
                f"a result of {result.experiment} is on {result.data}, not on {facts['data']}"
            )
    before = (MOTIVATION, COMPOSITION, COLLECTION, LABELLING)
    after = (USES, DISTRIBUTION, MAINTENANCE)
    blocks = [
        f"# Data card: {escaped(str(facts.get('name', facts.get('data', 'unnamed'))))}",
        *_filled(before, facts),
        *_further(facts, before + after),
        *_origins(results, sections),
        *_analyses([result for result in results if result.experiment != REPRESENTED], sections),
        *_filled(after, facts),
        *_limits(results),
    ]
    return "\n\n".join(blocks) + "\n"


def _filled(sections: Sequence[CardSection], facts: Facts) -> Iterator[str]:
    for section in sections:
        yield f"## {section.title}"
        yield "\n".join(_line(line, facts) for line in section.lines)


def _line(line: Line, facts: Facts) -> str:
    value = facts.get(line.fact)
    if value is None or value in ("", [], {}):
        return f"- **{line.label}:** not known; to be filled from: {line.fill}."
    return f"- **{line.label}:** {_shown(value)}"


def _further(facts: Facts, sections: Sequence[CardSection]) -> Iterator[str]:
    """What the templates have no line for."""
    known = {line.fact for section in sections for line in section.lines}
    further = [key for key in facts if key not in known]
    if further:
        yield "## Further facts"
        yield "\n".join(f"- **{escaped(key)}:** {_shown(facts[key])}" for key in further)


def _shown(value: Any, is_inner: bool = False) -> str:
    if isinstance(value, Mapping):
        text = "; ".join(f"{escaped(str(key))} {_shown(item, True)}" for key, item in value.items())
        return f"({text})" if is_inner else text
    if isinstance(value, (list, tuple)):
        return ", ".join(_shown(item, True) for item in value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return escaped(str(value))
    if isinstance(value, int) or abs(value) >= LARGE:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def _evaluation_data(results: Sequence[Result]) -> Iterator[str]:
    yield "## Evaluation data"
    if not results:
        yield "Not known; to be filled from: results of `anymask evaluate`."
        return
    yield table(
        ["dataset", "layout", "experiment", "images", "asked for"],
        [
            [
                escaped(result.data),
                escaped(result.data_kind),
                result.experiment,
                count(result.images),
                "all" if result.limit is None else count(result.limit),
            ]
            for result in results
        ],
        texts=3,
    )


def _analyses(results: Sequence[Result], sections: Mapping[str, Section]) -> Iterator[str]:
    """The metrics of each result; of fairness, its section of the report."""
    yield "## Quantitative analyses"
    if not results:
        yield "Not known; to be filled from: results of `anymask evaluate`."
    for result in results:
        model = escaped(short_name(result.model))
        yield f"### {result.experiment} on {escaped(result.data)}, {model}"
        if result.experiment == FAIRNESS:
            yield from _texts(sections[FAIRNESS].blocks([result], Labels()))
        else:
            metrics = list(result.metrics.items())[:MOST_METRICS]
            yield table(["metric", "value"], [[escaped(n), f"{v:.4g}"] for n, v in metrics])
    if results and not any(result.experiment == FAIRNESS for result in results):
        yield "By groups of people: not known; to be filled from: `anymask evaluate fairness`."


def _origins(results: Sequence[Result], sections: Mapping[str, Section]) -> Iterator[str]:
    """Where images come from, beside the paper's Table 1."""
    yield "## Where images come from"
    counts = [result for result in results if result.experiment == REPRESENTED]
    if counts:
        yield from _texts(sections[REPRESENTED].blocks(counts, Labels()))
    else:
        yield "Not known; to be filled from: a table of countries or captions of its images."


def _texts(blocks: Blocks) -> Iterator[str]:
    """A section of the report without its figures."""
    return (block for block in blocks if isinstance(block, str) and block)


def _limits(results: Sequence[Result]) -> Iterator[str]:
    """What takes from the weight of the results."""
    limits = [
        f"{result.experiment} on {escaped(result.data)}: {reason}"
        for result in results
        for reason in _reasons(result)
    ]
    if limits:
        yield "Of the figures above:"
        yield "\n".join(f"- {limit}" for limit in limits)


def _reasons(result: Result) -> Iterator[str]:
    if result.limit is not None:
        yield f"only {count(result.limit)} images were asked for."
    if result.unread:
        yield f"images that could not be read or placed: {count(len(result.unread))}."
    if result.annotations_left_out:
        yield f"annotations that were left out: {count(result.annotations_left_out)}."
    if not result.commit or result.commit.endswith("+changes"):
        yield "made by code of which no commit is known."
