"""Report: results beside the paper's figures, as a page of Markdown with figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from anymask.core.atomic import check_file_writable, check_writable, make_folder, writing
from anymask.errors import ResultError
from anymask.evaluation.human_ratings import HumanRatings
from anymask.evaluation.report.layout import Block, Figure, Labels, Section, short_name
from anymask.evaluation.report.markdown import DASH, bare, code, escaped
from anymask.evaluation.report.metrics_section import all_metrics
from anymask.evaluation.report.origins import origins
from anymask.evaluation.report.ratings_section import TITLE as RATINGS
from anymask.evaluation.report.ratings_section import ratings_section
from anymask.evaluation.result import NO_MODEL, Result

PUBLISHED = (
    "The published figures are those of *Segment Anything* (arXiv 2304.02643), whose SAM has a "
    "ViT-H. "
)


@dataclass(frozen=True)
class Report:
    """A page, block by block."""

    blocks: tuple[Block, ...]

    @property
    def figures(self) -> list[Figure]:
        """What is to be drawn, in the order of the page."""
        return [block for block in self.blocks if isinstance(block, Figure)]

    def markdown(self, folder: str = "") -> str:
        """The page. folder: where, relative to it, the figures are."""
        start = f"{folder}/" if folder else ""
        shown = [
            f"![{block.caption}]({start}{block.name}.png)" if isinstance(block, Figure) else block
            for block in self.blocks
        ]
        return "\n\n".join(filter(None, shown)) + "\n"


def report(
    results: Sequence[Result],
    sections: Mapping[str, Section],
    model_id: str | None = None,
    compare: bool = False,
    rated: HumanRatings | None = None,
) -> Report:
    """Lay results out, and what people said of masks.

    sections: by the experiment, in the order of the page (``discovery.sections``); results of
    experiments that are not among them come last, with all metrics as they are. model_id: of which
    all must be that have a model; None: of the first one's. What no model was asked for, such as a
    classical edge detector, may stand beside. compare: results of several models side by side;
    model_id, if given, must be among them. rated: may be of any models, and stand alone.

    Raises ``ResultError`` for a result of other weights, for two of the same, and for nothing.
    """
    if not results and rated is None:
        raise ResultError("there is no result to report on")
    models = _models(results, model_id, compare) if results else []
    _check_once(results)
    labels = Labels(tuple(models))
    blocks: list[Block] = [*_head(results, models, rated)]
    for experiment in dict.fromkeys([*sections, *(result.experiment for result in results)]):
        members = [result for result in results if result.experiment == experiment]
        if members:
            section = sections.get(experiment, Section(experiment, all_metrics))
            blocks += [f"## {escaped(section.title)}", *section.blocks(members, labels)]
    if rated is not None:
        blocks += [f"## {RATINGS}", *ratings_section(rated)]
    if results:
        blocks += ["## How the figures were made", *origins(results, labels)]
    return Report(tuple(blocks))


def check_place(path: Path) -> Path:
    """The folder of a page's figures; makes nothing.

    Raises ``ResultError`` for a page without an ending, and ``OutputError`` where page or folder
    can't be written.
    """
    folder = path.with_suffix("")
    if folder == path:
        raise ResultError(f"{path} has no ending: name the page {path.name}.md")
    check_file_writable(path)
    check_writable(folder)
    return folder


def write(page: Report, path: Path) -> None:
    """Write the page, and its figures into a folder beside it that is named after it.

    All figures are drawn before anything is written; the page comes last. Raises ``OutputError``,
    and ``MissingExtraError`` where figures can't be drawn.
    """
    folder = check_place(path)
    drawn = {figure.name: figure.draw() for figure in page.figures}
    make_folder(folder if drawn else path.parent)
    for name, content in drawn.items():
        with writing(folder / f"{name}.png") as part:
            part.write_bytes(content)
    with writing(path) as part:
        part.write_text(page.markdown(folder.name), encoding="utf-8")


def _models(results: Sequence[Result], model_id: str | None, compare: bool) -> list[str]:
    """The ids of the models that the results are of, once each."""
    models = list(dict.fromkeys(result.model for result in results if result.model != NO_MODEL))
    if compare:
        if model_id and all(_weights(model) != _weights(model_id) for model in models):
            raise ResultError(
                f"no result is of {model_id}, but of {', '.join(models) or 'no model'}"
            )
        return models
    wanted = model_id or next(iter(models), NO_MODEL)
    for result in results:
        if result.model != NO_MODEL and _weights(result.model) != _weights(wanted):
            raise ResultError(
                f"the result of {result.experiment} on {bare(result.data)} is of {result.model}, "
                f"not of {wanted}; evaluate these weights, or compare them (--compare)"
            )
    return [wanted] if models else []


def _weights(model: str) -> tuple[str, str]:
    """The hash of a model id, and whose code ran it, if that was not anymask's."""
    name, _, sha256 = model.rpartition("@")
    adapter = name.partition(":")[0] if ":" in name else ""
    return adapter, sha256


def _check_once(results: Sequence[Result]) -> None:
    """Raise ``ResultError`` if two results answer the same question."""
    for one, other in combinations(results, 2):
        if _question(one) == _question(other):
            raise ResultError(
                f"two results are of {one.experiment} on {bare(one.data)} by {bare(one.model)} "
                f"with the same options ({one.date}, {other.date}); leave one out"
            )


def _question(result: Result) -> tuple[object, ...]:
    """Experiment, model, data and options."""
    images = result.data, result.data_fingerprint, result.data_kind
    return result.experiment, result.model, images, dict(result.options)


def _head(
    results: Sequence[Result], models: Sequence[str], rated: HumanRatings | None
) -> list[str]:
    """Title, model, and whose work this page is."""
    names = ", ".join(escaped(short_name(model)) for model in models)
    ids = ", ".join(code(bare(model)) for model in models)
    made_from = [f"{len(results)} result{'s' * (len(results) > 1)}"] if results else []
    made_from += ["people's ratings"] if rated is not None else []
    return [
        f"# Evaluation of {names}" if models else "# Evaluation",
        f"Model{'s' * (len(models) > 1)}: {ids}." if models else "",
        f"This page was made by `anymask evaluate report` from {' and '.join(made_from)}. "
        f"{PUBLISHED if results else ''}Figures are in per cent where nothing else is said; "
        f"{DASH} is one that is not there.",
    ]
