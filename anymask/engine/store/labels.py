"""Labels: what masks may be called. A project needs none."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import exists, func, or_, select
from sqlalchemy.orm import Session

from anymask.engine.store.checks import checked_text
from anymask.engine.store.tables import LabelledRow, LabelRow
from anymask.engine.store.values import Label
from anymask.errors import StoreError

COLOR = re.compile(r"#[0-9a-f]{6}")
LONGEST_NAME, LONGEST_HOTKEY = 200, 40
MOST_LABELS = 10_000
# After Okabe & Ito (2008), as the page's own (web/src/annotate/view/palette.ts).
PALETTE = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#f0e442", "#d55e00", "#56b4e9")
DIGITS = "123456789"


def list_labels(session: Session) -> tuple[Label, ...]:
    """All labels in their order. One that was removed is back with the mask that carries it."""
    carried = exists().where(LabelledRow.label_id == LabelRow.id)
    query = (
        select(LabelRow)
        .where(or_(LabelRow.is_removed.is_(False), carried))
        .order_by(LabelRow.place, LabelRow.id)
    )
    return tuple(_value(row) for row in session.scalars(query))


def put_labels(
    session: Session, labels: Sequence[Label], remove: Collection[int] = ()
) -> tuple[Label, ...]:
    """Change labels and add those without an id, in this order; all labels come back.

    Labels that are not named stay as they are, behind: two who add labels at once both keep theirs.
    remove: ids. Raises ``StoreError`` for a name or hotkey that two would have, and for removing a
    label that masks carry.
    """
    rows = {row.id: row for row in session.scalars(select(LabelRow).with_for_update())}
    _check_removable(session, [_row(rows, label_id) for label_id in remove])
    for label_id in remove:
        rows[label_id].is_removed = True
    named = []
    for place, label in enumerate(labels):
        _check(label)
        row = _row(rows, label.id) if label.id is not None else _revived(rows, label.name)
        if row is None:
            row = LabelRow(name=label.name)
            session.add(row)
        row.name, row.color, row.hotkey = label.name, label.color, label.hotkey
        row.place, row.is_removed = place, False
        named.append(row)
    others = [row for row in rows.values() if row not in named]
    for place, row in enumerate(sorted(others, key=lambda row: row.place), len(named)):
        row.place = place
    _check_unlike([row for row in (*named, *others) if not row.is_removed])
    session.flush()
    return list_labels(session)


def add_labels(session: Session, names: Sequence[str]) -> tuple[Label, ...]:
    """Add labels that are not there yet, each with a colour and a digit while there are any left.

    Raises ``StoreError``.
    """
    labels = list(list_labels(session))
    known = {label.name for label in labels}
    for name in names:
        if name not in known:
            known.add(name)
            digit = next((key for key in DIGITS if key not in {one.hotkey for one in labels}), None)
            labels.append(Label(None, name, PALETTE[len(labels) % len(PALETTE)], digit))
    return put_labels(session, labels)


def count_labels(session: Session) -> Mapping[int, int]:
    """How many masks carry each label that any carries."""
    query = select(LabelledRow.label_id, func.sum(LabelledRow.masks)).group_by(LabelledRow.label_id)
    return dict(session.execute(query).all())


def _check(label: Label) -> None:
    checked_text(label.name, "the name of a label", LONGEST_NAME)
    if not COLOR.fullmatch(label.color):
        raise StoreError("invalid", f"the color of {label.name} is {label.color!r}, not #rrggbb")
    if label.hotkey is not None:
        checked_text(label.hotkey, f"the hotkey of {label.name}", LONGEST_HOTKEY)


def _check_unlike(rows: Sequence[LabelRow]) -> None:
    if len(rows) > MOST_LABELS:
        raise StoreError("invalid", f"{len(rows)} labels are more than {MOST_LABELS}")
    for what, values in (
        ("name", [row.name for row in rows]),
        ("hotkey", [row.hotkey for row in rows if row.hotkey is not None]),
    ):
        twice = sorted({value for value in values if values.count(value) > 1})
        if twice:
            raise StoreError("invalid", f"two labels have the {what} {twice[0]}")


def _check_removable(session: Session, rows: Sequence[LabelRow]) -> None:
    masks = count_labels(session)
    for row in rows:
        if count := masks.get(row.id, 0):
            carried = "1 mask is" if count == 1 else f"{count} masks are"
            raise StoreError(
                "invalid", f"{carried} labelled {row.name}: another label first, then this can go"
            )


def _row(rows: Mapping[int, LabelRow], label_id: int) -> LabelRow:
    if label_id not in rows:
        raise StoreError("not_found", f"there is no label {label_id}")
    return rows[label_id]


def _revived(rows: Mapping[int, LabelRow], name: str) -> LabelRow | None:
    """A removed label of this name, which old versions still carry."""
    return next((row for row in rows.values() if row.is_removed and row.name == name), None)


def _value(row: LabelRow) -> Label:
    return Label(row.id, row.name, row.color, row.hotkey)
