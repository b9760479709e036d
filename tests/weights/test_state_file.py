"""Files of tensors from strangers: read if they are tensors, refused otherwise, never run."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch

from anymask.errors import CorruptFileError, OutputError, UnsafeFileError, WeightsError
from anymask.weights.state_file import read_state, write_pickle, write_safetensors

STATE = {"a.weight": torch.arange(6.0).reshape(2, 3), "a.bias": torch.ones(2)}


class Malicious:
    """A pickle of it makes a folder when loaded the unsafe way."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


@pytest.mark.parametrize("ending", [".pth", ".pt", ".safetensors"])
def test_what_was_written_is_read(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"weights{ending}"
    if ending == ".safetensors":
        write_safetensors(STATE, path)
    else:
        write_pickle(STATE, path)
    read = read_state(path).tensors
    assert read.keys() == STATE.keys()
    assert all(torch.equal(read[name], STATE[name]) for name in STATE)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("wrapper", ["model", "state_dict"])
def test_a_trainers_wrapper_is_looked_into(tmp_path: Path, wrapper: str) -> None:
    path = tmp_path / "weights.pth"
    torch.save({wrapper: STATE}, path)
    assert read_state(path).tensors.keys() == STATE.keys()


@pytest.mark.parametrize("zipped", [True, False])
def test_a_pickle_with_code_in_it_is_refused_and_not_run(tmp_path: Path, zipped: bool) -> None:
    path, target = tmp_path / "weights.pth", tmp_path / "proof"
    content = {"a": torch.ones(1), "b": Malicious(target)}
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    with pytest.raises(UnsafeFileError, match="more than tensors"):
        read_state(path)
    assert not target.exists()


def test_a_bare_malicious_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    path, target = tmp_path / "weights.pt", tmp_path / "proof"
    path.write_bytes(pickle.dumps(Malicious(target)))
    with pytest.raises(WeightsError):
        read_state(path)
    assert not target.exists()
    pickle.loads(path.read_bytes())
    assert target.exists()  # so the file really was dangerous


@pytest.mark.parametrize("ending", [".pth", ".safetensors"])
@pytest.mark.parametrize("kept", [0.0, 0.01, 0.5, 0.99])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, ending: str, kept: float) -> None:
    path = tmp_path / f"weights{ending}"
    test_what_was_written_is_read(tmp_path, ending)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(CorruptFileError, match=r"weights"):
        read_state(path)


@pytest.mark.parametrize("content", [[1, 2], {}, {"a": 3}, {"a": {"b": 1}}, torch.ones(2)])
def test_a_file_without_named_tensors_is_refused(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "weights.pth"
    torch.save(content, path)
    with pytest.raises(CorruptFileError, match="named tensors"):
        read_state(path)


def test_another_ending_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "weights.txt"
    path.write_text("no")
    with pytest.raises(CorruptFileError, match="safetensors"):
        read_state(path)


def test_a_place_that_cant_be_written_is_named_and_left_clean(tmp_path: Path) -> None:
    place = tmp_path / "file"
    place.write_text("in the way")
    for write in (write_safetensors, write_pickle):
        with pytest.raises(OutputError, match="file"):
            write(STATE, place / "weights.pth")
    assert list(tmp_path.iterdir()) == [place]
