"""Workplace: what the routes of one running tool share, and who asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, Path, Request, Response

from anymask.engine.alike.background import AlikeSearch
from anymask.engine.api.metrics import Metrics
from anymask.engine.embeddings.embeddings import Embeddings
from anymask.engine.model.decoding import Decoder
from anymask.engine.model.model import Model
from anymask.engine.model.served import ServedModels
from anymask.engine.pictures.folder import ImageFile, ImageFolder
from anymask.engine.pictures.pictures import Pictures
from anymask.engine.store.annotators import annotator_of
from anymask.engine.store.images import check_size, image_summary, note_file, set_size
from anymask.engine.store.log.states import note_fault, note_readable
from anymask.engine.store.store import Store
from anymask.engine.store.values import Annotator, ImageSummary
from anymask.engine.words.finding import WordsSearch
from anymask.errors import Error, ImageError, StoreError

BEARER = "bearer "
COOKIE_S = 90 * 24 * 3600  # since somebody last signed in


@dataclass(frozen=True)
class Workplace:
    """A store, the folder behind it, the models, and the searches for masks and for words.

    project_id: of the store. name: the project's. local: who works without a token; None where
    everybody has to show one.
    """

    store: Store
    folder: ImageFolder
    pictures: Pictures
    models: ServedModels
    metrics: Metrics
    alike: AlikeSearch
    words: WordsSearch
    project_id: str
    name: str
    review: bool
    local: Annotator | None

    @property
    def model(self) -> Model:
        """The one in use."""
        return self.models.now.model

    @property
    def embeddings(self) -> Embeddings:
        """Those of the model in use."""
        return self.models.now.embeddings

    @property
    def decoder(self) -> Decoder:
        """That of the model in use."""
        return self.models.now.decoder

    @property
    def cookie(self) -> str:
        """Its name: other projects on this host have others."""
        return f"anymask-{self.project_id[:8]}"

    def annotator_asking(self, request: Request) -> Annotator:
        """Who asks. Raises ``StoreError`` for nobody known."""
        annotator = self._by_token(request)
        if annotator is None and _bearer(request) is None:
            annotator = self.local  # also with the cookie of a link that is good no more
        if annotator is None:
            raise signed_out("open the page by the link that you were given")
        return annotator

    def is_signed_in(self, request: Request) -> bool:
        """Whether a token says who asks."""
        return self._by_token(request) is not None

    def _by_token(self, request: Request) -> Annotator | None:
        token = _bearer(request) or request.cookies.get(self.cookie)
        return self.store.read(annotator_of, token) if token else None

    def file(self, image_id: int) -> ImageFile:
        """The file of an image. Raises ``StoreError``."""
        return file_of(self.store, self.folder, image_id)

    @contextmanager
    def reading(self, image: ImageSummary) -> Iterator[None]:
        """Read all of an image's file; whether that goes well is noted for the lists.

        Raises what reading it does.
        """
        try:
            yield
        except Error as error:
            if is_fault(error):
                self._note(note_fault, image.id, str(error))
            raise
        if image.fault is not None:
            self._note(note_readable, image.id)

    def _note(self, work: Callable[..., None], *facts: object) -> None:
        with suppress(StoreError):  # a store that is away: it is found again
            self.store.write(work, *facts)

    def looked_into(self, image: ImageSummary) -> ImageSummary:
        """An image with the size that its file has now.

        Raises ``ImageError``, and ``StoreError`` where its masks were drawn on another size.
        """
        if image.fault is not None:  # it may be another file by now
            with self.reading(image):
                self.pictures.thumbnail(self.folder.file(image.name))
            image = self.store.read(image_summary, image.id)
        try:
            width, height = self.pictures.size(self.folder.file(image.name))
        except Error as error:
            if is_fault(error):
                self._note(note_fault, image.id, str(error))
            raise
        if (image.width, image.height) == (width, height):
            return image
        check_size(image, width, height)
        try:
            self.store.write(set_size, image.id, width, height)
        except StoreError as error:
            if error.kind not in ("storage", "busy"):  # it can be looked at meanwhile
                raise
        return replace(image, width=width, height=height)

    def file_of_masks(self, image: ImageSummary) -> tuple[ImageFile, bool]:
        """An image's file, and whether its masks were drawn on another one that lay there before.

        Raises ``StoreError``.
        """
        file = self.folder.file(image.name)
        if file.fingerprint == image.fingerprint:
            return file, False
        if image.fingerprint is not None and (image.masks or image.suggestions):
            return file, True
        self._note(note_file, image.id, file.fingerprint)
        return file, False


def file_of(store: Store, folder: ImageFolder, image_id: int) -> ImageFile:
    """The file of an image. Raises ``StoreError``."""
    return folder.file(store.read(image_summary, image_id).name)


def is_fault(error: Error) -> bool:
    """Whether an error says that a file can't be read, and not that it is gone or leads away."""
    return isinstance(error, ImageError) or (
        isinstance(error, StoreError) and error.kind == "invalid"
    )


def workplace_of(request: Request) -> Workplace:
    """The workplace that a request is about."""
    workplace: Workplace = request.app.state.workplace
    return workplace


def annotator_asking(request: Request) -> Annotator:
    """Who sent a request. Raises ``StoreError``."""
    return workplace_of(request).annotator_asking(request)


def reviewer_asking(request: Request) -> Annotator:
    """As ``annotator_asking``, where only reviewers and admins may."""
    annotator = annotator_asking(request)
    if not annotator.reviews:
        raise StoreError("forbidden", f"{annotator.name} is no reviewer; ask one to do this")
    return annotator


def admin_asking(request: Request) -> Annotator:
    """As ``annotator_asking``, where only admins may."""
    annotator = annotator_asking(request)
    if annotator.role != "admin":
        raise StoreError("forbidden", f"{annotator.name} is no admin; ask one to do this")
    return annotator


def signed_out(line: str) -> StoreError:
    """What is said to nobody known."""
    return StoreError("signed_out", line)


def keep_token(here: Workplace, response: Response, token: str) -> None:
    """Have the browser show a token from now on."""
    response.set_cookie(here.cookie, token, max_age=COOKIE_S, httponly=True, samesite="strict")


Here = Annotated[Workplace, Depends(workplace_of)]
Asking = Annotated[Annotator, Depends(annotator_asking)]
Reviewing = Annotated[Annotator, Depends(reviewer_asking)]
Administering = Annotated[Annotator, Depends(admin_asking)]
ImageId = Annotated[int, Path(ge=1, le=(1 << 63) - 1)]
AnnotatorId = Annotated[int, Path(ge=1, le=(1 << 63) - 1)]


def _bearer(request: Request) -> str | None:
    header = request.headers.get("authorization", "")
    return header[len(BEARER) :].strip() if header.lower().startswith(BEARER) else None
