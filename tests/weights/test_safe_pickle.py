"""Plain values that trainers leave beside weights are passed over, and nothing of them is run."""

from __future__ import annotations

import argparse
import datetime
import os
import uuid
from collections import ChainMap, UserDict, defaultdict, deque
from decimal import Decimal
from fractions import Fraction
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from anymask.errors import UnsafeFileError
from anymask.weights.checkpoint import Checkpoint
from anymask.weights.load import load_checkpoint

NOW = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=2)))
PLAIN_VALUES = (
    argparse.Namespace(lr=0.1, data=Path("/data"), start=NOW), SimpleNamespace(lr=0.1),
    PureWindowsPath("C:/data"), NOW, NOW.date(), NOW.time(), uuid.uuid4(), Decimal("0.1"),
    Fraction(1, 3), frozenset([1]), slice(1, 2), range(3), int, UserDict(lr=0.1),
    ChainMap({"a": 1}), deque([1, 2], 3), defaultdict(list, {"loss": [0.1]}),
)  # fmt: skip


def assert_holds(path: Path, state: dict[str, Any]) -> None:
    read = load_checkpoint(path).state
    assert set(read) == set(state)
    assert all(torch.equal(read[name], state[name]) for name in state)


@pytest.mark.parametrize("value", PLAIN_VALUES, ids=lambda value: str(type(value).__name__))
@pytest.mark.parametrize("zipped", [True, False])
def test_plain_values_of_python_beside_weights_do_no_harm(
    tmp_path: Path, tiny_checkpoint: Checkpoint, value: Any, zipped: bool
) -> None:
    state = dict(tiny_checkpoint.state)
    content = {"args": value, "model": state, "history": [{"of": value}]}
    torch.save(content, tmp_path / "x.pth", _use_new_zipfile_serialization=zipped)
    assert_holds(tmp_path / "x.pth", state)


def test_weights_in_another_kind_of_dictionary_are_found(
    tmp_path: Path, tiny_checkpoint: Checkpoint
) -> None:
    state: dict[str, Any] = dict(tiny_checkpoint.state)
    torch.save({"model": defaultdict(list, state)}, tmp_path / "x.pth")
    assert_holds(tmp_path / "x.pth", state)


class Runs:
    """A value that runs code when it is made."""

    def __reduce__(self) -> Any:
        return os.mkdir, ("was-run",)


def test_nothing_beside_a_namespace_is_run(
    tmp_path: Path, tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content = {"model": dict(tiny_checkpoint.state), "args": argparse.Namespace(hook=Runs())}
    torch.save(content, "x.pth")
    with pytest.raises(UnsafeFileError, match=r"mkdir"):
        load_checkpoint("x.pth")
    assert not Path("was-run").exists()
