"""``anymask evaluate report``, and what else needs no run over images: cards, countries, the table
of datasets, the grid of ablations."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from anymask.cli.options import CrowdsOption, ImagesOption, OfflineOption
from anymask.core.atomic import check_file_writable, check_writable, make_folder, writing
from anymask.core.json_object import read_object
from anymask.errors import ResultError, explained
from anymask.weights.registry import DEFAULT

REASONS_SHOWN = 10
WIDEST = 28  # of a column of the table of datasets

SomeResultsArgument = Annotated[
    list[Path] | None,
    typer.Argument(metavar="JSON", help="Results of anymask evaluate.", show_default=False),
]
PageOption = Annotated[Path, typer.Option(metavar="PAGE", help="The page, .md.")]
FactsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="JSON", help="What else is known, by the keys of the card.", show_default=False
    ),
]


def report(
    results: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="Results of anymask evaluate, and files of anymask rate.",
            show_default=False,
        ),
    ],
    out: PageOption,
    weights: Annotated[
        str,
        typer.Option(
            metavar="W", help="Refuse results of other weights than these.", show_default=False
        ),
    ] = "",
    compare: Annotated[
        bool, typer.Option("--compare", help="Lay several models side by side.")
    ] = False,
    baseline: Annotated[
        str,
        typer.Option(
            metavar="MODEL",
            help="Whom ratings are compared with: a model's name, or truth; by default the first.",
            show_default=False,
        ),
    ] = "",
    drop_inattentive: Annotated[
        bool,
        typer.Option("--drop-inattentive", help="Leave out ratings of who failed too many checks."),
    ] = False,
    offline: OfflineOption = False,
) -> None:
    """Lay results beside the paper's figures, and ratings of people: a page and its pictures."""
    from anymask.core.ratings.rating_file import is_rating_file, read_rating_file

    try:
        from anymask.evaluation.discovery import sections
        from anymask.evaluation.human_ratings import human_ratings
        from anymask.evaluation.report import page
        from anymask.evaluation.result import read_result
    except ModuleNotFoundError as missing:
        raise explained(missing) from None
    page.check_place(out)
    model_id = str(_model_facts(weights, offline)["model"]) if weights else None
    files = [read_rating_file(path) for path in results if is_rating_file(path)]
    contents = [read_result(path) for path in results if not is_rating_file(path)]
    rated = human_ratings(files, baseline, drop_inattentive) if files else None
    page.write(page.report(contents, sections(), model_id, compare, rated), out)
    typer.echo(f"{out} lays out {', '.join(path.name for path in results)}", err=True)


def model_card(
    out: PageOption,
    results: SomeResultsArgument = None,
    weights: Annotated[str, typer.Option(metavar="W", help="The model.")] = DEFAULT,
    facts: FactsOption = None,
    offline: OfflineOption = False,
) -> None:
    """Fill a model card from the weights and from results; what is not known it says."""
    from anymask.evaluation.discovery import sections
    from anymask.evaluation.report import cards
    from anymask.evaluation.result import read_result

    check_file_writable(out)
    known = {**_model_facts(weights, offline), **_read_facts(facts)}
    _write(out, cards.model_card([read_result(path) for path in results or []], known, sections()))


def data_card(
    data: Annotated[
        str, typer.Option(metavar="PATH", help="Images with masks.", show_default=False)
    ],
    out: PageOption,
    results: SomeResultsArgument = None,
    facts: FactsOption = None,
    images: ImagesOption = "",
    crowds: CrowdsOption = None,
) -> None:
    """Fill a data card by reading a dataset, and from results on it; what is not known it says."""
    from anymask.datasets.recognise import open_dataset
    from anymask.datasets.statistics import facts_of
    from anymask.evaluation.discovery import sections
    from anymask.evaluation.report import cards
    from anymask.evaluation.result import read_result

    check_file_writable(out)
    chosen = crowds.value if crowds else None
    dataset = open_dataset(data, images=images or None, crowds=chosen)
    known = {**facts_of(dataset), **_read_facts(facts)}
    _write(out, cards.data_card([read_result(path) for path in results or []], known, sections()))


