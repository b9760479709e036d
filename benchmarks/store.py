"""How long the annotation tool's store takes to answer when it is large.

    python benchmarks/store.py [--images 100000] [--masks 50] [--folder /tmp]

Makes a store of so many images with so many masks each, an action for every mask, asks it as the
page does, prints medians, and deletes it. Full size takes 5 GB and some minutes.
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
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Engine, insert
from sqlalchemy.orm import Session

from anymask.core import rle
from anymask.engine.store.annotators import add_annotator
from anymask.engine.store.backup import back_up
from anymask.engine.store.clock import current_time
from anymask.engine.store.connection.database import WRITING
from anymask.engine.store.documents import document
from anymask.engine.store.images import count_images, list_images, next_image
from anymask.engine.store.labels import count_labels, list_labels, put_labels
from anymask.engine.store.leases import take_lease, take_next
from anymask.engine.store.log.actions import apply_actions
from anymask.engine.store.masked_images import masked_images
from anymask.engine.store.naming import folded, place
from anymask.engine.store.store import Store
from anymask.engine.store.tables import (
    ActionRow,
    ChangeRow,
    ImageRow,
    LabelledRow,
    MaskRow,
    TalliedImageRow,
    TallyRow,
    VersionRow,
)
from anymask.engine.store.tallies import status
from anymask.engine.store.values import (
    Action,
    Annotator,
    Change,
    ImageFilter,
    Label,
    Version,
)

from machine import describe

HW = (1000, 1500)
LABELS, ANNOTATORS, DAYS, MODEL = 8, 10, 250, "mobile-sam"
IMAGES_AT_ONCE = 200
REPEATS = 11
STATES = ("new", "started", "done", "done", "accepted", "accepted", "returned", "skipped")
Row = dict[str, Any]


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--masks", type=int, default=50, help="in each image")
    parser.add_argument("--folder", type=Path, help="where the store lies meanwhile")
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="store", dir=arguments.folder))
    try:
        path = folder / "large.anymask"
        began = time.perf_counter()
        with Store.open(path) as store:
            people = fill(store, arguments.images, arguments.masks)
            made_s = time.perf_counter() - began
            print(f"{describe(1)}\n")
            print(
                f"{arguments.images:,} images, {arguments.images * arguments.masks:,} masks, "
                f"{path.stat().st_size / 1e9:.2f} GB, made in {made_s:.0f} s\n"
            )
            print("| asked | median ms | slowest ms |\n|---|---:|---:|")
            for name, ask in questions(store, people, arguments.images):
                print(row(name, ask), flush=True)
            print(f"\n{whole(store, folder)}")
    finally:
        shutil.rmtree(folder)


def row(name: str, ask: Callable[[], object]) -> str:
    """A question asked some times, the first of which warms up."""
    times = []
    for _ in range(REPEATS + 1):
        began = time.perf_counter()
        ask()
        times.append(1000 * (time.perf_counter() - began))
    return f"| {name} | {statistics.median(times[1:]):.1f} | {max(times[1:]):.1f} |"


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
    yield "status", lambda: store.read(status)
    yield "an image with its masks and log", lambda: store.read(document, int(anywhere()))
    yield "next image", lambda: store.read(next_image, me, int(anywhere()))
    yield "next image to review", lambda: store.read(next_image, me, int(anywhere()), review=True)
    yield "next image, with its lease", lambda: store.write(take_next, me, int(anywhere()))
    yield "save of a mask, with its lease", lambda: save(store, me, int(anywhere()))


def save(store: Store, annotator: Annotator, image_id: int) -> None:
    """One more mask in an image."""
    lease = store.write(take_lease, image_id, annotator)
    drawn = Version(new_id(), segmentation(random.Random(image_id)))
    action = Action(new_id(), "add", current_time(), (Change(new_id(), None, drawn),))
    store.write(apply_actions, image_id, annotator, lease.token, [action])


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


def fill(store: Store, images: int, masks: int) -> list[Annotator]:
    """Rows as years of work leave them; annotators and labels are the store's own doing."""
    people = [store.write(add_annotator, f"annotator {n}", "admin")[0] for n in range(ANNOTATORS)]
    store.write(put_labels, [Label(None, f"label {n}", f"#0000{n:02x}") for n in range(LABELS)])
    for start in range(0, images, IMAGES_AT_ONCE):
        count = min(IMAGES_AT_ONCE, images - start)
        put(store.engine, itertools.chain.from_iterable(
            image_rows(start + n, masks, images) for n in range(count)
        ))  # fmt: skip
        if sys.stderr.isatty():
            print(f"\r{start:,} images", end="", file=sys.stderr)
    with Session(store.engine.execution_options(**WRITING)) as session, session.begin():
        session.execute(insert(TallyRow), list(tally_rows(images * masks)))
    return people


