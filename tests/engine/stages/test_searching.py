"""The engine goes through a project's images, and goes on where it was ended."""

from __future__ import annotations

from pathlib import Path

import pytest

from anymask.engine.model.suggestion import Suggestion, suggestion
from anymask.engine.pictures.folder import ImageFile, ImageFolder
from anymask.engine.stages.searching import Finder, Found, Searched, search
from anymask.engine.stages.suggesting import Suggested
from anymask.engine.store.folder import scan_folder
from anymask.engine.store.images import count_images, list_images
from anymask.engine.store.store import Store
from anymask.errors import ImageError
from tests.engine.store.steps import HW, Page, annotator, become, rectangle


@pytest.fixture
def folder(tmp_path: Path, store: Store) -> ImageFolder:
    """Three files that are taken for images, in the store."""
    images = tmp_path / "images"
    images.mkdir()
    for name in "abc":
        (images / f"{name}.png").write_bytes(name.encode())
    scan_folder(store, images)
    return ImageFolder(images)


class Finding:
    """A finder that finds two rectangles in each image, and remembers which it saw."""

    def __init__(self, model_id: str = "m") -> None:
        self.seen: list[str] = []
        self.finder = Finder("detector", model_id, self.find)

    def find(self, file: ImageFile) -> Found:
        self.seen.append(file.name)
        if file.path.read_bytes() == b"broken":
            raise ImageError(f"{file.name} is broken")
        return Found(HW, [rectangle_at(0), rectangle_at(20)])


def rectangle_at(x: int) -> Suggestion:
    one = suggestion(rectangle(x, 2, 6, 6), 0.9)
    assert one is not None
    return one


def test_each_image_is_searched_once(store: Store, folder: ImageFolder) -> None:
    finding = Finding()
    searched = list(search(store, folder, finding.finder))
    assert searched == [Searched(f"{name}.png", Suggested(added=2)) for name in "abc"]
    assert list(search(store, folder, finding.finder)) == []
    assert finding.seen == ["a.png", "b.png", "c.png"]
    assert [one.suggestions for one in store.read(list_images).images] == [2, 2, 2]


def test_it_goes_on_where_it_was_ended(store: Store, folder: ImageFolder) -> None:
    finding = Finding()
    next(search(store, folder, finding.finder))
    assert [one.name for one in search(store, folder, finding.finder)] == ["b.png", "c.png"]


def test_a_new_model_searches_again(store: Store, folder: ImageFolder) -> None:
    list(search(store, folder, Finding().finder))
    again = list(search(store, folder, Finding("n").finder))
    assert [one.suggested for one in again] == [Suggested()] * 3, "the same masks stay"


def test_images_are_passed_over_with_a_reason(store: Store, folder: ImageFolder) -> None:
    (folder.path / "a.png").write_bytes(b"broken")
    (folder.path / "b.png").unlink()
    third = store.read(list_images).images[2]
    list(search(store, folder, Finding().finder))
    page = Page(store, third.id, annotator(store))
    passed = list(search(store, folder, Finding("n").finder))
    assert [(one.name, one.suggested) for one in passed] == [
        (f"{name}.png", None) for name in "abc"
    ]
    broken, gone, at_work = (one.reason for one in passed)
    assert "is broken" in broken
    assert "there is no file" in gone
    assert "Ann is at work" in at_work
    page.send(become("done"))
    assert [one.name for one in search(store, folder, Finding("n").finder)] == ["a.png", "b.png"]
    assert store.read(count_images).masks == 0
