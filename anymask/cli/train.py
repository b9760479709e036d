"""``anymask train``: from a recipe and a dataset to checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from anymask.cli.options import (
    BandsOption,
    CrowdsOption,
    DeviceOption,
    ImagesOption,
    OfflineOption,
    PageOption,
    WindowOption,
    read_options,
)
from anymask.cli.progress import work_bar
from anymask.core.atomic import check_writable
from anymask.errors import explained

if TYPE_CHECKING:
    import torch

    from anymask.training.distributed import World
    from anymask.training.job import TrainingJob
    from anymask.training.loop import Course
    from anymask.training.resumption import Request

SIGNAL_EXIT = 128  # plus the signal's number, as shells count it


def train(
    recipe: Annotated[
        str,
        typer.Argument(
            metavar="RECIPE",
            help="finetune_decoder, retrain, finetune_lora, finetune_all, distill_decoder, "
            "distill_encoder, text_prompts, detector, or the paper's: paper, paper_vit_b, "
            "paper_vit_l, paper_text, assisted, automatic. Not needed with --resume.",
            show_default=False,
        ),
    ] = "",
    data: Annotated[
        str,
        typer.Option(
            metavar="DIR",
            help="Images with masks: COCO or LVIS, SA-1B files, tar shards (also URLs), folders of "
            "mask pictures. With --resume only where they have moved.",
            show_default=False,
        ),
    ] = "",
    *,
    out: Annotated[
        Path, typer.Option(metavar="RUN", help="Folder of the run.", show_default=False)
    ],
    set_: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Change a field of the recipe; any number of times. --dry-run --verbose shows "
            "them all.",
            show_default=False,
        ),
    ] = None,
    validation: Annotated[
        str,
        typer.Option(
            metavar="DIR",
            help="Images to validate with; otherwise the recipe's `holdout` of --data.",
            show_default=False,
        ),
    ] = "",
    images: ImagesOption = "",
    crowds: CrowdsOption = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Go on with the run in --out, exactly; recipe, data and settings are those of the "
            "run.",
        ),
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option(
            "--dry-run",
            help="Only show what can be learned from, and estimates of the memory and the time.",
        ),
    ] = False,
    page: PageOption = None,
    bands: BandsOption = None,
    window: WindowOption = None,
    verbose: Annotated[
        bool, typer.Option("--verbose", help="--dry-run shows every field of the recipe.")
    ] = False,
    device: DeviceOption = "auto",
    offline: OfflineOption = False,
    json_: Annotated[
        bool, typer.Option("--json", help="Print a summary as JSON on standard output.")
    ] = False,
) -> None:
    """Train a model; stop it at any time, and go on with --resume.

    RUN/best and RUN/last are checkpoints to use wherever weights go. On several cards: torchrun
    --nproc-per-node 8 -m anymask train …
    """
    if verbose and not dry_run:
        raise typer.BadParameter("it belongs to --dry-run", param_hint="--verbose")
    try:
        from anymask.datasets.dataset_options import DatasetOptions
        from anymask.predict.predictor import find_device
        from anymask.training.distributed import join_world, leave_world
        from anymask.training.resumption import Request, job_of
    except ModuleNotFoundError as missing:
        raise explained(missing) from None
    request = Request(
        out,
        recipe,
        data,
        validation,
        tuple(set_ or ()),
        resume,
        offline or None,
        DatasetOptions(images, crowds.value if crowds else "", read_options(page, bands, window)),
    )
    _check_complete(request)
    job = job_of(request)
    check_writable(out)
    place = find_device(device)
    if dry_run:
        _show_plan(job, place, json_, verbose)
        return
    world = join_world(place)
    try:
        stopped = _run(job, world, json_)
    finally:
        leave_world()
    if stopped:
        raise typer.Exit(SIGNAL_EXIT + stopped)


def _check_complete(request: Request) -> None:
    """Refuse, as wrong usage, a run without a recipe or data."""
    if not request.missing:
        return
    words = {"recipe": "the argument RECIPE", "data": "the option --data"}
    there = f"; {request.out} holds no run to go on with" if request.resume else ""
    raise typer.BadParameter(
        f"a run needs {' and '.join(words[name] for name in request.missing)}{there}"
    )


def _run(job: TrainingJob, world: World, as_json: bool) -> int:
    """Train with a bar; the number of the signal that stopped it, or 0."""
    from anymask.training.families import training_of
    from anymask.training.loop import train as run

    training = training_of(job.recipe)
    validations: list[dict[str, Any]] = []
    stopped, passed, loss = 0, 0, ""
    with work_bar(job.recipe.steps, "steps") as step:

        def note(entry: dict[str, Any]) -> None:
            nonlocal stopped, passed, loss
            # What came before the first step of this process, another one did.
            news = job.recipe.log_every if "loss" in entry else 0
            loss = f", loss {entry['loss']:.4f}" if "loss" in entry else loss
            for number in range(passed + 1, entry["step"] + 1):
                step(number > entry["step"] - news, loss)
            passed = entry["step"]
            if "note" in entry:
                typer.echo(f"anymask: {entry['note']}", err=True)
            for reason in entry.get("reasons", []):
                typer.echo(f"passed over {reason}", err=True)
            for left_out in entry.get("left_out", []):
                typer.echo(f"passed over {left_out}", err=True)
            if summary := training.summary(entry):
                validations.append(entry)
                typer.echo(summary, err=True)
            stopped = entry.get("stopped", stopped)

        course = run(job, world, note)
    if world.leads:
        _report(job, course, validations, stopped, as_json)
    return stopped


def _report(
    job: TrainingJob, course: Course, validations: list[dict[str, Any]], stopped: int, as_json: bool
) -> None:
    """Say on stderr what there is now and how to go on."""
    if stopped:
        typer.echo(
            f"anymask: stopped after step {course.step}; run the same command with --resume to go "
            f"on",
            err=True,
        )
    else:
        from anymask.training.families import training_of

        best = job.out / ("best" if validations else "last")
        typer.echo(f"{course.step} steps done: {training_of(job.recipe).use} {best}", err=True)
    if as_json:
        summary = {
            "out": str(job.out),
            "steps": course.step,
            "stopped": bool(stopped),
            "passed_over": course.passed_over,
            "everything": course.everything,
            "first": validations[0] if validations else None,
            "last": validations[-1] if validations else None,
        }
        typer.echo(json.dumps(summary))


def _show_plan(job: TrainingJob, device: torch.device, as_json: bool, verbose: bool) -> None:
    from anymask.training.plan import plan_of

    plan = plan_of(job, device)
    if as_json:
        typer.echo(json.dumps(plan.to_json()))
        return
    for line in plan.lines(all_settings=verbose):
        typer.echo(line)
