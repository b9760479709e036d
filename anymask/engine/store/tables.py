"""Tables: the schema as it is now. How it came to be is in ``migrations/``.

What belongs to an image has the image's number first in its key: it lies together on the disk, and
what one image costs does not grow with the others.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

from sqlalchemy import (
    JSON,
    BigInteger,
    Date,
    Double,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Text,
    UniqueConstraint,
    Uuid,
    false,
)
from sqlalchemy import Table as CoreTable
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)


class Instant(TypeDecorator[datetime]):
    """A time as milliseconds since 1970, which both databases compare alike."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        """To the database."""
        return None if value is None else (value - EPOCH) // MILLISECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """From the database; in UTC."""
        return None if value is None else EPOCH + value * MILLISECOND


# PostgreSQL would sort by its country's habits, SQLite sorts by bytes.
NAME = Text().with_variant(Text(collation="C"), "postgresql")
ID = Uuid(as_uuid=False)
FIRST_STAGE = "assisted-manual"


class Table(DeclarativeBase):
    """What all tables share."""

    type_annotation_map = {  # noqa: RUF012
        datetime: Instant(),
        str: Text(),
        date: Date(),
        float: Double(),
    }


def table_of(rows: type[Table]) -> CoreTable:
    """The table itself, by the names of its own columns: inserts without the cost of objects."""
    return cast(CoreTable, rows.__table__)


class SettingRow(Table):
    """What is so of the whole project."""

    __tablename__ = "settings"

    name: Mapped[str] = mapped_column(primary_key=True)
    value: Mapped[Any] = mapped_column(JSON)


class AnnotatorRow(Table):
    """Who works. ``token_sha256``: hexadecimal, none for the one person on loopback."""

    __tablename__ = "annotators"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    role: Mapped[str]
    token_sha256: Mapped[str | None] = mapped_column(unique=True)
    is_active: Mapped[bool]
    created_at: Mapped[datetime]


class LabelRow(Table):
    """What a mask may be called. One ``is_removed`` stays for the versions that carry it."""

    __tablename__ = "labels"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    color: Mapped[str]
    hotkey: Mapped[str | None]
    place: Mapped[int]
    is_removed: Mapped[bool]


class ImageRow(Table):
    """A file of the folder, its state and its lease.

    place: what lists are sorted by (``naming.place``). folded: the name as it is searched.
    masks, suggestions, revision: how many current masks, suggested ones and actions there are.
    rank: which is annotated first, the lowest; then by place. is_held_out: never learned from.
    fault: why the file can't be read; the state is ``unreadable`` then. fingerprint: SHA-256 of the
    file that the masks were drawn on.
    """

    __tablename__ = "images"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(NAME, unique=True)
    place: Mapped[str] = mapped_column(NAME)
    folded: Mapped[str]
    width: Mapped[int | None]
    height: Mapped[int | None]
    state: Mapped[str]
    masks: Mapped[int]
    suggestions: Mapped[int] = mapped_column(server_default="0")
    revision: Mapped[int]
    is_missing: Mapped[bool]
    annotator_id: Mapped[int | None] = mapped_column(ForeignKey("annotators.id"))
    updated_at: Mapped[datetime]
    lease_annotator_id: Mapped[int | None] = mapped_column(ForeignKey("annotators.id"))
    lease_token_sha256: Mapped[str | None]
    lease_expires_at: Mapped[datetime | None]
    rank: Mapped[int] = mapped_column(server_default="0")
    is_held_out: Mapped[bool] = mapped_column(server_default=false())
    fault: Mapped[str | None]
    fingerprint: Mapped[str | None]

    __table_args__ = (
        # The last column of these is there to be found without the row.
        Index("images_by_place", "is_missing", "place", "id", "folded"),
        Index("images_counted", "is_missing", "state", "masks"),
        Index("images_by_rank", "is_missing", "state", "rank", "place", "id", "suggestions"),
        Index("images_by_state", "is_missing", "state", "place", "id"),
        Index("images_by_annotator", "is_missing", "annotator_id", "place", "id"),
        Index("images_with_suggestions", "is_missing", "suggestions", "place", "id"),
        Index("images_held_out", "is_held_out", "is_missing", "id"),
    )


class MaskRow(Table):
    """A mask and which of its versions it is now; none if it is deleted."""

    __tablename__ = "masks"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    version_id: Mapped[str | None] = mapped_column(ID)

    __table_args__ = ({"sqlite_with_rowid": False},)


class VersionRow(Table):
    """A state of a mask; never changed. ``counts``: COCO's compressed run lengths.

    is_suggested: it waits for an annotator's word, and is no mask of the dataset until then.
    """

    __tablename__ = "versions"

    image_id: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    mask_id: Mapped[str] = mapped_column(ID)
    label_id: Mapped[int | None] = mapped_column(ForeignKey("labels.id"))
    group: Mapped[str | None] = mapped_column("group_name")
    order: Mapped[int] = mapped_column("z")
    source: Mapped[str]
    predicted_iou: Mapped[float | None]
    stability_score: Mapped[float | None]
    is_suggested: Mapped[bool] = mapped_column(server_default=false())
    x: Mapped[int]
    y: Mapped[int]
    width: Mapped[int]
    height: Mapped[int]
    area: Mapped[int] = mapped_column(BigInteger)
    counts: Mapped[str]

    __table_args__ = (
        ForeignKeyConstraint(["image_id", "mask_id"], ["masks.image_id", "masks.id"]),
    )


class ActionRow(Table):
    """A step of an annotator, and what it took; never changed.

    at: by the annotator's clock. received_at: by the store's. day: the date where the annotator
    was, by which the step is tallied. model_id: empty where no model helped. made, removed: how
    many masks, suggested ones not counted. automatic: of those made, how many no person drew.
    """

    __tablename__ = "actions"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    id: Mapped[str] = mapped_column(ID)
    kind: Mapped[str]
    target: Mapped[str | None] = mapped_column(ID)
    state: Mapped[str | None]
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotators.id"))
    at: Mapped[datetime]
    received_at: Mapped[datetime]
    day: Mapped[date]
    model_id: Mapped[str]
    seconds: Mapped[float]
    clicks_add: Mapped[int]
    clicks_remove: Mapped[int]
    boxes: Mapped[int]
    strokes: Mapped[int]
    chosen: Mapped[int | None]
    made: Mapped[int] = mapped_column(server_default="0")
    removed: Mapped[int] = mapped_column(server_default="0")
    stage: Mapped[str] = mapped_column(server_default=FIRST_STAGE)
    automatic: Mapped[int] = mapped_column(server_default="0")
    events: Mapped[Any] = mapped_column(JSON)

    __table_args__ = (UniqueConstraint("image_id", "id"),)


class ChangeRow(Table):
    """What an action did to a mask: which version was before, and which after."""

    __tablename__ = "changes"

    image_id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    mask_id: Mapped[str] = mapped_column(ID, primary_key=True)
    before: Mapped[str | None] = mapped_column("version_before", ID)
    after: Mapped[str | None] = mapped_column("version_after", ID)

    __table_args__ = (
        ForeignKeyConstraint(["image_id", "number"], ["actions.image_id", "actions.number"]),
        {"sqlite_with_rowid": False},
    )


class LabelledRow(Table):
    """How many current masks of an image carry a label; no row for none."""

    __tablename__ = "labelled"

    label_id: Mapped[int] = mapped_column(ForeignKey("labels.id"), primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    masks: Mapped[int]

    __table_args__ = ({"sqlite_with_rowid": False},)


class SearchRow(Table):
    """That the engine looked through an image. source: what looked, as versions have it."""

    __tablename__ = "searches"

    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)
    source: Mapped[str] = mapped_column(primary_key=True)
    model_id: Mapped[str]

    __table_args__ = (
        Index("searches_by_model", "source", "model_id"),
        {"sqlite_with_rowid": False},
    )


class NoteRow(Table):
    """A reviewer's words at a place of an image."""

    __tablename__ = "notes"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), index=True)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotators.id"))
    text: Mapped[str]
    x: Mapped[float]
    y: Mapped[float]
    is_resolved: Mapped[bool]
    created_at: Mapped[datetime]


class TallyRow(Table):
    """What was done in a stage on a day by an annotator with a model, added up as it is done."""

    __tablename__ = "tallies"

    stage: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotators.id"), primary_key=True)
    model_id: Mapped[str] = mapped_column(primary_key=True)
    images: Mapped[int]
    masks: Mapped[int]
    removed: Mapped[int]
    actions: Mapped[int]
    seconds: Mapped[float]
    clicks_add: Mapped[int]
    clicks_remove: Mapped[int]
    boxes: Mapped[int]
    strokes: Mapped[int]
    whole: Mapped[int]
    part: Mapped[int]
    subpart: Mapped[int]
    automatic: Mapped[int]
    rejected: Mapped[int]


class TalliedImageRow(Table):
    """That an image is among those of a tally, so that it is counted once."""

    __tablename__ = "tallied_images"

    stage: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True)
    annotator_id: Mapped[int] = mapped_column(ForeignKey("annotators.id"), primary_key=True)
    model_id: Mapped[str] = mapped_column(primary_key=True)
    image_id: Mapped[int] = mapped_column(ForeignKey("images.id"), primary_key=True)

    __table_args__ = ({"sqlite_with_rowid": False},)
