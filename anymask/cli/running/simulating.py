"""``anymask engine simulate``: annotators who are none, to run and measure the engine with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anymask.cli.options import OfflineOption
from anymask.cli.progress import work_bar
from anymask.cli.serving.models import ModelInUseOption, ModelsOption, model_in_use_of
from anymask.cli.serving.stores import FolderOption, beside_images, folder_of, open_store
from anymask.errors import Error, MissingExtraError

if TYPE_CHECKING:
    from anymask.engine.simulation.annotating import Work
    from anymask.engine.simulation.simulating import Office
    from anymask.engine.store.store import Store

REASONS_SHOWN = 5


def simulate(
    where: Annotated[
        str,
        typer.Argument(
            metavar="STORE|URL",
            help="The folder that is annotated, its store, or the address of a running server.",
        ),
    ],
    truth: Annotated[
        str, typer.Option(metavar="DATA", help="What they mean: a dataset with masks, as COCO.")
    ],
    annotators: Annotated[
        int, typer.Option(min=1, max=100, metavar="K", help="How many work at once.")
    ] = 1,
    tokens: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="For a server that asks for them: the annotators' tokens, one a line.",
            show_default=False,
        ),
    ] = None,
    until: Annotated[
        int | None,
        typer.Option(
            min=0, metavar="N", help="End when so many images are done.", show_default=False
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of where hands click.")] = 0,
    cost: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=SECONDS", help="What a step takes.", show_default=False),
    ] = None,
    habit: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=VALUE", help="How they go about it.", show_default=False),
    ] = None,
    images: FolderOption = None,
    weights: ModelInUseOption = None,
    models: ModelsOption = None,
    offline: OfflineOption = False,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON instead of a line.")] = False,
) -> None:
    """Let simulated annotators work: they click and paint what a dataset says, by a stated clock.

    They drive the same HTTP as the page, of a server that runs or of one that is started for them.
    Ended at any moment, the same command goes on where it was.
    """
    try:
        from anymask.engine.simulation.annotating import Person
        from anymask.engine.simulation.annotator import COSTS, HABITS
        from anymask.engine.simulation.simulating import Office
        from anymask.engine.simulation.truth import Truth
    except ModuleNotFoundError as missing:
        raise MissingExtraError(missing.name or "sqlalchemy", "engine") from None
    from anymask.core.settings import override

    person = Person(
        override(COSTS, cost or [], "the cost model"),
        override(HABITS, habit or [], "an annotator's habits"),
        seed,
    )
    is_url = where.startswith(("http://", "https://"))
    folder = images if is_url else folder_of(where, images)
    objects = Truth.open(truth, folder)
    for note in objects.notes:
        typer.echo(f"anymask: {note}", err=True)
    if is_url:
        office = Office(where, objects, person, until)
        _run(office, _tokens(tokens, annotators))
    else:
        assert folder is not None
        server = _server(where, folder, annotators, weights, models, offline or None)
        with server as (url, own):
            office = Office(url, objects, person, until)
            _run(office, own)
    _tell(office, json_)


def _run(office: Office, tokens: list[str | None]) -> None:
    with work_bar(office.count_open(tokens[0])) as step:
        office.on_image = lambda name, work: step(True, "")
        office.staff(tokens)


@contextmanager
def _server(
    where: str,
    folder: Path,
    annotators: int,
    weights: str | None,
    models: Path | None,
    offline: bool | None,
) -> Iterator[tuple[str, list[str | None]]]:
    """The address of a server for the simulated annotators, and their tokens."""
    from anymask.engine.annotate import Project
    from anymask.engine.simulation.serving import serving, staff
    from anymask.engine.store.folder import scan_folder
    from anymask.predict.disk_cache import tool_folder
    from anymask.predict.load import ModelSource

    with _store(where, folder) as store:
        scan_folder(store, folder)
        choice = model_in_use_of(store, weights, where, models)
        model_id = ModelSource(choice.weights, offline=offline).load().model_id
        source = ModelSource(choice.weights, offline=offline, model_id=model_id)
        project = Project(
            folder,
            source,
            tool_folder(),
            needs_tokens=True,
            encoder_id=choice.encoder_id,
        )
        tokens: list[str | None] = [*staff(store, annotators)]
        with serving(store, project) as url:
            yield url, tokens


def _store(where: str, folder: Path) -> Store:
    from anymask.engine.store.store import Store

    return Store.open(beside_images(folder)) if Path(where).is_dir() else open_store(where)


def _tokens(file: Path | None, annotators: int) -> list[str | None]:
    """Of each annotator; one alone needs none on loopback. Raises ``Error`` for too few."""
    if file is None:
        if annotators > 1:
            raise Error("several annotators need a token each: --tokens FILE, one a line")
        return [None]
    try:
        given = file.read_text().split()
    except (OSError, UnicodeDecodeError) as error:
        raise Error(f"{file} can't be read: {error}") from None
    if len(given) < annotators:
        raise Error(f"{file} has {len(given)} tokens for {annotators} annotators")
    return [*given[:annotators]]


def _tell(office: Office, json_: bool) -> None:
    """What was done, for people or programs."""
    work = office.total
    if json_:
        facts = asdict(work) | {"passed": office.passed} | _ratios(work)
        typer.echo(json.dumps(facts, indent=2))
    else:
        typer.echo(_line(work))
    for name, reason in office.passed[:REASONS_SHOWN]:
        typer.echo(f"{name} is skipped: {reason}", err=True)
    if len(office.passed) > REASONS_SHOWN:
        typer.echo(f"{len(office.passed) - REASONS_SHOWN} more are skipped", err=True)


def _ratios(work: Work) -> dict[str, float | None]:
    masks, images = work.masks, work.images
    return {
        "seconds_per_mask": work.seconds / masks if masks else None,
        "masks_per_image": masks / images if images else None,
        "mean_iou": work.iou / masks if masks else None,
    }


def _line(work: Work) -> str:
    ratios = {name: "–" if one is None else f"{one:.2f}" for name, one in _ratios(work).items()}
    return (
        f"{work.images} images, {work.masks} masks ({work.accepted} suggested ones accepted, "
        f"{work.rejected} rejected), {work.left} objects left; "
        f"{ratios['seconds_per_mask']} s a mask, {ratios['masks_per_image']} masks an image, "
        f"mean IoU {ratios['mean_iou']}"
    )
