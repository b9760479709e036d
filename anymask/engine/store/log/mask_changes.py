"""Mask changes: what the actions of one transaction make of an image's masks.

Each change says which version it builds on. Where the mask is another by now, it is stale, and
nothing is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.orm import Session

from anymask.engine.store.log.segmentations import measured
from anymask.engine.store.masks import version_value
from anymask.engine.store.tables import (
    ImageRow,
    LabelledRow,
    LabelRow,
    MaskRow,
    VersionRow,
    table_of,
)
from anymask.engine.store.values import Action, Change, ChangedIds, Kind, Version
from anymask.errors import StoreError

MASKS, VERSIONS = table_of(MaskRow), table_of(VersionRow)
BACK_AND_FORTH: tuple[Kind, ...] = ("undo", "redo")
OF_SUGGESTED: tuple[Kind, ...] = ("accept", "reject", "withdraw")


@dataclass(frozen=True, slots=True)
class Changed:
    """A change that was made. makes, removes: a mask; a suggested one is none."""

    ids: ChangedIds
    makes: bool
    removes: bool


class MaskChanges:
    """The masks of an image as changes are made to them, one after the other.

    stale: masks that are not what a change builds on.
    """

    def __init__(self, session: Session, image: ImageRow, actions: Sequence[Action]) -> None:
        changes = [change for action in actions for change in action.changes]
        self._session, self._image = session, image
        self._stored = self._masks({change.mask_id for change in changes})
        self._current: dict[str, str | None] = dict(self._stored)
        self._versions = self._known_versions(changes)
        self._new: list[tuple[str, Version]] = []
        self._labelled: Counter[int] = Counter()
        self._labels = self._known_labels(changes)
        self.stale: set[str] = set()

    def make(self, kind: Kind, change: Change) -> Changed:
        """Make a change, or note that it is stale. Raises ``StoreError`` for nonsense."""
        now = self._current.get(change.mask_id)
        after = self._after(change)
        was, becomes = self._version(now), self._version(after)
        if now != change.before:
            self.stale.add(change.mask_id)
        else:
            _check_suggested(kind, was, becomes)
        self._count(was, -1)
        self._count(becomes, 1)
        self._current[change.mask_id] = after
        return Changed(
            ChangedIds(change.mask_id, change.before, after),
            makes=_is_mask(becomes) and not _is_mask(was),
            removes=_is_mask(was) and not _is_mask(becomes),
        )

    def write(self) -> None:
        """Put all of it into the tables."""
        image_id, session = self._image.id, self._session
        masks = [
            {"image_id": image_id, "id": mask_id, "version_id": version_id}
            for mask_id, version_id in self._current.items()
        ]
        for statement, rows in (
            (insert(MASKS), [row for row in masks if row["id"] not in self._stored]),
            (update(MaskRow), [row for row in masks if row["id"] in self._stored]),
            (insert(VERSIONS), [self._row(*new) for new in self._new]),
        ):
            if rows:
                session.execute(statement, rows)
        for label_id, more in self._labelled.items():
            self._count_labelled(label_id, more)

    def _version(self, version_id: str | None) -> Version | None:
        return None if version_id is None else self._versions[version_id][1]

    def _count(self, version: Version | None, sign: int) -> None:
        """Count a mask of the image, or a suggested one."""
        if version is None:
            return
        if version.is_suggested:
            self._image.suggestions += sign
            return
        self._image.masks += sign
        if version.label_id is not None:
            self._labelled[version.label_id] += sign

    def _after(self, change: Change) -> str | None:
        """The id of the version that a mask gets, which is known from now on."""
        if change.after is None:
            return None
        version_id = change.after if isinstance(change.after, str) else change.after.id
        mask_id, known = self._versions.get(version_id, (None, None))
        if known is not None and mask_id != change.mask_id:
            raise StoreError("invalid", f"the version {version_id} is of another mask")
        if isinstance(change.after, str):
            if known is None:
                raise StoreError("invalid", f"there is no version {version_id} of the mask yet")
            return version_id
        version = self._measured(change.after)
        if known is None:
            self._versions[version_id] = change.mask_id, version
            self._new.append((change.mask_id, version))
        elif known != version:
            raise StoreError("invalid", f"the version {version_id} is there, and says otherwise")
        return version_id

    def _measured(self, version: Version) -> Version:
        width, height = self._image.width, self._image.height
        if width is None or height is None:
            raise StoreError(
                "invalid", f"nobody has looked into {self._image.name} yet: its size is not known"
            )
        if version.label_id is not None and version.label_id not in self._labels:
            raise StoreError("invalid", f"there is no label {version.label_id}")
        return measured(version, (height, width))

    def _masks(self, mask_ids: set[str]) -> dict[str, str | None]:
        """Those of the masks that were ever there, and the version that each is now."""
        query = select(MaskRow.id, MaskRow.version_id).where(
            MaskRow.image_id == self._image.id, MaskRow.id.in_(mask_ids)
        )
        return dict(self._session.execute(query).all())

    def _known_labels(self, changes: Sequence[Change]) -> set[int]:
        """The ids of labels, where any is asked for."""
        versions = [change.after for change in changes if isinstance(change.after, Version)]
        if all(version.label_id is None for version in versions):
            return set()
        return set(self._session.scalars(select(LabelRow.id)))

    def _known_versions(self, changes: Sequence[Change]) -> dict[str, tuple[str, Version]]:
        """Mask and value of each version in the store that the changes are about."""
        ids = {version_id for version_id in self._current.values() if version_id is not None}
        for change in changes:
            after = change.after.id if isinstance(change.after, Version) else change.after
            ids.update(filter(None, (change.before, after)))
        query = select(VersionRow).where(
            VersionRow.image_id == self._image.id, VersionRow.id.in_(ids)
        )
        size = self._image.height or 0, self._image.width or 0
        rows = self._session.scalars(query)
        return {row.id: (row.mask_id, version_value(row, size)) for row in rows}

    def _row(self, mask_id: str, version: Version) -> dict[str, Any]:
        x, y, width, height = version.bbox
        return {
            "image_id": self._image.id,
            "id": version.id,
            "mask_id": mask_id,
            "label_id": version.label_id,
            "group_name": version.group,
            "z": version.order,
            "source": version.source,
            "predicted_iou": version.predicted_iou,
            "stability_score": version.stability_score,
            "is_suggested": version.is_suggested,
            "x": x,
            "y": y,
            "width": width,
            "height": height,
            "area": version.area,
            "counts": version.segmentation["counts"],
        }

    def _count_labelled(self, label_id: int, more: int) -> None:
        """Note that the image has so many masks more of a label."""
        row = self._session.get(LabelledRow, (label_id, self._image.id))
        if row is None:
            if more:
                labelled = LabelledRow(label_id=label_id, image_id=self._image.id, masks=more)
                self._session.add(labelled)
        elif row.masks + more:
            row.masks += more
        else:
            self._session.delete(row)


def _is_mask(version: Version | None) -> bool:
    return version is not None and not version.is_suggested


def _check_suggested(kind: Kind, was: Version | None, becomes: Version | None) -> None:
    """Raise ``StoreError`` unless what is suggested comes and goes by the kinds that say so."""
    if kind in BACK_AND_FORTH:
        return
    if kind in OF_SUGGESTED and not (was is not None and was.is_suggested):
        raise StoreError("invalid", f"{kind} is said of what is suggested, and this is a mask")
    if becomes is not None and becomes.is_suggested != (kind == "suggest"):
        raise StoreError("invalid", f"{kind} can't leave a mask suggested or not as it does")
