"""Many at once, and killed ones: nothing lost, nothing twice."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pytest

from anymask.engine.store.documents import document
from anymask.engine.store.images import image_summary
from anymask.engine.store.leases import take_lease
from anymask.engine.store.log.actions import log_of
from anymask.engine.store.refusals import ConflictError, LeaseError
from anymask.engine.store.store import Store
from anymask.engine.store.tallies import status, summed
from anymask.engine.store.values import Annotator, Change
from tests.engine.store.steps import Page, act, add, annotator, image, new_id, version

ROOT = Path(__file__).resolve().parents[3]
THREADS, EACH = 8, 12


def start(where: str, name: str, annotator: str, count: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "tests.engine.store.writer", where, name, annotator]
    return subprocess.Popen([*command, str(count)], cwd=ROOT, stdout=subprocess.PIPE, text=True)


def check(store: Store, image_id: int, acknowledged: list[str]) -> None:
    """That an image has these actions, and perhaps one whose answer was never heard."""
    shown = store.read(document, image_id)
    ids = [entry.id for entry in shown.log]
    assert len(set(ids)) == len(ids)
    assert ids[: len(acknowledged)] == acknowledged
    assert len(ids) - len(acknowledged) in (0, 1)
    assert [entry.number for entry in shown.log] == list(range(1, len(ids) + 1))
    assert len(shown.masks) == shown.image.masks == shown.image.revision == len(ids)


def test_threads_each_on_an_image_of_their_own(store: Store) -> None:
    ann = annotator(store)  # one account: all of them write the same tally
    desks = [Page(store, image(store, f"{n}.png"), ann) for n in range(THREADS)]

    def work(desk: Page) -> list[str]:
        return [desk.send(add()).actions[0] for _ in range(EACH)]

    with ThreadPoolExecutor(THREADS) as pool:
        for desk, acknowledged in zip(desks, pool.map(work, desks)):
            check(store, desk.image_id, acknowledged)
    (total,) = summed(store.read(status))
    assert (total.masks, total.images, total.actions) == (THREADS * EACH, THREADS, THREADS * EACH)


def test_threads_on_one_mask_never_overwrite_each_other(store: Store) -> None:
    desk, mask_id, first = Page(store, image(store), annotator(store)), new_id(), version()
    desk.send(add(first, mask_id))
    conflicts: list[ConflictError] = []

    def work(n: int) -> int:
        before, done = first.id, 0
        while done < 5:
            after = version(n)
            try:
                desk.send(act("edit", Change(mask_id, before, after)))
                before, done = after.id, done + 1
            except ConflictError as conflict:
                conflicts.append(conflict)
                theirs = conflict.masks[mask_id]
                assert theirs is not None
                before = theirs.version.id
        return done

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(work, range(4))) == 20
    chain = [entry.changes[0] for entry in store.read(log_of, desk.image_id)]
    assert len(chain) == 21
    assert all(older.after == newer.before for older, newer in pairwise(chain))
    assert conflicts


def test_one_of_many_gets_the_lease(store: Store) -> None:
    people = [annotator(store, f"A{n}") for n in range(THREADS)]
    image_id, together = image(store), threading.Barrier(THREADS)

    def take(who: Annotator) -> bool:
        together.wait()
        try:
            store.write(take_lease, image_id, who)
        except LeaseError:
            return False
        return True

    with ThreadPoolExecutor(THREADS) as pool:
        assert sum(pool.map(take, people)) == 1


def test_a_retry_beside_its_first_try_does_nothing_twice(store: Store) -> None:
    desk, action = Page(store, image(store), annotator(store)), add()
    with ThreadPoolExecutor(THREADS) as pool:
        applied = list(pool.map(lambda _: desk.send(action), range(THREADS)))
    assert {one.revision for one in applied} == {1}
    check(store, desk.image_id, [action.id])


def test_processes_share_a_store(store: Store, where: str) -> None:
    names = [f"{n}.png" for n in range(4)]
    ids = [image(store, name) for name in names]
    ann = annotator(store)
    writers = [start(where, name, ann.name, 15) for name in names]
    for writer, image_id in zip(writers, ids):
        printed, _ = writer.communicate(timeout=120)
        assert writer.returncode == 0
        check(store, image_id, printed.split())
        assert store.read(image_summary, image_id).masks == 15
    assert summed(store.read(status))[0].masks == 60


@pytest.mark.slow
def test_what_a_killed_process_acknowledged_is_there(store: Store, where: str) -> None:
    ann = annotator(store)
    for n in range(5):
        image_id = image(store, f"{n}.png")
        writer = start(where, f"{n}.png", ann.name, 100_000)
        assert writer.stdout is not None
        first = writer.stdout.readline()
        time.sleep(random.Random(n).uniform(0.05, 0.6))
        writer.kill()
        rest, _ = writer.communicate(timeout=30)
        acknowledged = [line for line in (first + rest).split("\n") if len(line) == 36]
        check(store, image_id, acknowledged)
