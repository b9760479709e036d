"""How long the annotation tool's store takes to answer when it is large.

    python benchmarks/store.py [--images 100000] [--masks 100] [--folder /tmp] [--at postgresql://…]

Makes a store of so many images with so many masks each, an action for every mask, asks it as the
page and the commands do, prints medians, and deletes it. Full size takes 10 GB and some minutes.
Ends with 1 where a median is more than ``--most-ms``.
"""

from __future__ import annotations

import argparse
import itertools
import random
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from large_store import ANNOTATORS, LABELS, fill, new_id, segmentation
from sqlalchemy import text

from anymask.engine.stages.entering import enter, standing
from anymask.engine.stages.running import runs_now
from anymask.engine.store.automation.figures import count_held_out_images, stage_figures
from anymask.engine.store.automation.models import model_in_use
from anymask.engine.store.automation.stages import current_stage
from anymask.engine.store.backup import back_up
from anymask.engine.store.clock import current_time
from anymask.engine.store.documents import document
from anymask.engine.store.images import count_images, list_images, next_image
from anymask.engine.store.labels import count_labels, list_labels
from anymask.engine.store.leases import take_lease, take_next
from anymask.engine.store.log.actions import apply_actions
from anymask.engine.store.masked_images import masked_images
from anymask.engine.store.store import Store
from anymask.engine.store.tallies import status, summed
from anymask.engine.store.values import (
    STAGES,
    Action,
    Annotator,
    Change,
    ImageFilter,
    Version,
)

from machine import describe

REPEATS = 11
AT_ONCE, SAVES = 30, 20


def main() -> int:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--masks", type=int, default=100, help="in each image")
    parser.add_argument("--folder", type=Path, help="where the store lies meanwhile")
    parser.add_argument("--at", help="an empty database, in place of a file")
    parser.add_argument("--most-ms", type=float, default=300)
    parser.add_argument("--questions-only", action="store_true", help="no export and no backup")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="store", dir=arguments.folder))
    slow = []
    try:
        path = folder / "large.anymask"
        began = time.perf_counter()
        with Store.open(arguments.at or path) as store:
            people = fill(store, arguments.images, arguments.masks)
            made_s = time.perf_counter() - began
            print(f"{describe(1)}\n")
            print(
                f"{'PostgreSQL' if arguments.at else 'SQLite'}: {arguments.images:,} images, "
                f"{arguments.images * arguments.masks:,} masks, {size(store) / 1e9:.2f} GB, "
                f"made in {made_s:.0f} s\n"
            )
            print("| asked | median ms | slowest ms | processor ms, here |\n|---|---:|---:|---:|")
            for name, ask in questions(store, people, arguments.images):
                median_ms, slowest_ms, processor_ms = timed(ask)
                print(
                    f"| {name} | {median_ms:.1f} | {slowest_ms:.1f} | {processor_ms:.1f} |",
                    flush=True,
                )
                slow += [name] * (median_ms > arguments.most_ms)
            print(f"\n{together(store, people)}")
            if not arguments.questions_only:
                print(f"\n{whole(store, folder)}")
    finally:
        shutil.rmtree(folder)
    return int(bool(slow))


def size(store: Store) -> int:
    """Bytes of the store."""
    if store.path is not None:
        return store.path.stat().st_size
    with store.engine.connect() as connection:
        return int(connection.execute(text("SELECT pg_database_size(current_database())")).one()[0])


def timed(ask: Callable[[], object]) -> tuple[float, float, float]:
    """A question asked some times after a first: median, slowest, and of the processor, in ms."""
    times, processor = [], []
    ask()
    for _ in range(REPEATS):
        began, began_processor = time.perf_counter(), time.process_time()
        ask()
        times.append(1000 * (time.perf_counter() - began))
        processor.append(1000 * (time.process_time() - began_processor))
    return statistics.median(times), max(times), statistics.median(processor)


