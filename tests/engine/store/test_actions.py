"""Actions: applied once, whole or not at all, and never over another's work."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from sqlalchemy import event

from anymask.core import rle
from anymask.engine.store.documents import document
from anymask.engine.store.folder import add_images
from anymask.engine.store.images import count_images, image_summary, list_images
from anymask.engine.store.labels import list_labels, put_labels
from anymask.engine.store.leases import take_lease
from anymask.engine.store.log.actions import apply_actions, efforts_of, log_of
from anymask.engine.store.log.states import note_fault, note_readable
from anymask.engine.store.masks import masks_of, versions_of
from anymask.engine.store.refusals import ConflictError, LeaseError
from anymask.engine.store.store import Store
from anymask.engine.store.values import (
    Action,
    Change,
    Effort,
    ImageFilter,
    Label,
    Mask,
    Version,
)
from anymask.errors import StoreError
from tests.engine.store.steps import (
    HW,
    NOW,
    Page,
    act,
    add,
    annotator,
    become,
    changed_ids,
    image,
    new_id,
    page,
    rectangle,
    redo,
    undo,
    version,
)


def edit(mask_id: str, before: Version, after: Version) -> Action:
    return act("edit", Change(mask_id, before.id, after))


def masks(page: Page) -> dict[str, Version]:
    return {mask.id: mask.version for mask in page.store.read(masks_of, page.image_id)}


def test_a_mask_is_there_with_what_was_measured(store: Store) -> None:
    desk, drawn, mask_id = page(store), version(5, 6, 7, 8, area=1, bbox=(9, 9, 9, 9)), new_id()
    applied = desk.send(add(drawn, mask_id))
    assert applied.revision == 1
    shown = store.read(document, desk.image_id)
    expected = replace(drawn, bbox=(5, 6, 7, 8), area=56)
    assert shown.masks == (Mask(mask_id, expected),)
    assert shown.image.masks == 1
    assert shown.image.state == "started"
    assert shown.image.annotator == "Ann"
    assert [entry.kind for entry in shown.log] == ["add"]
    assert shown.log[0].changes[0].after == drawn.id
    assert store.read(count_images).masks == 1


def test_sending_twice_does_nothing_twice(store: Store) -> None:
    desk = page(store)
    first, second = add(), add()
    desk.send(first)
    applied = desk.send(first, second, second)
    assert applied.revision == 2
    assert applied.actions == (first.id, second.id, second.id)
    assert len(masks(desk)) == 2


def test_what_is_in_the_log_is_acknowledged_to_whoever_lost_the_lease(store: Store) -> None:
    desk, admin = page(store), annotator(store, "Ada", "admin")
    action = add()
    desk.send(action)
    store.write(take_lease, desk.image_id, admin, take_over=True)
    assert desk.send(action).revision == 1
    with pytest.raises(LeaseError) as refused:
        desk.send(action, add())
    assert refused.value.holder is not None
    assert refused.value.holder.annotator == "Ada"
    assert store.read(image_summary, desk.image_id).revision == 1


def test_a_conflict_shows_the_mask_as_it_is_and_changes_nothing(store: Store) -> None:
    desk, mask_id = page(store), new_id()
    drawn, theirs, mine = version(), version(8), version(9)
    desk.send(add(drawn, mask_id), edit(mask_id, drawn, theirs))
    before = store.read(document, desk.image_id)
    with pytest.raises(ConflictError) as refused:
        desk.send(add(), edit(mask_id, drawn, mine))
    assert refused.value.revision == 2
    shown = refused.value.masks
    assert list(shown) == [mask_id]
    assert shown[mask_id] == Mask(mask_id, masks(desk)[mask_id])
    after = store.read(document, desk.image_id)
    assert (after.masks, after.log, after.image.masks) == (before.masks, before.log, 1)


def test_a_conflict_about_a_deleted_mask_has_none(store: Store) -> None:
    desk, mask_id, drawn = page(store), new_id(), version()
    desk.send(add(drawn, mask_id), act("delete", Change(mask_id, drawn.id, None)))
    with pytest.raises(ConflictError) as refused:
        desk.send(edit(mask_id, drawn, version()))
    assert refused.value.masks == {mask_id: None}


def test_undo_and_redo_in_turn_over_batches(store: Store) -> None:
    desk, mask_id, drawn, better = page(store), new_id(), version(), version(9)
    made, edited = add(drawn, mask_id), edit(mask_id, drawn, better)
    desk.send(made, edited, undo(edited))
    assert masks(desk)[mask_id].id == drawn.id
    desk.send(undo(made))
    assert masks(desk) == {}
    desk.send(redo(made), redo(edited), undo(edited))
    assert masks(desk)[mask_id].id == drawn.id
    assert store.read(image_summary, desk.image_id).masks == 1
    assert [v.id for v in store.read(versions_of, desk.image_id, [better.id, drawn.id])] == [
        better.id,
        drawn.id,
    ]


def test_an_undo_out_of_turn_is_a_conflict(store: Store) -> None:
    desk, first, second = page(store), add(), add()
    desk.send(first, second)
    for wrong in (undo(first), redo(second), undo(replace(first, id=new_id()))):
        with pytest.raises(ConflictError):
            desk.send(wrong)
    desk.send(undo(second))
    desk.send(add())
    with pytest.raises(ConflictError):
        desk.send(redo(second))  # doing empties what could be redone


def test_an_undo_must_turn_its_target_round(store: Store) -> None:
    desk, first = page(store), act("add", *(Change(new_id(), None, version()) for _ in range(2)))
    desk.send(first)
    half = undo(first)
    with pytest.raises(StoreError, match="has other changes"):
        desk.send(replace(half, changes=half.changes[:1]))
    desk.send(half)


def test_an_undo_may_bring_the_whole_version_again(store: Store) -> None:
    desk, mask_id, drawn = page(store), new_id(), version()
    deleted = act("delete", Change(mask_id, drawn.id, None))
    desk.send(add(drawn, mask_id), deleted)
    back = act("undo", Change(mask_id, None, drawn), target=deleted.id)
    desk.send(back)
    assert masks(desk)[mask_id].id == drawn.id


def test_a_version_never_changes(store: Store) -> None:
    desk, mask_id, drawn = page(store), new_id(), version()
    desk.send(add(drawn, mask_id))
    other = replace(drawn, segmentation=rectangle(0, 0, 2, 2))
    with pytest.raises(StoreError, match="says otherwise"):
        desk.send(edit(mask_id, drawn, other))
    with pytest.raises(StoreError, match="of another mask"):
        desk.send(add(drawn))


def uncanonical() -> rle.RLE:
    """A rectangle whose runs have one of no length among them."""
    lengths = rle.runs(rectangle(1, 2, 3, 4))
    split = [lengths[0], 1, 0, lengths[1] - 1, *lengths[2:]]
    packed = coco_mask.frPyObjects({"size": list(HW), "counts": split}, *HW)
    return rle.RLE(size=[*HW], counts=packed["counts"].decode())


def test_run_lengths_are_kept_as_our_encoder_writes_them(store: Store) -> None:
    desk, mask_id, drawn = page(store), new_id(), version(segmentation=uncanonical())
    assert drawn.segmentation != rectangle(1, 2, 3, 4)
    desk.send(add(drawn, mask_id), add(version()))
    kept = masks(desk)[mask_id]
    assert kept.segmentation == rectangle(1, 2, 3, 4)
    assert (kept.bbox, kept.area) == ((1, 2, 3, 4), 12)
    again = act("undo", Change(mask_id, None, drawn), target=desk.send(add()).actions[0])
    with pytest.raises(StoreError):
        desk.send(again)


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        ({"segmentation": rectangle(0, 0, 1, 1, (41, 60))}, "is of size"),
        ({"segmentation": {"size": [*HW], "counts": "x"}}, "run-length"),
        ({"segmentation": {"size": [*HW], "counts": "11"}}, "does not fill"),
        ({"segmentation": {"size": [*HW], "counts": 5}}, "run-length"),
        ({"segmentation": {}}, "is of size"),
        ({"segmentation": rle.encode(np.zeros(HW, bool))}, "is empty"),
        ({"label_id": 7}, "no label 7"),
        ({"id": "7"}, "no UUID"),
        ({"group": "\0"}, "letters that are none"),
        ({"order": 1 << 40}, "out of range"),
        ({"predicted_iou": float("nan")}, "predicted_iou"),
        ({"source": "s" * 100}, "a source"),
    ],
)
def test_versions_that_are_none_are_refused(
    sqlite_store: Store, broken: dict[str, Any], message: str
) -> None:
    desk = page(sqlite_store)
    with pytest.raises(StoreError, match=message) as refused:
        desk.send(add(), add(replace(version(), **broken)))
    assert refused.value.kind == "invalid"
    assert masks(desk) == {}


MASK = new_id()


@pytest.mark.parametrize(
    "broken",
    [
        act("add"),
        act("add", Change(MASK, new_id(), version())),
        act("edit", Change(MASK, None, version())),
        act("delete", Change(MASK, None, None)),
        act("merge", Change(MASK, None, None)),
        act("undo", Change(MASK, new_id(), None)),
        act("state"),
        act("state", Change(MASK, None, version()), state="done"),
        act("state", state="finished"),
        act("dance", Change(MASK, None, version())),  # type: ignore[arg-type]
        act("add", Change(MASK, None, version()), Change(MASK, None, version())),
        act("add", Change("7", None, version())),
        act("add", Change(MASK, None, new_id())),
        add(at=NOW.replace(tzinfo=None)),
        add(target=new_id()),
        add(state="done"),
        add(effort=Effort(seconds=float("nan"))),
        add(effort=Effort(clicks_add=-1)),
        add(effort=Effort(chosen=3)),
        add(effort=Effort(events=(float("inf"),))),
        add(effort=Effort(events=({1, 2},))),
        add(effort=Effort(model_id="\ud800")),
    ],
)
def test_actions_that_make_no_sense_are_refused(sqlite_store: Store, broken: Action) -> None:
    desk = page(sqlite_store)
    with pytest.raises(StoreError) as refused:
        desk.send(add(), broken)
    assert refused.value.kind == "invalid"
    assert sqlite_store.read(image_summary, desk.image_id).revision == 0


def test_an_image_that_nobody_looked_into_takes_no_masks(sqlite_store: Store) -> None:

    sqlite_store.write(add_images, ["b.png"])
    found = sqlite_store.read(list_images).images[0]
    desk = Page(sqlite_store, found.id, annotator(sqlite_store))
    with pytest.raises(StoreError, match="size is not known"):
        desk.send(add())


def test_labels_are_counted_by_image(store: Store) -> None:
    desk, other = page(store), image(store, "b.png")
    cat, dog = store.write(
        put_labels, [Label(None, "cat", "#ff0000", "c"), Label(None, "dog", "#00ff00")]
    )
    assert cat.id is not None
    assert dog.id is not None
    mask_id, drawn = new_id(), version(label_id=cat.id)
    desk.send(add(drawn, mask_id), add(version(label_id=cat.id)))

    def carrying(label: Label) -> list[int]:
        page = store.read(list_images, ImageFilter(label_id=label.id))
        assert page.total == len(page.images)
        return [image.id for image in page.images]

    assert carrying(cat) == [desk.image_id]
    assert carrying(dog) == []
    relabel = act("label", Change(mask_id, drawn.id, version(label_id=dog.id)))
    desk.send(relabel)
    assert carrying(dog) == [desk.image_id]
    desk.send(undo(relabel))
    assert carrying(dog) == []
    assert other not in carrying(cat)
    with pytest.raises(StoreError, match="2 masks are labelled cat"):
        store.write(put_labels, [], remove=[cat.id])
    store.write(put_labels, [], remove=[dog.id])
    assert [label.name for label in store.read(list_labels)] == ["cat"]
    desk.send(redo(relabel))
    assert {label.name for label in store.read(list_labels)} == {"cat", "dog"}


def test_states_and_who_may_make_them(store: Store) -> None:
    desk = page(store)
    desk.send(become("done"), add())
    assert store.read(image_summary, desk.image_id).state == "done"
    with pytest.raises(StoreError, match="only a reviewer") as refused:
        desk.send(become("accepted"))
    assert refused.value.kind == "forbidden"
    reviewer = annotator(store, "Rev", "reviewer")
    with pytest.raises(LeaseError):
        Page(store, desk.image_id, reviewer)
    later = NOW.replace(year=2100)
    lease = store.write(take_lease, desk.image_id, reviewer, now=later)
    accept = (become("accepted"),)
    store.write(apply_actions, desk.image_id, reviewer, lease.token, accept, later)
    assert store.read(image_summary, desk.image_id).state == "accepted"
    lease = store.write(take_lease, desk.image_id, desk.annotator, now=later + timedelta(hours=1))
    with pytest.raises(StoreError, match="is accepted"):
        store.write(apply_actions, desk.image_id, desk.annotator, lease.token, (add(),))
    assert [entry.state for entry in store.read(log_of, desk.image_id)] == [
        "done",
        None,
        "accepted",
    ]


def test_an_image_is_new_again_once_all_is_taken_back(store: Store) -> None:
    desk = page(store)

    def state() -> str:
        return store.read(image_summary, desk.image_id).state

    first, second = add(), add()
    desk.send(first, second)
    desk.send(undo(second))
    assert state() == "started"
    desk.send(undo(first))
    assert state() == "new"
    desk.send(redo(first))
    assert state() == "started"
    desk.send(become("done"), undo(first))
    assert state() == "done", "somebody said so"


def test_an_unreadable_image_is_what_it_was_once_it_can_be_read(store: Store) -> None:
    desk = page(store)
    desk.send(add(), become("done"))
    store.write(note_fault, desk.image_id, "it is cut short")
    shown = store.read(image_summary, desk.image_id)
    assert (shown.state, shown.fault) == ("unreadable", "it is cut short")
    assert store.read(count_images).states["unreadable"] == 1
    first = add()
    desk.send(first, undo(first))  # of a page that has it open
    assert store.read(image_summary, desk.image_id).state == "unreadable"
    store.write(note_readable, desk.image_id)
    shown = store.read(image_summary, desk.image_id)
    assert (shown.state, shown.fault) == ("done", None)
    with pytest.raises(StoreError, match="a state is one of"):
        desk.send(become("unreadable"))


def test_what_an_action_took_can_be_replayed(store: Store) -> None:
    desk = page(store)
    effort = Effort(3.5, 2, 1, 1, 4, 1, "mobile-sam@1", ({"t_s": 0.5, "kind": "click"},))
    action = add(effort=effort)
    desk.send(action)
    assert store.read(efforts_of, desk.image_id) == {action.id: effort}


SHARED = HealthCheck.function_scoped_fixture  # each example works on an image of its own
STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "edit", "delete", "undo", "redo"]), st.integers(0, 5)),
    max_size=14,
)


@settings(
    max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)
@given(steps=STEPS, batch=st.integers(1, 4))
def test_any_work_leaves_what_a_naive_model_has(
    sqlite_store: Store, steps: list[tuple[str, int]], batch: int
) -> None:
    """States of the image, one for each thing done, and a finger on them."""
    name = new_id()
    desk = Page(sqlite_store, image(sqlite_store, name), annotator(sqlite_store, name))
    states: list[dict[str, Version]] = [{}]
    done: list[Action] = []
    at, actions = 0, []
    for kind, pick in steps:
        now = states[at]
        if kind == "undo" and at > 0:
            actions.append(undo(done[at - 1]))
            at -= 1
            continue
        if kind == "redo" and at < len(done):
            actions.append(redo(done[at]))
            at += 1
            continue
        mask_id = sorted(now)[pick % len(now)] if now else None
        if kind == "add":
            mask_id, drawn = new_id(), version(pick)
            action, after = add(drawn, mask_id), now | {mask_id: drawn}
        elif kind == "edit" and mask_id:
            drawn = version(pick)
            action, after = edit(mask_id, now[mask_id], drawn), now | {mask_id: drawn}
        elif kind == "delete" and mask_id:
            action = act("delete", Change(mask_id, now[mask_id].id, None))
            after = {key: value for key, value in now.items() if key != mask_id}
        else:
            continue
        done, states = [*done[:at], action], [*states[: at + 1], after]
        actions.append(action)
        at += 1
    for start in range(0, len(actions), batch):
        desk.send(*actions[start : start + batch])
    assert {key: drawn.id for key, drawn in masks(desk).items()} == {
        key: drawn.id for key, drawn in states[at].items()
    }
    summary = sqlite_store.read(image_summary, desk.image_id)
    assert (summary.masks, summary.revision) == (len(states[at]), len(actions))
    log = sqlite_store.read(log_of, desk.image_id)
    assert [list(entry.changes) for entry in log] == [changed_ids(action) for action in actions]


def test_a_save_is_few_statements(store: Store) -> None:
    """Whoever saves keeps all others from it meanwhile."""
    desk, statements = page(store), list[str]()
    desk.send(add())

    @event.listens_for(store.engine, "before_cursor_execute")
    def note(*given: Any) -> None:
        statements.append(given[2])

    desk.send(add())
    assert len(statements) <= 13, statements
