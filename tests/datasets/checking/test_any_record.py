"""Whatever stands in a record, its check ends, and what is altered is told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anymask.datasets.checking.faults import Findings
from anymask.datasets.checking.records import CheckOptions, RecordChecks
from anymask.datasets.photographs import Unread
from anymask.datasets.sa1b_record import samples_of
from anymask.datasets.sample import Sample
from tests.datasets.checking.folders import record

VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(max_size=4)
    | st.just(10**400),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(["size", "counts", "image", "area", "x"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each value of a document."""
    yield path
    if isinstance(value, (dict, list)):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(child, (*path, key))


PLACES = [path for path in places(record(1)) if path]


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(PLACES), VALUES)
def test_any_value_at_any_place_is_checked(path: tuple[Any, ...], value: Any) -> None:
    document = record(1)
    inner: Any = document
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = value
    content = json.dumps(document).encode()
    findings = Findings()
    RecordChecks(findings, CheckOptions()).record("sa_1.json", content, None)
    json.dumps(findings.to_json())
    # What the reader does not take whole is no record without fault.
    read = list(samples_of(("sa_1.jpg", b""), [("sa_1.json", content)]))
    if any(isinstance(one, Unread) for one in read):
        assert findings.faults or findings.without_masks
    assert all(isinstance(one, (Sample, Unread)) for one in read)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"\x00", b"[]", b"null", b'"a"', b"1e999"])
def test_any_bytes_are_checked(content: bytes) -> None:
    findings = Findings()
    RecordChecks(findings, CheckOptions()).record("sa_1.json", content, None)
    assert findings.faults == 1
