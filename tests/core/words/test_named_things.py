from pathlib import Path

import numpy as np
import pytest

from anymask.core.words.named_things import NamedThings, features_of
from anymask.errors import CorruptFileError


def test_an_adapter_is_read_as_it_was_written(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    matrix = rng.normal(size=(7, 3)).astype(np.float16).astype(np.float32)
    things = NamedThings(("dog", "cup", "tv"), matrix, np.zeros(3, np.float32))
    things.write(tmp_path / "things.npz")
    again = NamedThings.read(tmp_path / "things.npz")
    features = rng.normal(size=(5, 7)).astype(np.float32)
    assert again.names == things.names
    np.testing.assert_allclose(again.shares(features), things.shares(features))
    np.testing.assert_allclose(again.shares(features).sum(axis=1), 1, rtol=1e-5)


def test_other_files_are_named(tmp_path: Path) -> None:
    path = tmp_path / "things.npz"
    path.write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(CorruptFileError, match="no adapter"):
        NamedThings.read(path)
    np.savez(path, names=np.array(["dog"]), matrix=np.zeros((4, 3)), bias=np.zeros(3))
    with pytest.raises(CorruptFileError, match="1 names"):
        NamedThings.read(path)


def test_each_part_of_the_features_has_length_1() -> None:
    features = features_of(*(np.full((2, count), 9, np.float32) for count in (4, 6, 3)))
    assert features.shape == (2, 13)
    for part in (slice(0, 4), slice(4, 7), slice(7, 10)):
        np.testing.assert_allclose(np.linalg.norm(features[:, part], axis=1), 1, rtol=1e-6)


def test_what_is_no_thing_takes_its_share(tmp_path: Path) -> None:
    matrix = np.eye(3, dtype=np.float32)
    things = NamedThings(("dog", "cup"), matrix, np.zeros(3, np.float32))
    things.write(tmp_path / "things.npz")
    shares = NamedThings.read(tmp_path / "things.npz").shares(9 * np.eye(3, dtype=np.float32))
    assert shares.shape == (3, 2)
    np.testing.assert_allclose(shares.sum(axis=1), [1, 1, 0], atol=1e-3)
