"""Annotators and their tokens, leases, labels, notes."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from anymask.engine.store.annotators import (
    add_annotator,
    annotator_named,
    annotator_of,
    change_annotator,
    has_tokens,
    list_annotators,
    local_annotator,
    renew_token,
)
from anymask.engine.store.documents import document
from anymask.engine.store.images import image_summary
from anymask.engine.store.labels import list_labels, put_labels
from anymask.engine.store.leases import LASTS, release_lease, take_lease
from anymask.engine.store.notes import add_note, resolve_note
from anymask.engine.store.refusals import LeaseError
from anymask.engine.store.store import Store
from anymask.engine.store.values import Label
from anymask.errors import StoreError
from tests.engine.store.steps import NOW, Page, add, annotator, image, new_id


def test_a_token_is_its_annotators_and_is_not_kept(sqlite_store: Store) -> None:
    store = sqlite_store
    assert not store.read(has_tokens)
    ann, token = store.write(add_annotator, "Ann", "annotator")
    assert store.read(annotator_of, token) == ann
    assert store.read(has_tokens)
    for wrong in ("", token[:-1], "\ud800", token + "x"):
        assert store.read(annotator_of, wrong) is None
    newer = store.write(renew_token, ann.id)
    assert store.read(annotator_of, token) is None
    assert store.read(annotator_of, newer) == ann
    assert store.path is not None
    with closing(sqlite3.connect(store.path)) as raw:
        dump = "\n".join(raw.iterdump())
    assert newer not in dump
    assert "Ann" in dump


def test_annotators_come_and_go(store: Store) -> None:
    me = store.write(local_annotator)
    assert (me.name, me.role) == ("me", "admin")
    assert store.write(local_annotator) == me
    assert not store.read(has_tokens)
    bob, token = store.write(add_annotator, "  Bob  B ", "reviewer")
    assert bob.name == "Bob B"
    assert store.read(annotator_named, "Bob B") == bob
    assert bob.reviews
    for name, role, message in (
        ("Bob B", "admin", "already"),
        (" ", "admin", "a name has"),
        ("x", "boss", "a role is one of"),
        ("\0x", "admin", "letters that are none"),
    ):
        with pytest.raises(StoreError, match=message):
            store.write(add_annotator, name, role)  # type: ignore[arg-type]
    store.write(change_annotator, bob.id, is_active=False)
    assert store.read(annotator_of, token) is None
    assert [one.is_active for one in store.read(list_annotators)] == [False, True]
    with pytest.raises(StoreError, match="last admin"):
        store.write(change_annotator, me.id, role="annotator")
    store.write(change_annotator, bob.id, is_active=True, role="admin")
    store.write(change_annotator, me.id, role="annotator")
    with pytest.raises(StoreError, match="no annotator 99"):
        store.write(change_annotator, 99, role="admin")


def test_an_image_is_leased_to_one_at_a_time(store: Store) -> None:
    ann, bob, image_id = annotator(store), annotator(store, "Bob"), image(store)
    lease = store.write(take_lease, image_id, ann, now=NOW)
    assert (lease.expires_at, lease.revision) == (NOW + LASTS, 0)
    later = NOW + timedelta(minutes=9)
    with pytest.raises(LeaseError) as refused:
        store.write(take_lease, image_id, bob, now=later)
    assert refused.value.holder is not None
    assert (refused.value.holder.annotator, refused.value.holder.expires_at) == (
        "Ann",
        NOW + LASTS,
    )
    kept = store.write(take_lease, image_id, ann, lease.token, now=later)
    assert (kept.token, kept.expires_at) == (lease.token, later + LASTS)
    shown = store.read(image_summary, image_id, now=later)
    assert shown.lease is not None
    assert shown.lease.annotator == "Ann"
    late = later + LASTS
    assert store.read(image_summary, image_id, now=late).lease is None
    taken = store.write(take_lease, image_id, bob, now=late)
    assert taken.token != lease.token
    with pytest.raises(LeaseError):
        store.write(take_lease, image_id, ann, lease.token, now=late)


def test_a_lease_that_ran_out_is_good_until_another_takes_it(store: Store) -> None:
    desk = Page(store, image(store), annotator(store))
    next_day = NOW + timedelta(days=30_000)
    assert desk.send(add(), now=next_day).revision == 1
    shown = store.read(image_summary, desk.image_id, now=next_day)
    assert shown.lease is not None
    assert shown.lease.expires_at == next_day + LASTS
    store.write(
        take_lease, desk.image_id, annotator(store, "Bob"), now=next_day + timedelta(days=1)
    )
    with pytest.raises(LeaseError, match="Bob does"):
        desk.send(add(), now=next_day + timedelta(days=1))


def test_the_newest_page_of_an_annotator_has_the_image(store: Store) -> None:
    ann, image_id = annotator(store), image(store)
    older, newer = Page(store, image_id, ann), Page(store, image_id, ann)
    with pytest.raises(LeaseError, match="another page of yours"):
        older.send(add())
    newer.send(add())


def test_an_older_page_has_the_image_back_by_taking_it_over_alone(store: Store) -> None:
    ann, image_id = annotator(store), image(store)
    older = store.write(take_lease, image_id, ann, now=NOW)
    newer = store.write(take_lease, image_id, ann, now=NOW)
    with pytest.raises(LeaseError, match="another page of yours") as refused:
        store.write(take_lease, image_id, ann, older.token, now=NOW)
    assert refused.value.holder is not None
    assert refused.value.holder.annotator == ann.name
    assert store.write(take_lease, image_id, ann, newer.token, now=NOW).token == newer.token
    back = store.write(take_lease, image_id, ann, older.token, take_over=True, now=NOW)
    assert back.token not in (older.token, newer.token)


def test_a_lease_is_let_go_by_its_holder_alone(store: Store) -> None:
    ann, bob, image_id = annotator(store), annotator(store, "Bob"), image(store)
    lease = store.write(take_lease, image_id, ann)
    assert not store.write(release_lease, image_id, ann, "forged")
    assert not store.write(release_lease, image_id, bob, lease.token)
    assert store.write(release_lease, image_id, ann, lease.token)
    assert not store.write(release_lease, image_id, ann, lease.token)
    assert store.read(image_summary, image_id).lease is None
    store.write(take_lease, image_id, bob)


def test_a_forged_lease_changes_nothing(store: Store) -> None:
    desk, bob = Page(store, image(store), annotator(store)), annotator(store, "Bob", "admin")
    stolen, forged = Page.__new__(Page), Page.__new__(Page)
    stolen.__dict__ |= {**desk.__dict__, "annotator": bob}
    forged.__dict__ |= {**desk.__dict__, "token": "forged"}
    for wrong in (stolen, forged):
        with pytest.raises(LeaseError):
            wrong.send(add())
    assert store.read(image_summary, desk.image_id).revision == 0


def test_an_admin_may_take_over(store: Store) -> None:
    ann, image_id = annotator(store), image(store)
    store.write(take_lease, image_id, ann)
    with pytest.raises(StoreError, match="an admin may"):
        store.write(take_lease, image_id, annotator(store, "R", "reviewer"), take_over=True)
    store.write(take_lease, image_id, annotator(store, "Ada", "admin"), take_over=True)


def test_labels_are_put_in_order(store: Store) -> None:
    cat, dog = store.write(
        put_labels, [Label(None, "cat", "#ff0000", "c"), Label(None, "dog", "#00ff00", "d")]
    )
    swapped = [Label(dog.id, "cat", "#00ff00", "c"), Label(cat.id, "dog", "#ff0000", "d")]
    assert list(store.write(put_labels, swapped)) == swapped
    more = store.write(put_labels, [Label(None, "cow", "#0000ff")])
    assert [label.name for label in more] == ["cow", "cat", "dog"], "what is not named stays"
    wrong: Any
    for wrong, message in (
        (Label(None, "cow", "#0000ff"), "two labels have the name cow"),
        (Label(None, "pig", "#0000ff", "c"), "two labels have the hotkey c"),
        (Label(None, "pig", "blue"), "not #rrggbb"),
        (Label(None, " ", "#0000ff"), "the name of a label"),
        (Label(77, "pig", "#0000ff"), "no label 77"),
    ):
        with pytest.raises(StoreError, match=message):
            store.write(put_labels, [wrong])
    assert store.read(list_labels) == more
    assert cat.id is not None
    store.write(put_labels, [], remove=[cat.id])
    again = store.write(put_labels, [Label(None, "dog", "#123456", "x")])
    assert again[0].id == cat.id, "a removed label comes back by its name"


def test_notes_are_pinned_once_and_resolved(store: Store) -> None:
    rev, image_id, note_id = annotator(store, "Rev", "reviewer"), image(store), new_id()
    note = store.write(add_note, note_id, image_id, rev, "the ear, too", 5.5, 7.0)
    assert store.write(add_note, note_id, image_id, rev, "the ear, too", 5.5, 7.0) == note
    assert store.read(document, image_id).notes == (note,)
    assert (note.annotator, note.is_resolved) == ("Rev", False)
    assert store.write(resolve_note, note_id).is_resolved
    assert not store.write(resolve_note, note_id, is_resolved=False).is_resolved
    for text, x in ((" ", 1.0), ("t", 61.0), ("t", float("nan")), ("t", -1.0), ("\0", 1.0)):
        with pytest.raises(StoreError) as refused:
            store.write(add_note, new_id(), image_id, rev, text, x, 1.0)
        assert refused.value.kind == "invalid"
    with pytest.raises(StoreError, match="no image 99"):
        store.write(add_note, new_id(), 99, rev, "t", 1.0, 1.0)
    with pytest.raises(StoreError, match="no note"):
        store.write(resolve_note, new_id())
