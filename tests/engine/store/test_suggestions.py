"""Suggested masks: no masks yet, until an annotator says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from sqlalchemy import text

from anymask.engine.store.annotators import add_annotator, engine_annotator, list_annotators
from anymask.engine.store.automation import figures
from anymask.engine.store.automation.figures import LEAST, Measured, measured
from anymask.engine.store.connection.database import WRITING, connect
from anymask.engine.store.connection.migrating import SCRIPTS, migrate
from anymask.engine.store.documents import document
from anymask.engine.store.images import count_images, image_summary, list_images
from anymask.engine.store.leases import release_lease
from anymask.engine.store.masked_images import masked_images
from anymask.engine.store.store import Store
from anymask.engine.store.tallies import status, summed
from anymask.engine.store.values import Action, Change, Effort, ImageFilter, Version
from anymask.errors import StoreError
from tests.engine.store.steps import Page, act, add, annotator, image, new_id, undo, version

NO_EFFORT = Effort()


def suggest(drawn: Version | None = None) -> Action:
    return act("suggest", Change(new_id(), None, drawn or suggested()), effort=NO_EFFORT)


def suggested(x: int = 1) -> Version:
    return version(x, source="detector", is_suggested=True, predicted_iou=0.9)


def suggested_to(store: Store, image_id: int, *actions: Action) -> None:
    """The engine's part: it takes the image, suggests, and lets go."""
    page = Page(store, image_id, store.write(engine_annotator))
    page.send(*actions)
    assert store.write(release_lease, image_id, page.annotator, page.token)


def only(action: Action) -> tuple[str, Version]:
    (change,) = action.changes
    assert isinstance(change.after, Version)
    return change.mask_id, change.after


def accept(action: Action) -> Action:
    mask_id, drawn = only(action)
    return act("accept", Change(mask_id, drawn.id, version(source="detector")))


def reject(action: Action) -> Action:
    mask_id, drawn = only(action)
    return act("reject", Change(mask_id, drawn.id, None))


def test_what_is_suggested_is_no_mask(store: Store) -> None:
    image_id = image(store)
    suggested_to(store, image_id, suggest(), suggest())
    seen = store.read(image_summary, image_id)
    assert (seen.masks, seen.suggestions, seen.state, seen.annotator) == (0, 2, "new", None)
    assert store.read(count_images).masks == 0
    assert [one.masks for one in masked_images(store)] == [()]
    assert len(store.read(document, image_id).masks) == 2
    assert store.read(status) == ()
    listed = store.read(list_images, ImageFilter(is_suggested=True)).images
    assert [one.id for one in listed] == [image_id]


def test_an_annotator_accepts_and_rejects(store: Store) -> None:
    image_id, person = image(store), annotator(store)
    wanted, other = suggest(), suggest()
    suggested_to(store, image_id, wanted, other)
    page = Page(store, image_id, person)
    page.send(accept(wanted), reject(other))
    seen = store.read(image_summary, image_id)
    assert (seen.masks, seen.suggestions, seen.state, seen.annotator) == (1, 0, "started", "Ann")
    (total,) = summed(store.read(status))
    assert (total.masks, total.removed) == (1, 0)


def test_both_are_undone(store: Store) -> None:
    image_id, person = image(store), annotator(store)
    wanted, other = suggest(), suggest()
    suggested_to(store, image_id, wanted, other)
    page = Page(store, image_id, person)
    accepted, rejected = accept(wanted), reject(other)
    page.send(accepted, rejected)
    page.send(undo(rejected), undo(accepted))
    seen = store.read(image_summary, image_id)
    assert (seen.masks, seen.suggestions) == (0, 2)
    (total,) = summed(store.read(status))
    assert (total.masks, total.removed) == (0, 0)


def test_what_is_suggested_can_be_mended_at_once(store: Store) -> None:
    image_id, person = image(store), annotator(store)
    wanted = suggest()
    suggested_to(store, image_id, wanted)
    mask_id, drawn = only(wanted)
    page = Page(store, image_id, person)
    page.send(act("edit", Change(mask_id, drawn.id, version(5))))
    assert store.read(image_summary, image_id).masks == 1
    assert summed(store.read(status))[0].masks == 1


def test_the_next_undo_is_not_the_engines(store: Store) -> None:
    image_id, person = image(store), annotator(store)
    page = Page(store, image_id, person)
    made = add()
    page.send(made)
    assert store.write(release_lease, image_id, person, page.token)
    suggested_to(store, image_id, suggest())
    page = Page(store, image_id, person)
    page.send(undo(made))
    assert store.read(image_summary, image_id).suggestions == 1


def test_the_engine_withdraws_what_nobody_answered(store: Store) -> None:
    image_id = image(store)
    made = suggest()
    suggested_to(store, image_id, made)
    mask_id, drawn = only(made)
    gone = act("withdraw", Change(mask_id, drawn.id, None), effort=NO_EFFORT)
    suggested_to(store, image_id, gone)
    assert store.read(image_summary, image_id).suggestions == 0


