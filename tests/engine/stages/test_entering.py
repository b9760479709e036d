"""A stage is entered when its rule is fulfilled, and what comes to annotators follows it."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import update

from anymask.engine.model.suggestion import Suggestion, suggestion
from anymask.engine.stages.entering import RULES, enter, rule_of, set_rule, standing
from anymask.engine.stages.suggesting import suggest
from anymask.engine.store.automation.figures import stage_figures
from anymask.engine.store.automation.models import add_model
from anymask.engine.store.automation.stages import current_stage, enter_stage, stage_history
from anymask.engine.store.automation.tables import AuditRow
from anymask.engine.store.documents import document
from anymask.engine.store.images import next_image, queued_images
from anymask.engine.store.leases import release_lease
from anymask.engine.store.store import Store
from anymask.engine.store.tables import ImageRow
from anymask.engine.store.values import STAGES, Annotator, Change, Effort
from anymask.errors import StoreError
from tests.engine.store.steps import (
    NOW,
    Page,
    act,
    add,
    annotator,
    become,
    image,
    new_id,
    rectangle,
    version,
)

MANUAL, SEMI, FULL = STAGES


def suggested(store: Store, image_id: int, count: int) -> None:
    """The engine suggests masks."""
    found: list[Suggestion] = []
    for n in range(count):
        one = suggestion(rectangle(10 * n, 4, 8, 8), 0.9)
        assert one is not None
        found.append(one)
    suggest(store, image_id, found, "detector", "m")


def detector(store: Store, figures: Any) -> None:
    store.write(
        add_model, 1, "detector", new_id(), "1", parent_id=None, state="promoted", figures=figures
    )


def test_each_stage_has_a_rule_that_is_fulfilled_by_what_is_there(store: Store) -> None:
    now = standing(store)
    assert (now.stage, now.next) == (MANUAL, SEMI)
    assert [one.name for one in now.missing] == ["masks", "images", "saved"]
    set_rule(store, SEMI, {"masks": 2, "images": 1})
    desk = Page(store, image(store), annotator(store))
    desk.send(add(), add(), become("done"))
    (left,) = standing(store).missing
    assert (left.name, left.has) == ("saved", None)
    assert "not known yet" in str(left)
    detector(store, {"saved_s": 7.5})
    assert standing(store).missing == ()
    set_rule(store, SEMI, {"saved": 8})
    assert [str(one) for one in standing(store).missing] == [
        "seconds that suggestions save in an image, on held-out images: 7.5, 8 wanted"
    ]
    set_rule(store, SEMI, {"saved": 0})
    assert enter(store, SEMI, reason="let's go").stage == SEMI
    assert store.read(current_stage) == SEMI


def test_a_rule_that_is_not_fulfilled_is_refused_unless_forced(store: Store) -> None:
    with pytest.raises(StoreError, match="masks in all: 0, 500 wanted; images done: 0, 30"):
        enter(store, SEMI)
    with pytest.raises(StoreError, match=f"{SEMI} comes before"):
        enter(store, FULL)
    enter(store, SEMI, force=True, reason="a trial")
    with pytest.raises(StoreError, match="already"):
        enter(store, SEMI, force=True)
    enter(store, MANUAL)
    history = store.read(stage_history)
    assert [(one.number, one.stage) for one in history] == [(1, SEMI), (2, MANUAL)]
    assert history[0].reason.startswith("forced. masks in all: 0, 500 wanted;")
    assert history[0].reason.endswith(". a trial")
    assert history[1].reason == "back to an earlier stage"


def test_two_who_enter_at_once(store: Store) -> None:
    enter(store, SEMI, force=True)
    with pytest.raises(StoreError, match="meanwhile"):
        store.write(enter_stage, SEMI, "a reason", MANUAL)
    assert len(store.read(stage_history)) == 1


@pytest.mark.parametrize(
    ("stage", "numbers", "said"),
    [
        (SEMI, {"clicks": 1.0}, "has no 'clicks'; it has masks, images, saved"),
        (SEMI, {"audit": 0.5}, "has no 'audit'"),
        (MANUAL, {"masks": 1.0}, "it has none"),
        (SEMI, {"masks": -1.0}, "0 or more"),
        (FULL, {"audit": 80.0}, "from 0 to 1"),
        (FULL, {"accepted": float("nan")}, "from 0 to 1"),
    ],
)
def test_rules_that_are_none(
    sqlite_store: Store, stage: Any, numbers: dict[str, float], said: str
) -> None:
    with pytest.raises(StoreError, match=said):
        set_rule(sqlite_store, stage, numbers)


def test_the_last_stage_wants_answers_and_an_audit(store: Store) -> None:
    enter(store, SEMI, force=True)
    ann, picture = annotator(store), image(store)
    suggested(store, picture, 4)
    desk = Page(store, picture, ann)
    waiting = store.read(document, picture).masks
    for mask in waiting[:3]:
        desk.send(act("accept", Change(mask.id, mask.version.id, version())), now=NOW)
    desk.send(act("reject", Change(waiting[3].id, waiting[3].version.id, None)), now=NOW)
    figures = {"share_above": {"0.9": {"share": 0.93}, "0.75": {"share": 0.97}}}
    audit = AuditRow(id=new_id(), started_at=NOW, ended_at=NOW, seed=0, figures=figures)
    store.write(lambda session: session.add(audit))
    has = {one.name: one.has for one in rule_of(store, FULL)}
    assert has == {"masks": 3, "images": 0, "accepted": 0.75, "audit": 0.93}
    assert set(has) == set(RULES[FULL])


def test_what_a_stage_gave_counts_an_image_once(store: Store) -> None:
    first, second = annotator(store, "Ann"), annotator(store, "Bob")
    picture, other = image(store, "a.png"), image(store, "b.png")
    for who, image_id, model in ((first, picture, "m"), (second, picture, "n"), (first, other, "")):
        desk = Page(store, image_id, who)
        desk.send(add(effort=Effort(seconds=10.0, model_id=model)), now=NOW)
        store.write(release_lease, image_id, who, desk.token)
    (only,) = store.read(stage_figures)
    assert (only.stage, only.tally.images, only.tally.masks) == (MANUAL, 2, 3)
    assert (only.tally.masks_per_image, only.tally.seconds_per_mask) == (1.5, 10.0)
    assert (only.accepted, only.share_accepted) == (0, None)


def names(store: Store, who: Annotator, count: int) -> list[str]:
    """The images that come to somebody one after the other."""
    after, queue = None, []
    for _ in range(count):
        one = store.read(next_image, who, after)
        assert one is not None
        queue.append(one.name)
        after = one.id
    return queue


def test_images_with_suggestions_come_first_in_stage_2(store: Store) -> None:
    ann = annotator(store)
    ids = [image(store, name) for name in ("a.png", "b.png", "c.png")]
    suggested(store, ids[2], 1)
    assert names(store, ann, 3) == ["a.png", "b.png", "c.png"]
    enter(store, SEMI, force=True)
    assert names(store, ann, 1) == ["c.png"]
    desk = Page(store, ids[2], ann)
    desk.send(become("done"))
    assert names(store, ann, 3) == ["a.png", "b.png", "a.png"]


def test_what_is_computed_ahead_is_what_comes_next(store: Store) -> None:
    ids = [image(store, name) for name in ("a.png", "b.png", "c.png", "d.png")]
    assert store.read(queued_images, ids[1], 2) == [ids[2], ids[3]]
    assert store.read(queued_images, ids[2], 9) == [ids[3], ids[0], ids[1]]
    suggested(store, ids[3], 1)
    enter(store, SEMI, force=True)
    assert store.read(queued_images, ids[0], 2) == [ids[3], ids[1]]
    query = update(ImageRow).where(ImageRow.id == ids[2]).values(rank=-1)
    store.write(lambda session: session.execute(query))
    assert store.read(queued_images, ids[0], 2) == [ids[3], ids[2]]


def test_ranks_come_before_places_and_negative_ones_at_once(store: Store) -> None:
    ann = annotator(store)
    for name in ("a.png", "b.png", "c.png", "d.png"):
        image(store, name)

    def rank(name: str, to: int) -> None:
        query = update(ImageRow).where(ImageRow.name == name).values(rank=to)
        store.write(lambda session: session.execute(query))

    rank("a.png", 7)
    assert names(store, ann, 5) == ["b.png", "c.png", "d.png", "a.png", "b.png"]
    rank("b.png", 7)
    assert names(store, ann, 4) == ["c.png", "d.png", "a.png", "b.png"]
    rank("d.png", -1)
    assert names(store, ann, 1) == ["d.png"]
    behind_c = store.read(next_image, ann, 3)
    assert behind_c is not None
    assert behind_c.name == "d.png", "as an audit's images, wherever one is"
    behind_d = store.read(next_image, ann, behind_c.id)
    assert behind_d is not None
    assert behind_d.name == "c.png"
