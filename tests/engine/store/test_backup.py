"""Backups while people work, moving to a database, and reading everything in bounded memory."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from anymask.engine.store.automation.searches import note_search
from anymask.engine.store.automation.tables import (
    AuditedMaskRow,
    AuditRow,
    ModelRow,
    RunRow,
    StageRow,
)
from anymask.engine.store.backup import back_up
from anymask.engine.store.documents import document
from anymask.engine.store.folder import add_images
from anymask.engine.store.images import count_images, image_summary, list_images
from anymask.engine.store.labels import list_labels, put_labels
from anymask.engine.store.log.actions import efforts_of
from anymask.engine.store.masked_images import masked_images
from anymask.engine.store.notes import add_note
from anymask.engine.store.settings import put_setting
from anymask.engine.store.store import Store
from anymask.engine.store.tables import Table
from anymask.engine.store.tallies import status
from anymask.engine.store.values import ImageFilter, Label
from anymask.errors import OutputError, StoreError
from tests.engine.store.steps import NOW, Page, add, annotator, image, new_id, undo, version


def filled(store: Store) -> Page:
    """A store with something in every table."""
    (label,) = store.write(put_labels, [Label(None, "cat", "#ff0000")])
    desk = Page(store, image(store), annotator(store))
    action = add()
    desk.send(action, undo(action), add(version(label_id=label.id, group="g", predicted_iou=0.9)))
    store.write(add_note, new_id(), desk.image_id, desk.annotator, "the ear", 1.0, 2.0)
    store.write(put_setting, "review", True)
    store.write(note_search, desk.image_id, "detector", "m")
    store.write(_engine_work, desk.image_id)
    return desk


def _engine_work(session: Session, image_id: int) -> None:
    """A row of each of the engine's tables."""
    audit, now = new_id(), NOW
    session.add(StageRow(number=1, stage="semi-automatic", entered_at=now, reason="a test"))
    model = {"kind": "sam", "model_id": "m", "path": "runs/m", "state": "promoted"}
    session.add(ModelRow(number=1, made_at=now, figures={"miou": 0.5}, **model))
    run = {"kind": "retrain", "state": "ended", "host": "here", "process": 1, "note": ""}
    session.add(RunRow(id=new_id(), started_at=now, seen_at=now, done=1, **run))
    session.add(AuditRow(id=audit, started_at=now, seed=1))
    session.flush()
    mask = {"image_id": image_id, "mask_id": new_id(), "version_id": new_id()}
    session.add(AuditedMaskRow(audit_id=audit, **mask))


def rows(store: Store) -> dict[str, int]:
    """How many rows each table has."""

    def count(session: Session) -> dict[str, int]:
        return {
            table.name: session.scalars(select(func.count()).select_from(table)).one()
            for table in Table.metadata.sorted_tables
        }

    return store.read(count)


def contents(store: Store, image_id: int) -> list[object]:
    """What people see of it."""
    return [
        store.read(document, image_id),
        store.read(efforts_of, image_id),
        store.read(list_labels),
        store.read(status),
        store.read(count_images),
    ]


def test_a_backup_is_the_store(store: Store, tmp_path: Path) -> None:
    desk, to = filled(store), tmp_path / "backups" / "monday.anymask"
    assert all(rows(store).values())
    back_up(store, to)
    assert [path.name for path in to.parent.iterdir()] == [to.name]
    with Store.open(to) as copy:
        assert rows(copy) == rows(store)
        assert contents(copy, desk.image_id) == contents(store, desk.image_id)
        desk.store = copy
        assert desk.send(add()).revision == 4, "work goes on in it"
    with pytest.raises(OutputError, match="is there already"):
        back_up(store, to)


def test_a_store_moves_to_a_database_and_grows_there(store: Store, database: str) -> None:
    if store.path is None:
        pytest.skip("one database is made for a test")
    desk = filled(store)
    back_up(store, database)
    with Store.open(database) as moved:
        assert rows(moved) == rows(store)
        assert contents(moved, desk.image_id) == contents(store, desk.image_id)
        assert image(moved, "new.png") != desk.image_id
        Page(moved, image(moved, "newer.png"), annotator(moved, "Bob")).send(add())
    with pytest.raises(StoreError, match="holds work already"):
        back_up(store, database)


def test_a_backup_that_can_not_be_written_leaves_nothing(
    sqlite_store: Store, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError):
        back_up(sqlite_store, tmp_path / "file" / "b.anymask")
    assert {path.name for path in tmp_path.iterdir()} >= {"file"}
    assert not list(tmp_path.glob("*.part"))


def test_a_backup_is_of_one_moment_while_others_write(sqlite_store: Store, tmp_path: Path) -> None:
    desk, stop = Page(sqlite_store, image(sqlite_store), annotator(sqlite_store)), threading.Event()

    def work() -> None:
        while not stop.is_set():
            desk.send(add(), add())

    writer = threading.Thread(target=work)
    writer.start()
    try:
        for n in range(5):
            back_up(sqlite_store, tmp_path / f"{n}.anymask")
    finally:
        stop.set()
        writer.join()
    for n in range(5):
        with closing(sqlite3.connect(tmp_path / f"{n}.anymask")) as raw:
            assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        with Store.open(tmp_path / f"{n}.anymask") as copy:
            shown = copy.read(document, desk.image_id)
            assert shown.image.masks == len(shown.masks) == shown.image.revision
            assert shown.image.revision % 2 == 0, "a batch is in it whole"


def test_everything_is_read_in_order_and_in_portions(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("anymask.engine.store.masked_images.IMAGES_AT_ONCE", 3)
    monkeypatch.setattr("anymask.engine.store.masked_images.MASKS_AT_ONCE", 4)
    ann = annotator(store)
    store.write(add_images, [f"{n}.png" for n in range(7)])
    for n in range(7):
        desk = Page(store, image(store, f"{n}.png"), ann)
        for order in reversed(range(n)):
            desk.send(add(version(order=order)))
    everything = list(masked_images(store))
    assert [(one.image.name, len(one.masks)) for one in everything] == [
        (f"{n}.png", n) for n in range(7)
    ]
    assert [mask.version.order for mask in everything[6].masks] == list(range(6))
    new = list(masked_images(store, ImageFilter(states=("new",))))
    assert [one.image.name for one in new] == ["0.png"]
    assert store.read(image_summary, everything[6].image.id) == everything[6].image
    assert store.read(list_images).total == 7