def test_nobody_else_suggests(store: Store) -> None:
    page = Page(store, image(store), annotator(store))
    with pytest.raises(StoreError, match="only the engine suggests"):
        page.send(suggest())


@pytest.mark.parametrize("kind", ["accept", "reject"])
def test_a_mask_is_not_answered_for(store: Store, kind: str) -> None:
    page = Page(store, image(store), annotator(store))
    made = add()
    page.send(made)
    with pytest.raises(StoreError, match="and this is a mask"):
        page.send(accept(made) if kind == "accept" else reject(made))


def test_an_annotator_adds_masks_and_no_suggestions(store: Store) -> None:
    page = Page(store, image(store), annotator(store))
    with pytest.raises(StoreError, match="add can't leave a mask suggested"):
        page.send(add(suggested()))


def test_the_engine_is_not_among_the_people(store: Store) -> None:
    store.write(engine_annotator)
    assert store.read(list_annotators) == ()
    with pytest.raises(StoreError, match="the engine's own name"):
        store.write(add_annotator, "anymask", "annotator")


def test_an_older_store_knows_what_its_actions_made(where: str, tmp_path: Path) -> None:
    scripts = tmp_path / "before"
    shutil.copytree(SCRIPTS, scripts)
    for later in (scripts / "versions").glob("[!_]*.py"):
        if later.stem != "first_schema":
            later.unlink()
    engine, name, path = connect(where)
    writing = engine.execution_options(**(WRITING if path else {}))
    with writing.begin() as connection:
        migrate(connection, name, scripts)
        for statement in OLD_ROWS:
            connection.execute(text(statement))
    engine.dispose()
    with Store.open(where) as store, store.engine.connect() as connection:
        rows = connection.execute(text("SELECT made, removed FROM actions ORDER BY number")).all()
        assert [tuple(row) for row in rows] == [(1, 0), (0, 1), (0, 0), (0, 0)]
        assert store.read(image_summary, 1).suggestions == 0
        (tally,) = store.read(status)
        assert (tally.stage, tally.masks, tally.automatic) == ("assisted-manual", 7, 0)


def test_what_drawing_and_answering_take_is_measured(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    image_id = image(store)
    assert store.read(measured) == Measured(None, None, None)
    waiting = [suggest(suggested(number)) for number in range(2)]
    suggested_to(store, image_id, *waiting)
    page = Page(store, image_id, annotator(store))
    clicked, painted = Effort(seconds=4, clicks_add=1), Effort(seconds=20, clicks_add=1, strokes=1)
    page.send(*(add(version(number), effort=clicked) for number in range(LEAST - 1)))
    assert store.read(measured) == Measured(None, None, None)
    page.send(add(effort=Effort(seconds=24, clicks_add=1)), add(effort=painted))
    assert store.read(measured) == Measured(5.0, None, None)
    page.send(accept(waiting[0]))
    monkeypatch.setattr(figures, "LEAST", 1)
    assert store.read(measured) == Measured(5.0, 20.0, 2.0)


def _old_action(number: int, kind: str) -> str:
    uuid = f"'{number:08x}{'0' * 24}'"
    return (
        "INSERT INTO actions (image_id, number, id, kind, annotator_id, at, received_at, day,"
        " model_id, seconds, clicks_add, clicks_remove, boxes, strokes, events)"
        f" VALUES (1, {number}, {uuid}, '{kind}', 1, 0, 0, '2026-11-01', '', 0, 0, 0, 0, 0, '[]')"
    )


OLD_MASK, OLD_VERSION = f"'{'1' * 32}'", f"'{'2' * 32}'"
OLD_ROWS = (
    "INSERT INTO annotators (id, name, role, is_active, created_at)"
    " VALUES (1, 'Ann', 'annotator', true, 0)",
    "INSERT INTO tallies (day, annotator_id, model_id, seconds, images, masks, removed, actions,"
    " clicks_add, clicks_remove, boxes, strokes, whole, part, subpart)"
    " VALUES ('2026-11-01', 1, 'm', 2.5, 1, 7, 0, 9, 0, 0, 0, 0, 0, 0, 0)",
    "INSERT INTO images (id, name, place, folded, state, masks, revision, is_missing, updated_at)"
    " VALUES (1, 'a', 'a', 'a', 'started', 0, 4, false, 0)",
    f"INSERT INTO masks (image_id, id) VALUES (1, {OLD_MASK})",
    *(_old_action(n, kind) for n, kind in enumerate(("add", "delete", "undo", "import"), 1)),
    *(
        "INSERT INTO changes (image_id, number, mask_id, version_before, version_after)"
        f" VALUES (1, {number}, {OLD_MASK}, {before}, {after})"
        for number, before, after in (
            (1, "NULL", OLD_VERSION),
            (2, OLD_VERSION, "NULL"),
            (3, "NULL", OLD_VERSION),
            (4, "NULL", OLD_VERSION),
        )
    ),
)
