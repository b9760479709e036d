"""The paper's figures, added up while people work."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone

import pytest

from anymask.engine.store.store import Store
from anymask.engine.store.tallies import status, summed
from anymask.engine.store.values import Change, Effort, Tally
from tests.engine.store.steps import (
    NOW,
    Page,
    act,
    add,
    annotator,
    image,
    new_id,
    redo,
    undo,
    version,
)

EFFORT = Effort(seconds=10.0, clicks_add=2, clicks_remove=1, boxes=1, strokes=3, model_id="m")


def test_seconds_per_mask_and_masks_per_image(store: Store) -> None:
    ann, bob = annotator(store), annotator(store, "Bob")
    first = Page(store, image(store, "1.png"), ann)
    first.send(add(effort=EFFORT), add(effort=EFFORT), now=NOW)
    Page(store, image(store, "2.png"), ann).send(add(effort=EFFORT), now=NOW)
    Page(store, image(store, "3.png"), bob).send(add(effort=Effort(seconds=4.0, chosen=2)), now=NOW)
    rows = store.read(status)
    assert [(row.annotator, row.model_id, row.masks, row.images) for row in rows] == [
        ("Ann", "m", 3, 2),
        ("Bob", "", 1, 1),
    ]
    assert rows[0].seconds_per_mask == pytest.approx(10.0)
    assert rows[0].masks_per_image == pytest.approx(1.5)
    assert (rows[0].clicks_add, rows[0].clicks_remove) == (6, 3)
    assert (rows[0].boxes, rows[0].strokes, rows[0].actions) == (3, 9, 3)
    assert rows[1].chosen == (0, 0, 1)
    (total,) = summed(rows)
    assert (total.masks, total.images, total.seconds) == (4, 3, 34.0)
    assert [row.annotator for row in summed(rows, by=("annotator",))] == ["Ann", "Bob"]
    (day,) = summed(rows, by=("day",))
    assert (day.day, day.annotator, day.masks) == (NOW.date(), None, 4)
    assert Tally().seconds_per_mask is None
    assert Tally().masks_per_image is None


def test_an_undone_mask_is_none_in_the_tally_it_was_made_in(store: Store) -> None:
    desk, mask_id, drawn = Page(store, image(store), annotator(store)), new_id(), version()
    made = add(drawn, mask_id, effort=EFFORT)
    desk.send(made, now=NOW)
    tomorrow = NOW + timedelta(days=1)
    back = undo(made, at=tomorrow, effort=Effort(seconds=1.0))
    desk.send(back, now=tomorrow)
    rows = store.read(status)
    assert [(row.day, row.masks, row.seconds) for row in rows] == [
        (tomorrow.date(), 0, 1.0),
        (NOW.date(), 0, 10.0),
    ]
    desk.send(redo(made, at=tomorrow, effort=Effort()), now=tomorrow)
    gone = act("delete", Change(mask_id, drawn.id, None), at=tomorrow, effort=Effort())
    desk.send(gone, now=tomorrow)
    (total,) = summed(store.read(status))
    assert (total.masks, total.removed, total.images, total.actions) == (1, 1, 1, 4)
    desk.send(undo(gone, at=tomorrow, effort=Effort()), now=tomorrow)
    assert summed(store.read(status))[0].removed == 0


def test_nobody_made_what_was_imported(store: Store) -> None:
    desk = Page(store, image(store), annotator(store))
    brought = act("import", Change(new_id(), None, version()), effort=Effort())
    desk.send(brought, now=NOW)
    desk.send(undo(brought, effort=Effort()), now=NOW)
    assert summed(store.read(status))[0].masks == 0


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 11, 27, 0, 30, tzinfo=timezone(timedelta(hours=9))), date(2026, 11, 27)),
        (datetime(2026, 11, 26, 20, tzinfo=timezone(timedelta(hours=-8))), date(2026, 11, 26)),
        (datetime(1970, 1, 1, tzinfo=UTC), NOW.date()),
        (datetime(2099, 1, 1, tzinfo=UTC), NOW.date()),
    ],
)
def test_a_day_is_the_annotators_unless_their_clock_is_wrong(
    sqlite_store: Store, at: datetime, day: date
) -> None:
    desk = Page(sqlite_store, image(sqlite_store), annotator(sqlite_store))
    desk.send(add(at=at), now=NOW)
    assert [row.day for row in sqlite_store.read(status)] == [day]
