"""Lists of images: order, filters, pages, counts, and the next one to work on."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from sqlalchemy.orm import Session

from anymask.engine.store.folder import add_images, scan_folder
from anymask.engine.store.images import (
    count_images,
    image_summary,
    list_images,
    locked_image,
    next_image,
    set_size,
)
from anymask.engine.store.leases import release_lease, take_lease, take_next
from anymask.engine.store.naming import place
from anymask.engine.store.store import Store
from anymask.engine.store.values import ImageFilter, ImageSummary, State
from anymask.errors import Error, StoreError
from tests.engine.store.steps import Page, add, annotator, become, image

NAMES = ("img10.png", "img2.png", "IMG3.png", "b/Über 1.jpg", "a%.png", "img02.png")
SORTED = ["a%.png", "b/Über 1.jpg", "img2.png", "img02.png", "IMG3.png", "img10.png"]


def listed(store: Store, **asked: object) -> list[str]:
    page = store.read(list_images, ImageFilter(**asked))  # type: ignore[arg-type]
    assert page.total == len(page.images)
    return [one.name for one in page.images]


def put_state(store: Store, image_id: int, state: State) -> None:
    def work(session: Session) -> None:
        locked_image(session, image_id).state = state

    store.write(work)


def by_name(store: Store) -> dict[str, ImageSummary]:
    return {one.name: one for one in store.read(list_images, limit=1000).images}


def test_a_list_is_sorted_as_people_count(store: Store) -> None:
    assert store.write(add_images, NAMES) == len(NAMES)
    assert store.write(add_images, NAMES) == 0
    assert listed(store) == SORTED


@given(st.lists(st.integers(0, 10**15), min_size=2))
def test_numbers_in_names_are_sorted_as_numbers(numbers: list[int]) -> None:
    assert sorted(numbers) == sorted(numbers, key=lambda number: place(f"a{number}b"))


def test_pages_are_the_list_in_parts(store: Store) -> None:
    store.write(add_images, NAMES)
    names, after = [], None
    for _ in range(3):
        page = store.read(list_images, after=after, limit=2)
        assert page.total == len(NAMES)
        names += [one.name for one in page.images]
        after = page.next
    assert names == SORTED
    assert after is None
    for wrong in ("x", "-1", "²", "9" * 40):
        with pytest.raises(StoreError, match="no place in a list"):
            store.read(list_images, after=wrong)
    with pytest.raises(StoreError) as refused:
        store.read(list_images, after="999")
    assert refused.value.kind == "not_found"


def test_filters(store: Store) -> None:
    store.write(add_images, NAMES)
    ids = by_name(store)
    put_state(store, ids["img2.png"].id, "done")
    put_state(store, ids["img10.png"].id, "accepted")
    assert listed(store, states=("done",)) == ["img2.png"]
    assert listed(store, states=("done", "accepted")) == ["img2.png", "img10.png"]
    assert listed(store, text="IMG") == ["img2.png", "img02.png", "IMG3.png", "img10.png"]
    assert listed(store, text="ÜBER") == ["b/Über 1.jpg"]
    assert listed(store, text="U\u0308ber") == ["b/Über 1.jpg"]
    assert listed(store, text="%") == ["a%.png"]
    assert listed(store, text="_") == []
    assert listed(store, text="img", states=("new",)) == ["img02.png", "IMG3.png"]
    assert listed(store, is_missing=True) == []
    with pytest.raises(StoreError):
        listed(store, text="\0")
    counts = store.read(count_images)
    assert (counts.images, counts.masks) == (6, 0)
    assert counts.states == {
        "new": 4, "started": 0, "done": 1, "returned": 0, "accepted": 1, "skipped": 0,
        "unreadable": 0,
    }  # fmt: skip


def test_images_of_an_annotator(store: Store) -> None:
    ann, bob = annotator(store), annotator(store, "Bob")
    Page(store, image(store, "1.png"), ann).send(add())
    Page(store, image(store, "2.png"), bob).send(add())
    assert listed(store, annotator_id=bob.id) == ["2.png"]


def test_the_next_image_is_nobody_elses(store: Store) -> None:
    ann, bob = annotator(store), annotator(store, "Bob")
    ids = [image(store, f"{n}.png") for n in range(1, 6)]

    def next_of(*who: object, **how: object) -> int | None:
        found = store.read(next_image, *who, **how)  # type: ignore[arg-type]
        return None if found is None else found.id

    assert next_of(ann) == ids[0]
    store.write(take_lease, ids[0], bob)
    store.write(take_lease, ids[3], bob)
    assert next_of(ann) == ids[1]
    assert next_of(bob) == ids[0]
    assert next_of(ann, ids[2]) == ids[4]
    assert next_of(ann, ids[4]) == ids[1], "it goes on from the top"
    Page(store, ids[1], ann).send(become("done"))
    put_state(store, ids[2], "skipped")
    Page(store, ids[4], ann).send(add())
    assert next_of(ann) == ids[4], "what one began oneself"
    put_state(store, ids[4], "accepted")
    assert next_of(ann) is None
    assert next_of(bob, review=True) is None, "Ann's page holds it"
    lease = store.write(take_lease, ids[1], ann)
    store.write(release_lease, ids[1], ann, lease.token)
    assert next_of(bob, review=True) == ids[1]
    put_state(store, ids[4], "returned")
    cyd = annotator(store, "Cyd")
    assert next_of(cyd) is None, "Ann holds it"


def test_who_takes_the_next_image_gets_another_each(store: Store) -> None:
    for n in range(3):
        image(store, f"{n}.png")
    given = [store.write(take_next, annotator(store, f"A{n}")) for n in range(4)]
    assert [one and one[0].name for one in given] == ["0.png", "1.png", "2.png", None]
    assert given[0]
    assert given[0][0].lease is not None


def test_a_size_stays_once_masks_were_drawn_on_it(store: Store) -> None:
    image_id = image(store)
    store.write(set_size, image_id, 50, 40)
    store.write(set_size, image_id, 60, 40)
    Page(store, image_id, annotator(store)).send(add())
    store.write(set_size, image_id, 60, 40)
    with pytest.raises(StoreError, match="50×40 now, and its masks were drawn on 60×40"):
        store.write(set_size, image_id, 50, 40)
    for width, height in ((0, 5), (5, -1), (1 << 40, 5)):
        with pytest.raises(StoreError, match="an image is not"):
            store.write(set_size, image_id, width, height)
    with pytest.raises(StoreError) as refused:
        store.read(image_summary, 99)
    assert refused.value.kind == "not_found"
    with pytest.raises(StoreError):
        store.read(image_summary, 1 << 70)


def test_a_folder_is_followed(store: Store, tmp_path: Path) -> None:
    folder, away = tmp_path / "photos", tmp_path / "away"
    for path in (folder / "a.png", folder / "b" / "c.jpg", away / "d.png"):
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 3)).save(path)
    (folder / "out.png").symlink_to(away / "d.png")
    (folder / "in.png").symlink_to("a.png")
    (folder / "notes.txt").write_text("no image")
    deep = folder.joinpath(*["d" * 200] * 8)
    deep.mkdir(parents=True)
    (deep / "z.png").touch()
    (folder.joinpath(b"\xff.png".decode("utf-8", "surrogateescape"))).write_bytes(b"")
    scan = scan_folder(store, folder)
    assert (scan.added, scan.returned, scan.missing) == (3, 0, 0)
    assert [reason for _, reason in scan.unread] == [
        "has too long a path; put it higher up",
        "leads out of the folder",
        "has a name that is no text; rename it",
    ]
    assert listed(store) == ["a.png", "b/c.jpg", "in.png"]
    (folder / "a.png").rename(folder / "e.png")
    (folder / "in.png").unlink()
    scan = scan_folder(store, folder)
    assert (scan.added, scan.returned, scan.missing) == (1, 0, 2)
    assert listed(store) == ["b/c.jpg", "e.png"]
    assert listed(store, is_missing=True) == ["a.png", "in.png"]
    (folder / "e.png").rename(folder / "a.png")
    scan = scan_folder(store, folder)
    assert (scan.added, scan.returned, scan.missing) == (0, 1, 1)
    with pytest.raises(Error, match="no file or folder"):
        scan_folder(store, tmp_path / "nowhere")
