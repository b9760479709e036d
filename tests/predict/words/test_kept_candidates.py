from pathlib import Path

import numpy as np
import pytest

from anymask.core.words.crops import Pixels
from anymask.predict.disk_cache import DiskCache
from anymask.predict.words.kept_candidates import KeptCandidates
from tests.predict.words.by_colour import COLOURS, ColourPredictor

MAKER = "squares@0 colours"


@pytest.fixture
def cache(tmp_path: Path) -> DiskCache:
    return DiskCache(tmp_path / "embeddings", 1 << 30)


def red_and_green() -> Pixels:
    picture = np.zeros((60, 120, 3), np.uint8)
    picture[5:35, 4:34] = COLOURS["red"]
    picture[5:45, 60:100] = COLOURS["green"]
    return picture


def test_another_predictor_need_not_look_again_and_answers_the_same(cache: DiskCache) -> None:
    first = ColourPredictor(KeptCandidates(cache, MAKER))
    answer = first.find(red_and_green(), "a green")
    later = ColourPredictor(KeptCandidates(cache, MAKER))
    again = later.find(red_and_green(), "a green")
    assert (first.looked, later.looked) == (1, 0)
    assert again.masks == answer.masks
    np.testing.assert_array_equal(again.likeness, answer.likeness)
    assert later.find(red_and_green(), "a red").masks[0]["bbox"] == [4, 5, 30, 30]


def test_other_pixels_another_maker_and_damage_are_looked_at_anew(cache: DiskCache) -> None:
    ColourPredictor(KeptCandidates(cache, MAKER)).find(red_and_green(), "a red")
    other = ColourPredictor(KeptCandidates(cache, MAKER))
    assert len(other.find(red_and_green()[:, ::-1], "a red").masks) == 1
    assert other.looked == 1
    made_otherwise = ColourPredictor(KeptCandidates(cache, "squares@1 colours"))
    made_otherwise.find(red_and_green(), "a red")
    assert made_otherwise.looked == 1
    for path in cache.folder.rglob("*"):
        if path.is_file():
            path.write_bytes(b"damaged")
    after = ColourPredictor(KeptCandidates(cache, MAKER))
    assert len(after.find(red_and_green(), "a red").masks) == 1
    assert after.looked == 1


def test_where_nothing_can_be_kept_it_looks_each_time(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    nowhere = DiskCache(tmp_path / "file", 1 << 30)
    for _ in range(2):
        predictor = ColourPredictor(KeptCandidates(nowhere, MAKER))
        assert len(predictor.find(red_and_green(), "a red").masks) == 1
        assert predictor.looked == 1
