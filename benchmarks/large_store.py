"""A large store, made up: rows as years of work leave them, without the work."""

from __future__ import annotations

import itertools
import random
import sys
from collections.abc import Iterator
from datetime import timedelta
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    Column,
    ColumnElement,
    Engine,
    Text,
    Uuid,
    cast,
    func,
    insert,
    literal,
    select,
)
from sqlalchemy.orm import Session

from anymask.core import rle
from anymask.engine.store.annotators import add_annotator
from anymask.engine.store.clock import current_time
from anymask.engine.store.connection.database import WRITING
from anymask.engine.store.labels import put_labels
from anymask.engine.store.naming import folded, place
from anymask.engine.store.store import Store
from anymask.engine.store.tables import (
    ID,
    ActionRow,
    ChangeRow,
    ImageRow,
    LabelledRow,
    MaskRow,
    TalliedImageRow,
    TallyRow,
    VersionRow,
    table_of,
)
from anymask.engine.store.values import STAGES, Annotator, Label, Stage

HW = (1000, 1500)
LABELS, ANNOTATORS, DAYS, MODEL = 8, 10, 250, "mobile-sam"
IMAGES_AT_ONCE = 200
STATES = ("new", "started", "done", "done", "accepted", "accepted", "returned", "skipped")
COPIES = 20
COPIED = (ImageRow, MaskRow, VersionRow, ActionRow, ChangeRow, LabelledRow, TalliedImageRow)
Row = dict[str, Any]


def fill(store: Store, images: int, masks: int) -> list[Annotator]:
    """Rows as years of work leave them; annotators and labels are the store's own doing."""
    people = [store.write(add_annotator, f"annotator {n}", "admin")[0] for n in range(ANNOTATORS)]
    store.write(put_labels, [Label(None, f"label {n}", f"#0000{n:02x}") for n in range(LABELS)])
    made = images if images % COPIES else images // COPIES
    for start in range(0, made, IMAGES_AT_ONCE):
        count = min(IMAGES_AT_ONCE, made - start)
        put(store.engine, itertools.chain.from_iterable(
            image_rows(start + n, masks) for n in range(count)
        ))  # fmt: skip
        tell(start)
    for copy in range(1, images // made):
        copied(store.engine, copy, made)
        tell(copy * made)
    with Session(store.engine.execution_options(**WRITING)) as session, session.begin():
        session.execute(insert(TallyRow), list(tally_rows(images * masks)))
    return people


def tell(images: int) -> None:
    """How far it is."""
    if sys.stderr.isatty():
        print(f"\r{images:,} images", end="", file=sys.stderr)


def copied(engine: Engine, copy: int, images: int) -> None:
    """The first images again, under other numbers, names and ids: quicker than making more."""

    def changed(column: Column[Any]) -> ColumnElement[Any]:
        table_has_images = column.table.name == "images"
        if column.name == "image_id" or (table_has_images and column.name == "id"):
            return column + copy * images
        if isinstance(column.type, Uuid):  # the same in every table that names it
            first = 2  # digits
            return cast(literal(f"{copy:02x}") + func.substr(cast(column, Text), first + 1), ID)
        if table_has_images and column.name in ("name", "place", "folded"):
            return literal(f"copy_{copy:02}/") + column
        return column

    with engine.execution_options(**WRITING).begin() as connection:
        for rows in COPIED:
            table = table_of(rows)
            own = table.c.id if rows is ImageRow else table.c.image_id
            first = select(*map(changed, table.c)).where(own <= images)
            connection.execute(insert(table).from_select(list(table.c), first))


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


def image_rows(n: int, masks: int) -> Iterator[tuple[Any, Row]]:
    """An image, its masks, their versions, and the action that made each."""
    numbers = random.Random(n)
    state = STATES[numbers.randrange(len(STATES))]
    image_id, now, worker = n + 1, current_time(), 1 + n % ANNOTATORS
    name = f"folder_{n % 100:02}/img_{numbers.randrange(10**6):06}_{n}.jpg"
    ago = n % DAYS
    key = {"day": (now - timedelta(days=ago)).date(), "model_id": MODEL, "stage": stage_of(ago)}
    yield ImageRow, {
        "id": image_id, "name": name, "place": place(name), "folded": folded(name),
        "width": HW[1], "height": HW[0], "state": state, "masks": masks, "revision": masks,
        "suggestions": 3 if n % 500 == 0 else 0, "rank": numbers.randint(0, 10**6),
        "is_missing": False, "is_held_out": n % 10 == 0, "annotator_id": worker, "updated_at": now,
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


def stage_of(days_ago: int) -> Stage:
    """The stage of that day."""
    return STAGES[::-1][len(STAGES) * days_ago // DAYS]


def tally_rows(masks: int) -> Iterator[Row]:
    """What ten people do in a year."""
    now = current_time()
    each = masks // (DAYS * ANNOTATORS)
    for day, worker in itertools.product(range(DAYS), range(1, ANNOTATORS + 1)):
        yield {
            "day": (now - timedelta(days=day)).date(), "annotator_id": worker, "model_id": MODEL,
            "stage": stage_of(day), "automatic": each // 2, "rejected": each // 9,
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
