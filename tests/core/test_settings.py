"""Overrides of frozen dataclasses by ``field=value``."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from anymask.core.settings import changeable, override
from anymask.errors import Error, PromptError


@dataclass(frozen=True)
class Fields:
    """Of every kind that can be set, and some that can't."""

    name: str = "fields"
    side: int = 3
    share: float = 0.5
    fast: bool = False
    word: str = ""
    limit: int | None = None
    clicks: tuple[int, ...] = (1,)
    pair: tuple[float, float] = (0.0, 1.0)
    table: dict[str, int] = field(default_factory=dict)


@pytest.mark.parametrize(
    ("setting", "name", "value"),
    [
        ("side=1_000", "side", 1000),
        ("share=2", "share", 2.0),
        ("fast=True", "fast", True),
        ("word= a=b ", "word", "a=b"),
        ("limit=7", "limit", 7),
        ("limit=none", "limit", None),
        ("clicks=1,3,9", "clicks", (1, 3, 9)),
        ("clicks=", "clicks", ()),
        ("pair=0.1,2", "pair", (0.1, 2.0)),
    ],
)
def test_a_field_is_set_by_its_type(setting: str, name: str, value: object) -> None:
    changed = override(Fields(limit=3), [setting], "it")
    assert getattr(changed, name) == value
    assert type(getattr(changed, name)) is type(value)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("side", "not of the form field=value"),
        ("sides=1", "did you mean side"),
        ("xyz=1", "there are side, share"),
        ("name=x", "no field 'name'"),
        ("table=1", "no field 'table'"),
        ("side=a", "side is a whole number, not 'a'"),
        ("fast=yes", "true or false"),
        ("limit=x", "limit is a whole number"),
        ("pair=1", "takes 2 numbers"),
    ],
)
def test_what_is_wrong_is_named(setting: str, said: str) -> None:
    with pytest.raises(PromptError, match=said):
        override(Fields(), [setting], "it", PromptError)


def test_only_plain_fields_can_be_set() -> None:
    assert set(changeable(Fields())) == {
        "side", "share", "fast", "word", "limit", "clicks", "pair",
    }  # fmt: skip
    assert issubclass(PromptError, Error)
