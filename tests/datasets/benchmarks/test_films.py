"""Films of DAVIS: frames in order, and the numbers of their objects."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from anymask.datasets.benchmarks.films import films_of
from anymask.datasets.listing import list_files
from anymask.errors import DatasetError
from tests.datasets.benchmarks import few_shot_folders as folders


def test_frames_come_in_order_with_the_numbers_of_their_objects(tmp_path: Path) -> None:
    folders.davis(tmp_path)
    (film,) = films_of(list_files(str(tmp_path)))
    assert film.name == "bear"
    assert [frame.name for frame in film.frames] == [f"bear/{n:05}" for n in range(5)]
    assert film.frames[3].pixels().shape == (folders.SIDE, folders.SIDE, 3)
    assert np.unique(film.frames[1].labels()).tolist() == [0, 1, 2]


def test_white_alone_is_number_one(tmp_path: Path) -> None:
    folders.davis(tmp_path, objects=1)
    (film,) = films_of(list_files(str(tmp_path)))
    assert np.unique(film.frames[0].labels()).tolist() == [0, 1]


def test_the_smaller_pictures_are_taken(tmp_path: Path) -> None:
    folders.davis(tmp_path)
    folders.photograph(tmp_path / "JPEGImages" / "Full-Resolution" / "bear" / "00000.jpg")
    (film,) = films_of(list_files(str(tmp_path)))
    assert len(film.frames) == 5


def test_what_is_no_film_is_refused(tmp_path: Path) -> None:
    folders.photograph(tmp_path / "a.jpg")
    with pytest.raises(DatasetError, match="has no films"):
        films_of(list_files(str(tmp_path)))
    folders.photograph(tmp_path / "JPEGImages" / "480p" / "bear" / "00000.jpg")
    with pytest.raises(DatasetError, match="first frame of bear"):
        films_of(list_files(str(tmp_path)))