def put(engine: Engine, rows: Iterator[tuple[Any, Row]]) -> None:
    """Insert rows, table by table in the order in which the tables come first."""
    by_table: dict[Any, list[Row]] = {}
    for table, one in rows:
        by_table.setdefault(table, []).append(one)
    with engine.execution_options(**WRITING).begin() as connection:
        for table, some in by_table.items():
            names = {column.key: column for column in table.__mapper__.column_attrs}
            keyed = [{names[key].columns[0].name: v for key, v in one.items()} for one in some]
            connection.execute(insert(table.__table__), keyed)


def image_rows(n: int, masks: int, images: int) -> Iterator[tuple[Any, Row]]:
    """An image, its masks, their versions, and the action that made each."""
    numbers = random.Random(n)
    state = STATES[numbers.randrange(len(STATES))]
    image_id, now, worker = n + 1, current_time(), 1 + n % ANNOTATORS
    name = f"folder_{n % 100:02}/img_{numbers.randrange(10**6):06}_{n}.jpg"
    key = {"day": (now - timedelta(days=n % DAYS)).date(), "model_id": MODEL}
    yield ImageRow, {
        "id": image_id, "name": name, "place": place(name), "folded": folded(name),
        "width": HW[1], "height": HW[0], "state": state, "masks": masks, "revision": masks,
        "is_missing": False, "annotator_id": worker, "updated_at": now,
    }  # fmt: skip
    yield TalliedImageRow, {**key, "annotator_id": worker, "image_id": image_id}
    last = LABELS if n % 1000 == 0 else LABELS - 1  # the last one is rare
    label_ids = [numbers.randint(1, last) for _ in range(masks)]
    for label_id in sorted(set(label_ids)):
        count = label_ids.count(label_id)
        yield LabelledRow, {"label_id": label_id, "image_id": image_id, "masks": count}
    for number, label_id in enumerate(label_ids, 1):
        mask_id, version_id, counts = new_id(), new_id(), segmentation(numbers)["counts"]
        yield MaskRow, {"image_id": image_id, "id": mask_id, "version_id": version_id}
        yield VersionRow, {
            "image_id": image_id, "id": version_id, "mask_id": mask_id, "label_id": label_id,
            "group": None, "order": number, "source": "clicks", "predicted_iou": 0.9, "x": 1,
            "y": 2, "width": 300, "height": 200, "area": 30_000, "counts": counts,
        }  # fmt: skip
        yield ActionRow, {
            **key, "image_id": image_id, "number": number, "id": new_id(), "kind": "add",
            "annotator_id": worker, "at": now, "received_at": now, "seconds": 14.0,
            "clicks_add": 2, "clicks_remove": 1, "boxes": 0, "strokes": 1, "chosen": 0,
            "events": [{"t_s": 0.5, "kind": "click", "x": 10, "y": 20}] * 3,
        }  # fmt: skip
        yield ChangeRow, {
            "image_id": image_id, "number": number, "mask_id": mask_id, "before": None,
            "after": version_id,
        }  # fmt: skip


def tally_rows(masks: int) -> Iterator[Row]:
    """What ten people do in a year."""
    now = current_time()
    each = masks // (DAYS * ANNOTATORS)
    for day, worker in itertools.product(range(DAYS), range(1, ANNOTATORS + 1)):
        yield {
            "day": (now - timedelta(days=day)).date(), "annotator_id": worker, "model_id": MODEL,
            "images": each // 50, "masks": each, "removed": 0, "actions": each,
            "seconds": 14.0 * each, "clicks_add": each, "clicks_remove": 0, "boxes": 0,
            "strokes": 0, "whole": each, "part": 0, "subpart": 0,
        }  # fmt: skip


def segmentation(numbers: random.Random) -> rle.RLE:
    """One of some masks with a ragged edge, which are as long as those of photographs."""
    return numbers.choice(shapes())


@cache
def shapes() -> list[rle.RLE]:
    """A hundred masks."""
    return [ragged(random.Random(seed)) for seed in range(100)]


def ragged(numbers: random.Random) -> rle.RLE:
    """A column of pixels after the other, each a bit longer or shorter than the one before."""
    height, width = HW
    top, tall, runs = numbers.randint(100, 600), numbers.randint(20, 200), []
    columns, before = numbers.randint(20, 200), 0
    for column in range(columns):
        top, tall = top + numbers.randint(-2, 2), max(1, tall + numbers.randint(-3, 3))
        start = (500 + column) * height + top
        runs += [start - before, tall]
        before = start + tall
    return rle.from_counts([*runs, height * width - before], HW)


def new_id() -> str:
    """A random UUID; uuid4 takes its bits from the system, which is slow for millions."""
    return str(UUID(int=random.getrandbits(128), version=4))


if __name__ == "__main__":
    main()
