"""``anymask evaluate``: a table of the papers by a command, and the page that lays them out."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anymask.cli import report
from anymask.cli.command_group import Command, CommandGroup, Context
from anymask.cli.options import (
    EXIT_INTERRUPTED,
    BandsOption,
    CrowdsOption,
    DeviceOption,
    DtypeOption,
    Executor,
    ExecutorOption,
    ImagesOption,
    OfflineOption,
    PageOption,
    WeightsOption,
    WindowOption,
    read_options,
)
from anymask.cli.progress import work_bar
from anymask.errors import explained
from anymask.evaluation.rivals.load import AdaptedSource
from anymask.evaluation.rivals.rival import Adapter
from anymask.weights.registry import DEFAULT

if TYPE_CHECKING:
    from anymask.evaluation.job import EvaluationJob
    from anymask.evaluation.result import Result

REASONS_SHOWN = 10
NEEDED, FOR_THE_EYE = ("weights",), ("json_",)  # options, when a command is written down


class ExperimentCommands(CommandGroup):
    """A command for each experiment on images, found in its folder, and the others after them.

    They are made when they are wanted: other commands of ``anymask`` need not wait for what
    experiments import.
    """

    def list_commands(self, context: Context) -> list[str]:
        """Names in the order of ``--help``."""
        return [*_experiment_commands(), *super().list_commands(context)]

    def get_command(self, context: Context, name: str) -> Command | None:
        """The command of a name."""
        return super().get_command(context, name) or _experiment_commands().get(name)


app = typer.Typer(
    name="evaluate",
    cls=ExperimentCommands,
    help="The papers' experiments on any model and data: a command for each table.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
for _command in (
    report.representation,
    report.report,
    report.model_card,
    report.data_card,
    report.ablations,
    report.datasets,
):
    app.command(_command.__name__.replace("_", "-"))(_command)


@app.command()
def fields(
    experiment: Annotated[str, typer.Argument(metavar="EXPERIMENT", show_default=False)],
) -> None:
    """What --set changes of an experiment, and its values."""
    from anymask.core.settings import changeable
    from anymask.evaluation.discovery import find

    defaults = find(experiment)
    for field in changeable(defaults):
        typer.echo(f"{field}={_shown(getattr(defaults, field))}")


def evaluate_images(
    context: typer.Context,
    data: Annotated[
        str,
        typer.Option(
            metavar="PATH",
            help="Images with masks: COCO or LVIS, folders of mask pictures, SA-1B files, "
            "shards, the layouts of `anymask evaluate datasets`; for edges BSDS500's folder.",
            show_default=False,
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="JSON", help="The result's file.", show_default=False)
    ],
    weights: WeightsOption = DEFAULT,
    adapter: Annotated[
        Adapter,
        typer.Option(
            help="Whose code answers: anymask, the official package segment-anything, or "
            "huggingface (SAM and SAM 2 of transformers)."
        ),
    ] = Adapter.anymask,
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Change a field of the experiment; any number of times.",
            show_default=False,
        ),
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option(
            min=1,
            metavar="N",
            help="Look at N images only; the seed draws them.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Of what is drawn.")] = 0,
    split_regions: Annotated[
        bool,
        typer.Option(
            "--split-regions", help="Every region of a value in a mask picture is an object."
        ),
    ] = False,
    void: Annotated[
        list[int] | None,
        typer.Option(
            metavar="V",
            help="A value of mask pictures that is no object, instead of 0 and 255.",
            show_default=False,
        ),
    ] = None,
    images: ImagesOption = "",
    crowds: CrowdsOption = None,
    page: PageOption = None,
    bands: BandsOption = None,
    window: WindowOption = None,
    workers: Annotated[
        int, typer.Option(min=1, metavar="N", help="Processes, each with a model of its own.")
    ] = 1,
    executor: ExecutorOption = Executor.process,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "float32",
    offline: OfflineOption = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print the metrics as JSON on standard output.")
    ] = False,
) -> None:
    """The command of every experiment that looks at images; which, its name says."""
    try:
        from anymask.datasets.dataset_options import DatasetOptions
        from anymask.evaluation.discovery import prepare
        from anymask.evaluation.job import EvaluationJob
        from anymask.evaluation.result import check_free
        from anymask.evaluation.source import Source
    except ModuleNotFoundError as missing:
        raise explained(missing) from None
    check_free(out)
    options = DatasetOptions(
        images, crowds.value if crowds else "", read_options(page, bands, window)
    )
    source = Source(data, split_regions, tuple(void) if void else None, options)
    experiment, dataset = prepare(str(context.info_name), source, set_ or [], seed)
    model_source = AdaptedSource(weights, device, dtype, offline or None, adapter=adapter)
    job = EvaluationJob(experiment, dataset, model_source, out, limit, seed)
    notes = [*dataset.notes, *experiment.first_notes()]
    for note in notes:
        typer.echo(f"note: {note.name}: {note.reason}", err=True)
    result = _run(job, workers, executor, _command_line(context))
    _report(result, out, json_, {(note.name, note.reason) for note in notes})


@cache
def _experiment_commands() -> dict[str, Command]:
    """By name, in the order of their places; all take the same options."""
    try:
        from anymask.evaluation.discovery import image_experiments
    except ModuleNotFoundError as missing:
        raise explained(missing) from None
    commands = {}
    for name, experiment in image_experiments().items():
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name, help=_help(name, experiment.summary))(evaluate_images)
        commands[name] = typer.main.get_command(alone)
    return commands


def _help(name: str, summary: str) -> str:
    return (
        f"{summary}\n\n"
        f"Stop it at any time, and run the same command to go on; several processes or machines "
        f"may run it on one folder. `anymask evaluate fields {name}` lists what --set changes."
    )


def _run(job: EvaluationJob, workers: int, executor: Executor, command: str) -> Result:
    """Do the job with a bar, here or in other processes."""
    from anymask.evaluation.job import begin, done, finish, work
    from anymask.evaluation.result import read_result

    job, sam = job.load()
    begin(job)
    try:
        with work_bar(len(job.parts)) as step:
            if workers == 1 and executor == Executor.process:
                for is_done_here in work(job, sam):
                    step(is_done_here, "")
            else:
                _count(job, _spread(job, workers, executor), step)
    except KeyboardInterrupt:
        kept = f"{done(job)} of {len(job.parts)} are kept in {job.folder.path}"
        typer.echo(f"anymask: stopped; {kept}; run the same command again to go on", err=True)
        raise typer.Exit(EXIT_INTERRUPTED) from None
    if job.out.exists():  # another process was faster
        return read_result(job.out)
    return finish(job, command)


def _spread(job: EvaluationJob, workers: int, executor: Executor) -> Iterator[None]:
    """Have workers do the job, each of which loads the model itself; yields meanwhile."""
    from anymask.evaluation.job import work_alone

    if executor == Executor.process:
        from anymask.jobs import processes

        return processes.spread(work_alone, job, workers)
    from anymask.jobs import ray_cluster

    # One is what --workers says where it isn't given: the cluster then decides.
    return ray_cluster.spread(work_alone, job, workers if workers > 1 else None, job.source.device)


def _count(job: EvaluationJob, progress: Iterator[None], step: Callable[[bool, str], None]) -> None:
    """Tell a bar of the parts that other processes have done."""
    from anymask.evaluation.job import done

    counted = done(job)
    for _ in range(counted):
        step(False, "")
    for _ in progress:
        now = done(job)
        for _ in range(now - counted):
            step(True, "")
        counted = max(now, counted)


def _command_line(context: Context) -> str:
    """The command that asks for the same again: which weights, and what is not as by default."""
    words = ["anymask", "evaluate", str(context.info_name)]
    for option in context.command.params:
        value = context.params.get(option.name)
        is_needed = option.name in NEEDED or value not in (None, False, option.default, (), [])
        if option.name in FOR_THE_EYE or not is_needed:
            continue
        for one in value if isinstance(value, (list, tuple)) else [value]:
            words += [option.opts[0]] if one is True else [option.opts[0], _plain(one)]
    return shlex.join(words)


def _plain(value: Any) -> str:
    return str(value.value if isinstance(value, Enum) else value)


def _report(result: Result, out: Path, as_json: bool, said: set[tuple[str, str]]) -> None:
    """Metrics on stdout; what was passed over, and where the result is, on stderr.

    said: name and reason of what was said already.
    """
    if as_json:
        typer.echo(json.dumps(dict(result.metrics)))
    else:
        for name, value in result.metrics.items():
            typer.echo(f"{name:24} {value:.4f}")
    rest = [one for one in result.passed_over if (one["name"], one["reason"]) not in said]
    for unread in rest[:REASONS_SHOWN]:
        typer.echo(f"passed over {unread['name']}: {unread['reason']}", err=True)
    if len(rest) > REASONS_SHOWN:
        typer.echo(f"and {len(rest) - REASONS_SHOWN} others", err=True)
    lost = result.annotations_left_out
    typer.echo(
        f"{result.images} images, {len(result.unread)} passed over, "
        f"{f'{lost} annotations left out, ' if lost else ''}in "
        f"{result.seconds:.0f} s, of these {result.model_seconds:.0f} in the model: {out}",
        err=True,
    )


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ",".join(map(str, value))
    return str(value).lower() if isinstance(value, (bool, type(None))) else str(value)