def questions(
    store: Store, people: list[Annotator], images: int
) -> Iterator[tuple[str, Callable[[], object]]]:
    """What the page asks, with places that change from time to time."""
    numbers = random.Random(1)
    me = people[0]
    some = list_images

    def anywhere() -> str:
        return str(numbers.randint(1, images))

    def listed(after: str | None = None, **asked: Any) -> object:
        return store.read(some, ImageFilter(**asked), after)

    yield "first page", listed
    yield "a page in the midst", lambda: listed(anywhere())
    yield "state: new", lambda: listed(states=("new",))
    yield (
        "states: done or returned, in the midst",
        lambda: listed(anywhere(), states=("done", "returned")),
    )
    yield "label", lambda: listed(label_id=1)
    yield "label, in the midst", lambda: listed(anywhere(), label_id=1)
    yield "label of few images", lambda: listed(label_id=LABELS)
    yield "text in many names", lambda: listed(text="img_0")
    yield "text in one name", lambda: listed(text="99.jpg")
    yield "text in no name", lambda: listed(text="nothing")
    yield "annotator", lambda: listed(annotator_id=me.id)
    yield (
        "all filters",
        lambda: listed(states=("done",), label_id=1, text="img", annotator_id=me.id),
    )
    yield "counts by state", lambda: store.read(count_images)
    yield "labels", lambda: (store.read(list_labels), store.read(count_labels))
    yield "images with suggestions", lambda: listed(is_suggested=True)
    yield "tallies", lambda: store.read(status)
    yield "stage figures", lambda: store.read(stage_figures)
    yield "`engine status`, all of it", lambda: all_of_status(store)
    yield "`engine stage`, its rule", lambda: standing(store)
    yield "figures of the page", lambda: figures_of_page(store)
    yield "an image with its masks and log", lambda: store.read(document, int(anywhere()))
    yield "next image", lambda: store.read(next_image, me, int(anywhere()))
    yield "next image to review", lambda: store.read(next_image, me, int(anywhere()), review=True)
    yield "next image, in stage 2", lambda: in_stage_2(store, me, int(anywhere()))
    yield "next image, with its lease", lambda: store.write(take_next, me, int(anywhere()))
    yield "save of a mask, with its lease", lambda: save(store, me, int(anywhere()))


def all_of_status(store: Store) -> None:
    """What `anymask engine status` asks."""
    for ask in (count_images, current_stage, count_held_out_images):
        store.read(ask)
    tallies = store.read(status)
    store.read(stage_figures, tallies)
    summed(tallies, ["day", "annotator", "model_id"])
    for kind in ("sam", "detector"):
        store.read(model_in_use, kind)
    runs_now(store)


def figures_of_page(store: Store) -> None:
    """What `/api/status` asks and adds up."""
    tallies = store.read(status)
    summed(tallies)
    for key in ("day", "annotator", "model_id"):
        summed(tallies, [key])
    store.read(stage_figures, tallies)
    runs_now(store)


def in_stage_2(store: Store, annotator: Annotator, after: int) -> None:
    """The next image where those with suggestions come first."""
    if store.read(current_stage) != STAGES[1]:
        enter(store, STAGES[1], force=True)
    store.read(next_image, annotator, after)


def save(store: Store, annotator: Annotator, image_id: int) -> None:
    """One more mask in an image."""
    lease = store.write(take_lease, image_id, annotator, take_over=True)
    drawn = Version(new_id(), segmentation(random.Random(image_id)))
    action = Action(new_id(), "add", current_time(), (Change(new_id(), None, drawn),))
    store.write(apply_actions, image_id, annotator, lease.token, [action])


def together(store: Store, people: list[Annotator]) -> str:
    """Annotators who save at once, as fast as they are answered, each in images of their own."""

    def work(n: int) -> list[float]:
        times = []
        for image_id in range(1 + n * SAVES, 1 + (n + 1) * SAVES):
            began = time.perf_counter()
            save(store, people[n % ANNOTATORS], image_id)
            times.append(1000 * (time.perf_counter() - began))
        return times

    with ThreadPoolExecutor(AT_ONCE) as pool:
        times = sorted(itertools.chain.from_iterable(pool.map(work, range(AT_ONCE))))
    return (
        f"{AT_ONCE} annotators who take an image and save a mask at once, without a pause: median "
        f"{statistics.median(times):.0f} ms, p95 {times[int(0.95 * len(times))]:.0f} ms."
    )


def whole(store: Store, folder: Path) -> str:
    """What takes all of it."""
    began = time.perf_counter()
    masks = sum(len(one.masks) for one in masked_images(store))
    read_s = time.perf_counter() - began
    began = time.perf_counter()
    back_up(store, folder / "copy.anymask")
    return (
        f"All {masks:,} masks read as for an export: {read_s:.0f} s; "
        f"a backup: {time.perf_counter() - began:.0f} s."
    )


if __name__ == "__main__":
    sys.exit(main())
