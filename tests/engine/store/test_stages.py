"""Figures told apart by the engine's stages, and which masks no person drew."""

from __future__ import annotations

from dataclasses import replace

from anymask.engine.store.annotators import engine_annotator
from anymask.engine.store.automation.stages import current_stage
from anymask.engine.store.automation.tables import StageRow
from anymask.engine.store.images import image_summary
from anymask.engine.store.leases import release_lease
from anymask.engine.store.store import Store
from anymask.engine.store.tallies import status, summed
from anymask.engine.store.values import Change, Effort, Kind, Tally
from tests.engine.store.steps import NOW, Page, act, add, annotator, image, new_id, undo, version


def enter(store: Store, stage: str, number: int) -> None:
    """The project enters a stage."""
    row = StageRow(number=number, stage=stage, entered_at=NOW, reason="a test")
    store.write(lambda session: session.add(row))


def by_engine(store: Store, image_id: int, kind: Kind, count: int) -> list[Change]:
    """Masks that the engine suggests or finds."""
    engine = store.write(engine_annotator)
    desk = Page(store, image_id, engine)
    drawn = [version(is_suggested=kind == "suggest") for _ in range(count)]
    found = [Change(new_id(), None, one) for one in drawn]
    desk.send(act(kind, *found), now=NOW)
    store.write(release_lease, image_id, engine, desk.token)
    return [Change(one.mask_id, suggested.id, None) for one, suggested in zip(found, drawn)]


def stage(store: Store, name: str) -> Tally:
    """All that was done in a stage."""
    return next(one for one in summed(store.read(status), by=("stage",)) if one.stage == name)


def test_each_stage_has_its_own_figures(store: Store) -> None:
    ann, picture = annotator(store), image(store)
    assert store.read(current_stage) == "assisted-manual"
    desk = Page(store, picture, ann)
    last = add(effort=Effort(seconds=30.0))
    desk.send(add(effort=Effort(seconds=10.0)), last, now=NOW)
    enter(store, "semi-automatic", 1)
    assert store.read(current_stage) == "semi-automatic"
    desk.send(undo(last, effort=Effort(seconds=1.0)), now=NOW)  # out of the stage it was made in
    desk.send(add(effort=Effort(seconds=5.0)), now=NOW)
    first, second = stage(store, "assisted-manual"), stage(store, "semi-automatic")
    assert (first.masks, first.seconds, first.share_automatic) == (1, 40.0, 0.0)
    assert (second.masks, second.seconds) == (1, 6.0)


def test_what_is_accepted_is_automatic_and_what_is_rejected_is_counted(store: Store) -> None:
    ann, picture = annotator(store), image(store)
    *taken, left = by_engine(store, picture, "suggest", 3)
    desk = Page(store, picture, ann)
    accepted = [act("accept", replace(change, after=version())) for change in taken]
    rejected = act("reject", left)
    desk.send(*accepted, rejected, add(effort=Effort(seconds=12.0)), now=NOW)
    (all_,) = summed(store.read(status))
    assert (all_.masks, all_.automatic, all_.rejected) == (3, 2, 1)
    assert (all_.seconds, all_.seconds_per_drawn_mask) == (18.0, 18.0)  # two each by the others


def test_what_the_engine_finds_by_itself_takes_nobody_time(store: Store) -> None:
    picture = image(store)
    enter(store, "fully-automatic", 1)
    by_engine(store, picture, "automatic", 5)
    tally = stage(store, "fully-automatic")
    assert (tally.annotator, tally.masks, tally.automatic) == (None, 5, 5)
    assert (tally.share_automatic, tally.seconds_per_drawn_mask) == (1.0, None)
    assert store.read(image_summary, picture).masks == 5


def test_an_undone_reject_is_none(store: Store) -> None:
    picture, ann = image(store), annotator(store)
    (left,) = by_engine(store, picture, "suggest", 1)
    desk, rejected = Page(store, picture, ann), act("reject", left)
    desk.send(rejected, now=NOW)
    desk.send(undo(rejected), now=NOW)
    (all_,) = summed(store.read(status))
    assert (all_.masks, all_.rejected) == (0, 0)
