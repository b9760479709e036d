"""Settings: how a person overrides fields of a frozen dataclass on the command line.

``--set field=value`` is the only way, for recipes of training and for experiments.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence
from types import NoneType, UnionType
from typing import Any, ClassVar, Protocol, TypeVar, get_args, get_origin, get_type_hints

from anymask.errors import Error


class HasFields(Protocol):
    """An instance of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Any]]


Fields = TypeVar("Fields", bound=HasFields)
NUMBERS = (int, float)


def override(
    value: Fields, settings: Sequence[str], what: str, error: type[Error] = Error
) -> Fields:
    """Apply ``field=value`` settings in order to a frozen dataclass.

    Numbers, words, ``true`` and ``false``, ``none`` where a field may be None; several numbers with
    commas between. what: for messages.

    Raises ``error`` for an unknown field, with the nearest known one, and for a value of the wrong
    type.
    """
    hints = changeable(value)
    changes: dict[str, Any] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        if not equals:
            raise error(f"{setting!r} is not of the form field=value")
        if name not in hints:
            near = difflib.get_close_matches(name, hints, n=1, cutoff=0.5)
            there = f"there are {', '.join(hints)}" if hints else "it has none"
            raise error(
                f"{what} has no field {name!r}; {f'did you mean {near[0]}?' if near else there}"
            )
        try:
            changes[name] = _parsed(name, text.strip(), hints[name])
        except ValueError as problem:
            raise error(str(problem)) from None
    return dataclasses.replace(value, **changes)


def changeable(value: HasFields) -> dict[str, Any]:
    """The fields that may be set, and their types: those of plain values, but for the name."""
    hints = get_type_hints(type(value))
    return {
        field.name: hints[field.name]
        for field in dataclasses.fields(value)
        if field.name != "name" and field.init and _is_plain(hints[field.name])
    }


def _is_plain(kind: Any) -> bool:
    if get_origin(kind) is UnionType or get_origin(kind) is tuple:
        return all(part in (NoneType, Ellipsis) or _is_plain(part) for part in get_args(kind))
    return kind in (int, float, bool, str)


def _parsed(name: str, text: str, kind: Any) -> Any:
    if get_origin(kind) is UnionType:
        (kind,) = (part for part in get_args(kind) if part is not NoneType)
        return None if text.lower() == "none" else _parsed(name, text, kind)
    if get_origin(kind) is tuple:
        return _several(name, text, get_args(kind))
    if kind is bool:
        if text.lower() not in ("true", "false"):
            raise ValueError(f"{name} is true or false, not {text!r}")
        return text.lower() == "true"
    try:
        return kind(text.replace("_", "")) if kind in NUMBERS else text
    except ValueError:
        wanted = "a whole number" if kind is int else "a number"
        raise ValueError(f"{name} is {wanted}, not {text!r}") from None


def _several(name: str, text: str, kinds: tuple[Any, ...]) -> tuple[Any, ...]:
    values = tuple(_parsed(name, number, kinds[0]) for number in text.split(",")) if text else ()
    if kinds[-1] is not Ellipsis and len(values) != len(kinds):
        raise ValueError(f"{name} takes {len(kinds)} numbers with commas between, not {text!r}")
    return values
