"""What is like a mask is suggested in the other images, and what people say of it sharpens it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image

from anymask.core import rle
from anymask.core.in_context.example import Example
from anymask.core.in_context.palette import Pixels
from anymask.engine.alike.background import AlikeSearch, SearchNow
from anymask.engine.alike.finding import Alike, choose
from anymask.engine.pictures.folder import ImageFolder
from anymask.engine.pictures.pictures import Pictures
from anymask.engine.stages.kept_embeddings import KeptEmbeddings
from anymask.engine.stages.searching import search
from anymask.engine.store.documents import document
from anymask.engine.store.folder import scan_folder
from anymask.engine.store.images import next_image, queued_images, set_size
from anymask.engine.store.labels import add_labels, list_labels
from anymask.engine.store.leases import release_lease
from anymask.engine.store.store import Store
from anymask.engine.store.values import Annotator, Change, Kind, Mask, Version
from anymask.errors import StoreError
from anymask.predict.disk_cache import embedding_cache, picture_cache
from anymask.predict.in_context.answer import InContextAnswer
from anymask.predict.in_context.load import ByLikeness
from tests.engine.store.steps import Page, act, annotator, new_id
from tests.predict.in_context.by_colour import ByColour

RED, ROSE, BLUE = (200, 20, 20), (210, 20, 40), (20, 20, 200)
HW = (20, 40)


@dataclass
class Watched:
    """Looks by colour, as the predictor of the tool does, and remembers what it was shown."""

    answered_by: str = "colours"
    sam: Any = None
    shown: list[tuple[int, int]] = field(default_factory=list)
    pause_s: float = 0.0

    def segment(
        self,
        pixels: Pixels,
        examples: Sequence[Example],
        *,
        rejected: Sequence[Example] = (),
        embedding: object = None,
    ) -> InContextAnswer:
        time.sleep(self.pause_s)
        self.shown.append((len(examples), len(rejected)))
        return ByColour().segment(pixels, examples, rejected=rejected)


@dataclass(frozen=True)
class Named(ByLikeness):
    """Of a predictor without a SAM."""

    @property
    def model_id(self) -> str:
        return "colours@0"


class NoEmbeddings(KeptEmbeddings):
    """Nobody looks at them."""

    def of(self, file: object) -> Any:
        return None


def square(path: Path, colour: tuple[int, int, int], at: int = 5) -> None:
    pixels = np.zeros((*HW, 3), np.uint8)
    pixels[5:15, at : at + 10] = colour
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path: Path, store: Store) -> ImageFolder:
    """Red squares in a, b and d, a rose one in c, none in e; a mask of the one in a."""
    images = tmp_path / "images"
    images.mkdir()
    for name, colour in {"a": RED, "b": RED, "c": ROSE, "d": RED, "e": BLUE}.items():
        square(images / f"{name}.png", colour, at=5 if name == "a" else 20)
    scan_folder(store, images)
    return ImageFolder(images)


@pytest.fixture
def here(store: Store, folder: ImageFolder) -> tuple[Annotator, str]:
    """Ann, and the id of the mask that she drew in the first image."""
    store.write(set_size, 1, HW[1], HW[0])
    store.write(add_labels, ["red"])
    ann, mask_id = annotator(store), new_id()
    mask = np.zeros(HW, bool)
    mask[5:15, 5:15] = True
    label_id = store.read(list_labels)[0].id
    drawn = Version(new_id(), rle.encode(mask), label_id=label_id, source="clicks")
    sent(store, ann, 1, "add", Change(mask_id, None, drawn))
    return ann, mask_id


def alike(tmp_path: Path, store: Store, folder: ImageFolder, mask_id: str, by: Watched) -> Alike:
    pictures = Pictures(picture_cache(tmp_path / "cache"))
    kept = NoEmbeddings(cast(Any, None), pictures, embedding_cache(tmp_path / "cache"))
    chosen = choose(store, 1, [mask_id])
    return Alike(store, folder, pictures, kept, Named(cast(Any, by)), chosen)


def sent(store: Store, ann: Annotator, image_id: int, kind: Kind, change: Change) -> None:
    """What somebody does to an image, who then leaves it."""
    page = Page(store, image_id, ann)
    page.send(act(kind, change))
    store.write(release_lease, image_id, ann, page.token)


def suggested(store: Store, image_id: int) -> list[Mask]:
    return [one for one in store.read(document, image_id).masks if one.version.is_suggested]


def test_it_is_suggested_with_its_label_in_the_other_images(
    tmp_path: Path, store: Store, folder: ImageFolder, here: tuple[Annotator, str]
) -> None:
    by = Watched()
    finder = alike(tmp_path, store, folder, here[1], by).finder
    assert finder.source == "like red"
    searched = {one.name: one.suggested for one in search(store, folder, finder)}
    added = {name: one.added for name, one in searched.items() if one is not None}
    assert added == {"a.png": 0, "b.png": 1, "c.png": 1, "d.png": 1, "e.png": 0}
    (found,) = suggested(store, 2)
    assert found.version.label_id == store.read(list_labels)[0].id
    assert found.version.bbox == (20, 5, 10, 10)
    assert by.shown == [(1, 0)] * 4


@pytest.mark.parametrize("where", ["sqlite", "postgresql"], indirect=True)
def test_what_is_accepted_and_rejected_counts_from_the_next_image_on(
    tmp_path: Path, store: Store, folder: ImageFolder, here: tuple[Annotator, str]
) -> None:
    by = Watched()
    first = alike(tmp_path, store, folder, here[1], by).finder
    going = search(store, folder, first)
    for _ in range(3):
        next(going)
    (right,), (wrong,) = suggested(store, 2), suggested(store, 3)
    mask = replace(right.version, id=new_id(), is_suggested=False)
    sent(store, here[0], 2, "accept", Change(right.id, right.version.id, mask))
    sent(store, here[0], 3, "reject", Change(wrong.id, wrong.version.id, None))
    list(going)
    assert by.shown == [(1, 0), (1, 0), (2, 1), (2, 1)]
    again = alike(tmp_path, store, folder, here[1], by).finder
    assert again.model_id != first.model_id, "a sharper question is another one"


def test_a_mask_that_is_not_there_is_refused(
    store: Store, folder: ImageFolder, here: tuple[Annotator, str]
) -> None:
    with pytest.raises(StoreError, match="not saved yet"):
        choose(store, 1, ["00000000-0000-4000-8000-00000000000b"])


def waited(alike_search: AlikeSearch) -> SearchNow:
    deadline = time.monotonic() + 20
    while alike_search.now.state == "running" and time.monotonic() < deadline:
        time.sleep(0.01)
    return alike_search.now


def background(tmp_path: Path, store: Store, folder: ImageFolder, by: Watched) -> AlikeSearch:
    class Quiet:
        """A model that is never asked."""

        id = encoder_id = model_id = "quiet@0"

        def load(self) -> Any:
            return self

        def encode(self, pixels: object) -> Any:
            return self

        def to_bytes(self) -> bytes:
            raise StoreError("invalid", "there is no embedding")

    pictures = Pictures(picture_cache(tmp_path / "cache"))
    cache = embedding_cache(tmp_path / "cache")
    made = AlikeSearch(
        store, folder, pictures, cache, lambda: cast(Any, Quiet()), lambda *_: Named(cast(Any, by))
    )
    return made


def test_it_goes_on_in_the_background_and_says_how_it_stands(
    tmp_path: Path,
    store: Store,
    folder: ImageFolder,
    here: tuple[Annotator, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(KeptEmbeddings, "of", NoEmbeddings.of)
    looking = background(tmp_path, store, folder, Watched())
    assert looking.now.state == "idle"
    assert looking.begin(1, [here[1]]).state == "running"
    ended = waited(looking)
    assert store.read(queued_images, 1, 3) == [2, 3, 4]
    (wrong,) = suggested(store, 2)
    sent(store, here[0], 2, "reject", Change(wrong.id, wrong.version.id, None))
    following = store.read(next_image, here[0], 1)
    assert following is not None
    assert following.id == 3, "an image with suggestions comes before others"
    assert ended == SearchNow("ended", "red", 5, 5, found=3, images=3, answered_by="colours")
    looking.close()


def test_another_question_takes_the_place_of_the_one_before(
    tmp_path: Path,
    store: Store,
    folder: ImageFolder,
    here: tuple[Annotator, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(KeptEmbeddings, "of", NoEmbeddings.of)
    looking = background(tmp_path, store, folder, Watched(pause_s=0.1))
    looking.begin(1, [here[1]])
    assert looking.stop().state == "stopped"
    assert looking.begin(1, [here[1]]).state == "running"
    assert waited(looking).state == "ended"
    looking.close()


def test_what_goes_wrong_is_said(
    tmp_path: Path,
    store: Store,
    folder: ImageFolder,
    here: tuple[Annotator, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fail(*_: object, **__: object) -> Any:
        raise ValueError("no such thing")

    monkeypatch.setattr(Watched, "segment", fail)
    monkeypatch.setattr(KeptEmbeddings, "of", NoEmbeddings.of)
    looking = background(tmp_path, store, folder, Watched())
    looking.begin(1, [here[1]])
    assert waited(looking).note == "ValueError: no such thing"
    assert looking.now.state == "failed"
    looking.close()
