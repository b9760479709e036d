"""Annotate: the annotation tool put together, of a folder, a store, a model and the built page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from itertools import chain, zip_longest
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.middleware.trustedhost import TrustedHostMiddleware
from fastapi.responses import RedirectResponse

from anymask.engine.alike.background import AlikeSearch
from anymask.engine.api import (
    alike,
    annotators,
    export,
    images,
    import_,
    model,
    monitoring,
    pictures,
    project,
    words,
    work,
)
from anymask.engine.api.application import application
from anymask.engine.api.guard import Guard
from anymask.engine.api.metrics import Metrics, Timed
from anymask.engine.api.model_files import ModelFiles
from anymask.engine.api.workplace import Workplace, file_of, keep_token
from anymask.engine.embeddings.embeddings import Embeddings
from anymask.engine.model.decoding import Decoder
from anymask.engine.model.following import Find, Follower
from anymask.engine.model.model import Model
from anymask.engine.model.served import Served, ServedModels
from anymask.engine.page import LOOPBACK, Files, Isolated
from anymask.engine.pictures.folder import ImageFolder
from anymask.engine.pictures.pictures import Pictures
from anymask.engine.store.annotators import local_annotator
from anymask.engine.store.images import list_images, queued_images
from anymask.engine.store.log.states import note_fault
from anymask.engine.store.project import project_facts
from anymask.engine.store.store import Store
from anymask.engine.words.finding import WordsSearch
from anymask.errors import StoreError
from anymask.predict.disk_cache import embedding_cache, picture_cache
from anymask.predict.load import ModelSource

PAGE = "annotate.html"
AHEAD = 30  # images whose embeddings are computed before anybody asks
ROUTERS = (
    project.router,
    images.router,
    work.router,
    annotators.router,
    pictures.router,
    model.router,
    alike.router,
    words.router,
    export.router,
    import_.router,
    monitoring.router,
)


@dataclass(frozen=True)
class Project:
    """What is annotated, and with what.

    folder: of the images. source: the model. cache: a folder for what can be made again.
    needs_tokens: whether everybody has to show one. review: whether work is reviewed; None: as set
    before. encoder_id: the model whose embeddings the model reads; "" for its own. find: where a
    model is that is promoted while people work; None: they stay with this one.
    """

    folder: Path
    source: ModelSource
    cache: Path
    needs_tokens: bool = False
    review: bool | None = None
    encoder_id: str = ""
    find: Find | None = None


@contextmanager
def workplace(store: Store, project: Project) -> Iterator[Workplace]:
    """A place to work at, its background work ended with it. Raises ``StoreError``."""
    folder = ImageFolder(project.folder)
    made = Pictures(picture_cache(project.cache))
    kept = embedding_cache(project.cache)

    def served(model: Model, browser: Path | None = None) -> Served:
        embeddings = Embeddings(
            model,
            kept,
            made,
            partial(file_of, store, folder),
            partial(_ahead, store),
            partial(_note_fault, store),
        )
        return Served(model, embeddings, Decoder(model, metrics.decoded), browser)

    metrics = Metrics(lambda: models.now.embeddings)
    models = ServedModels(served(Model(project.source, project.encoder_id)))
    facts = store.write(project_facts, project.review)
    search = AlikeSearch(store, folder, made, kept, lambda: models.now.model)
    follower = None if project.find is None else Follower(store, models, served, project.find)
    try:
        yield Workplace(
            store=store,
            folder=folder,
            pictures=made,
            models=models,
            metrics=metrics,
            alike=search,
            words=WordsSearch(made, kept),
            project_id=facts.id,
            name=folder.path.name or str(folder.path),
            review=facts.review,
            local=None if project.needs_tokens else store.write(local_annotator),
        )
    finally:
        if follower is not None:
            follower.close()
        search.close()
        models.close()


def api() -> FastAPI:
    """The HTTP at ``/api``, ``/health`` and ``/metrics``, of no workplace yet; its schema is at
    ``/api/openapi.json``.
    """
    return application("anymask annotate", ROUTERS)


def annotate_app(here: Workplace, static: Path, model_folder: Path) -> FastAPI:
    """The application: the page at ``/``, the browser's model at ``/model/``, the rest at ``/api``.

    static: the built page. model_folder: what ``anymask export onnx`` wrote.
    """
    app = api()
    app.state.workplace = here
    files = Files(static, forever="assets/")

    @app.get("/", include_in_schema=False)
    async def page(request: Request, token: str | None = None) -> Response:
        if token is None:
            return await files.get_response(PAGE, request.scope)
        response = RedirectResponse("/", status_code=303)
        keep_token(here, response, token)
        return response

    app.mount("/model", ModelFiles(here.models, model_folder))
    app.router.default = files  # a mount would also answer what addresses of ours refuse
    app.add_middleware(Guard, workplace=here)
    app.add_middleware(Timed, metrics=here.metrics)
    if here.local is not None:
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK, "[::1]"])
    app.add_middleware(Isolated)
    return app


def _note_fault(store: Store, image_id: int, reason: str) -> None:
    with suppress(StoreError):  # it is found again by whoever opens the image
        store.write(note_fault, image_id, reason)


def _ahead(store: Store, image_id: int) -> Sequence[int]:
    """The images that come next to who works on one, and those behind it in the list, by turns."""
    queue = store.read(queued_images, image_id, AHEAD)
    page = store.read(list_images, after=str(image_id), limit=AHEAD)
    by_turns = chain.from_iterable(zip_longest(queue, [image.id for image in page.images]))
    return list(dict.fromkeys(one for one in by_turns if one is not None))[:AHEAD]
