"""``anymask annotate``: the page on which a person and the model label a folder of images."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anymask.cli.options import OfflineOption
from anymask.cli.serving.announcing import NoOpenOption, PortOption, announce
from anymask.cli.serving.browser_model import browser_model
from anymask.cli.serving.models import (
    ModelInUseOption,
    ModelsOption,
    model_in_use_of,
    models_folder,
)
from anymask.cli.serving.stores import beside_images, checked_folder
from anymask.errors import Error, MissingExtraError

if TYPE_CHECKING:
    from anymask.engine.store.automation.models import EngineModel
    from anymask.engine.store.folder import FolderImages
    from anymask.engine.store.store import Store

FIRST_ADMIN = "admin"


def annotate(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="The images, searched to the bottom.", exists=False),
    ],
    *,
    store: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="Where the work is kept. By default .anymask/store.sqlite in the folder.",
            show_default=False,
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Keep the work in PostgreSQL instead: postgresql://…",
            show_default=False,
        ),
    ] = None,
    port: PortOption = None,
    host: Annotated[
        str,
        typer.Option(
            help="Address to listen on. With another than the default everybody needs a token.",
            metavar="H",
        ),
    ] = "127.0.0.1",
    no_open: NoOpenOption = False,
    weights: ModelInUseOption = None,
    models: ModelsOption = None,
    review: Annotated[
        bool | None,
        typer.Option(
            "--review/--no-review",
            help="Whether what is done is reviewed; as before if neither is given.",
            show_default=False,
        ),
    ] = None,
    labels: Annotated[
        str, typer.Option(metavar="A,B,C", help="Labels to begin with.", show_default=False)
    ] = "",
    offline: OfflineOption = False,
) -> None:
    """Label a folder of images, with the model's help; Ctrl-C ends it.

    What is done is kept as it is done: the same command goes on where it ended. Embeddings are
    computed here, ahead of who annotates; clicks are answered in the browser.
    """
    try:
        from anymask.engine.annotate import Project, annotate_app, workplace
        from anymask.engine.page import LOOPBACK, built_page
        from anymask.engine.server import listen, serve, url_of
        from anymask.engine.store.store import Store
    except ModuleNotFoundError as missing:
        raise MissingExtraError(missing.name or "sqlalchemy", "engine") from None
    from anymask.predict.disk_cache import tool_folder
    from anymask.predict.load import ModelSource
    from anymask.weights.graph_pair import read_export

    static = built_page()
    checked_folder(folder)
    if database is not None and store is not None:
        raise typer.BadParameter("--store and --database are two places; give one")
    images = _look_through(folder)  # first: a folder without any is left as it is
    place = database or store or beside_images(folder)
    with (
        _alone(place) as note_address,
        Store.open(place) as opened,
        _among_servers(opened),
        listen(host, port) as listening,
    ):
        note_address(url_of(listening))
        _note(opened, folder, images, labels)
        choice = model_in_use_of(opened, weights, str(place), models)
        model = browser_model(choice.weights, offline or None, "engine")
        model_id = read_export(model).model_id
        source = ModelSource(choice.weights, offline=offline or None, model_id=model_id)
        needs_tokens = host not in LOOPBACK
        project = Project(
            folder,
            source,
            tool_folder(),
            needs_tokens,
            review,
            choice.encoder_id,
            None if weights is not None else lambda one: _found(one, str(place), models),
        )
        with workplace(opened, project) as here:
            app = annotate_app(here, static, model)
            url = _announced(opened, url_of(listening), needs_tokens)
            serve(app, listening, lambda: announce(url, open_it=not no_open))
    typer.echo(f"anymask: ended; all is kept in {opened.name}", err=True)


def _alone(place: str | Path) -> AbstractContextManager[Callable[[str], None]]:
    """Keep a second server from a store's file; a database has as many as there are."""
    from anymask.engine.only_server import only_server
    from anymask.engine.store.connection.database import is_address

    return nullcontext(lambda _: None) if is_address(place) else only_server(Path(place))


@contextmanager
def _among_servers(store: Store) -> Iterator[None]:
    """Tell of another server on the same database."""
    if store.path is not None:
        yield
        return
    from anymask.engine.store.connection.servers import counted_among_servers

    with counted_among_servers(store.engine) as has_other:
        if has_other:
            typer.echo(
                f"anymask: another server works on {store.name}, too; that is fine", err=True
            )
        yield


def _found(model: EngineModel, where: str, models: Path | None) -> tuple[Path, Path]:
    """A promoted model's checkpoint and its export for browsers, as retraining has made it."""
    folder = models_folder(where, models).checkpoint(model)
    return folder, browser_model(str(folder), True, "engine")


def _announced(store: Store, url: str, needs_tokens: bool) -> str:
    """The address to open; where everybody needs a token and nobody has one, a first admin's."""
    if not needs_tokens:
        return url
    from anymask.engine.store.annotators import add_annotator, has_tokens

    typer.echo(
        "everybody who reaches this address needs a token: "
        "`anymask engine annotators add` makes one for each",
        err=True,
    )
    if store.read(has_tokens):
        return url
    _, token = store.write(add_annotator, FIRST_ADMIN, "admin")
    typer.echo(
        f"this is the link of {FIRST_ADMIN}, who may do all; it is shown this once:", err=True
    )
    return f"{url}?token={token}"


def _look_through(folder: Path) -> FolderImages:
    """The images of a folder; what is not taken is told. Raises ``Error`` where there are none."""
    from anymask.engine.store.folder import images_in

    images = images_in(folder)
    for name, reason in images.unread:
        typer.echo(f"anymask: {name} {reason}", err=True)
    if not images.names:
        raise Error(f"there are no images in {folder}")
    return images


def _note(store: Store, folder: Path, images: FolderImages, labels: str) -> None:
    """Note which images there are, and tell; add labels that are not there yet."""
    from anymask.engine.store.folder import note_images
    from anymask.engine.store.images import count_images
    from anymask.engine.store.labels import add_labels

    scan, counts = note_images(store, images), store.read(count_images)
    told = [f"{counts.images} image{'s' * (counts.images != 1)}"]
    told += [f"{scan.added} of them new"] if scan.added < counts.images and scan.added else []
    told += [f"{scan.missing} gone"] if scan.missing else []
    told += [f"{counts.masks} mask{'s' * (counts.masks != 1)}"] if counts.masks else []
    typer.echo(f"{folder}: {', '.join(told)}", err=True)
    if labels:
        store.write(add_labels, [name.strip() for name in labels.split(",") if name.strip()])