def representation(
    table: Annotated[
        Path,
        typer.Argument(
            metavar="CSV",
            help="Columns image,country or image,caption or country,images.",
            show_default=False,
        ),
    ],
    out: Annotated[Path, typer.Option(metavar="JSON", help="The result's file.")],
) -> None:
    """Where a dataset's images come from, by region and by income (§6)."""
    try:
        from anymask.evaluation.experiments.representation import Representation
        from anymask.evaluation.result import check_free
    except ModuleNotFoundError as missing:
        raise explained(missing) from None
    check_free(out)
    command = ["anymask", "evaluate", Representation.name, str(table), "--out", str(out)]
    result = Representation.result(table, shlex.join(command))
    make_folder(out.parent)
    result.write(out)
    for name, value in result.metrics.items():
        if name.startswith("share/"):
            typer.echo(f"{name:24} {value:.4f}")
    for unplaced in result.passed_over[:REASONS_SHOWN]:
        typer.echo(f"left out {unplaced['name']}: {unplaced['reason']}", err=True)
    count = result.metrics["images/unplaced"]
    typer.echo(f"images without a country: {count:.0f}; see {out}", err=True)


def datasets() -> None:
    """The sets of the papers' experiments: what was sampled, the licence, where to get them."""
    from anymask.datasets.benchmarks.suite import OTHERS, SUITE

    rows = [("name", "split", "images", "masks", "read as", "licence", "page")]
    rows += [
        (
            benchmark.name,
            benchmark.split,
            f"{benchmark.images}",
            f"{benchmark.masks}",
            benchmark.kind or "after conversion",
            benchmark.licence,
            benchmark.page,
        )
        for benchmark in (*SUITE, *OTHERS)
    ]
    _columns(rows)
    typer.echo("\nIn the suite of single points are the first 23.", err=True)


def ablations(
    grid: Annotated[Path, typer.Argument(metavar="GRID.toml", show_default=False)],
    out: Annotated[Path, typer.Option(metavar="DIR", help="Folder of runs and results.")],
) -> None:
    """Train and evaluate a model for each cell of a grid, and draw Fig. 13 (§7.6)."""
    try:
        from anymask.evaluation.experiments.ablations import panels_of, read_grid, run
        from anymask.evaluation.report import figures
    except ModuleNotFoundError as missing:
        raise explained(missing) from None
    check_writable(out)
    results = []
    for cell, result in run(read_grid(grid), out):
        results.append((cell, result))
        shown = ", ".join(f"{name} {value:.3f}" for name, value in result.metrics.items())
        typer.echo(f"{cell.panel} {cell.label}: {shown}")
    with writing(out / "ablations.png") as part:
        part.write_bytes(figures.ablations(panels_of(results)))
    typer.echo(f"{len(results)} models: {out / 'ablations.png'}", err=True)


def _model_facts(weights: str, offline: bool) -> dict[str, Any]:
    """What the weights say of themselves."""
    from anymask.core.calibration import OFFICIAL_THRESHOLDS
    from anymask.predict.load import load
    from anymask.weights.registry import ROWS

    sam = load(weights, device="cpu", offline=offline or None)
    facts: dict[str, Any] = {"name": sam.name, "model": sam.model_id}
    facts["thresholds"] = {**OFFICIAL_THRESHOLDS, **sam.everything}
    row = next((row for row in ROWS if row.name == weights), None)
    if row is not None:
        facts["licence"] = row.licence
        facts["sha256"] = [f"{file.name}: {file.sha256}" for file in row.files]
        facts["source"] = sorted({source for file in row.files for source in file.sources})
    network = getattr(sam, "model", None)
    if network is not None:
        facts["parameters"] = sum(tensor.numel() for tensor in network.parameters())
        facts["architecture"] = type(network.config.encoder).__name__.removesuffix("Config")
    return facts


def _read_facts(path: Path | None) -> Mapping[str, Any]:
    return {} if path is None else read_object(path, ResultError)


def _write(out: Path, page: str) -> None:
    make_folder(out.parent)
    with writing(out) as part:
        part.write_text(page)
    typer.echo(f"{out}", err=True)


def _columns(rows: Iterable[tuple[str, ...]]) -> None:
    cut = [
        [cell if len(cell) <= WIDEST else f"{cell[: WIDEST - 1]}…" for cell in row[:-1]] + [row[-1]]
        for row in rows
    ]
    widths = [max(map(len, column)) for column in zip(*cut)]
    for row in cut:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip())
