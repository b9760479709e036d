"""SBD: instances and classes in MATLAB files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.io import savemat

from anymask.datasets.benchmarks import sbd
from anymask.datasets.listing import list_files
from anymask.datasets.photographs import Unread
from anymask.errors import MissingExtraError
from tests.datasets.pictures import boxes, number_of, read_whole, save


def instance_file(path: Path, **fields: Any) -> None:
    """A MATLAB file with a struct GTinst."""
    path.parent.mkdir(parents=True, exist_ok=True)
    savemat(path, {"GTinst": fields})


def test_instances_and_the_numbers_of_their_classes(tmp_path: Path) -> None:
    for name in "abcde":
        save(tmp_path / "dataset" / "img" / f"{name}.jpg")
    inst = tmp_path / "dataset" / "inst"
    instance_file(inst / "a.mat", Segmentation=boxes(1, 2, 255), Categories=np.array([[15], [7]]))
    instance_file(inst / "b.mat", Segmentation=boxes(1, 2), Categories=np.array([[15]]))
    instance_file(inst / "c.mat", Boundaries=boxes(1))
    instance_file(inst / "e.mat", Segmentation=boxes(255), Categories=np.array([[1]]))
    (inst / "d.mat").write_bytes(b"no MATLAB file")
    dataset = sbd.read(list_files(str(tmp_path)))
    assert dataset
    assert dataset.kind == "SBD instances"
    a, b, c, d, e = read_whole(dataset)
    assert a.name == "dataset/img/a.jpg"
    assert number_of(a) == {0: "15", 1: "7", 2: "void"}
    assert b == Unread("dataset/img/b.jpg", "dataset/inst/b.mat has more instances than categories")
    assert isinstance(c, Unread)
    assert "has no GTinst with a Segmentation" in c.reason
    assert isinstance(d, Unread)
    assert "dataset/inst/d.mat can't be read as a MATLAB file" in d.reason
    assert e == Unread("dataset/img/e.jpg", "has no object in its mask")
    assert sbd.read(list_files(str(inst))) is None


def test_without_scipy_the_extra_is_named_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path / "img" / "a.jpg")
    instance_file(tmp_path / "inst" / "a.mat")
    monkeypatch.setitem(__import__("sys").modules, "scipy.io", None)
    with pytest.raises(MissingExtraError, match=r"scipy.*anymask\[evaluate\]"):
        sbd.read(list_files(str(tmp_path)))
