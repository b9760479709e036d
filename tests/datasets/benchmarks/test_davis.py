"""DAVIS: resolutions, binary and palette frames."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from anymask.datasets.benchmarks import davis
from anymask.datasets.listing import list_files
from anymask.datasets.sample import Sample
from tests.datasets.pictures import boxes, number_of, read_whole, save


def palette(*values: int) -> Image.Image:
    """Boxes of values, as DAVIS 2017 stores them."""
    picture = Image.fromarray(boxes(*values)).convert("P")
    picture.putpalette([0, 0, 0, 128, 0, 0, 0, 128, 0])
    return picture


def test_frames_of_films(tmp_path: Path) -> None:
    for film, frame in (("dog", "00000"), ("dog", "00001"), ("bear", "00000")):
        save(tmp_path / "DAVIS" / "JPEGImages" / "480p" / film / f"{frame}.jpg")
    truth = tmp_path / "DAVIS" / "Annotations" / "480p"
    save(truth / "dog" / "00000.png", boxes(255))
    save(truth / "dog" / "00001.png", boxes((255, 255, 255)))
    save(truth / "bear" / "00000.png", palette(1, 2))
    for location, above in ((tmp_path / "DAVIS", ""), (tmp_path, "DAVIS/")):
        dataset = davis.read(list_files(str(location)))
        assert dataset
        assert dataset.kind == "DAVIS frames (480p)"
        bear, *dogs = read_whole(dataset)
        assert bear.name == f"{above}bear/00000.jpg"
        assert number_of(bear) == {0: None, 1: None}
        assert [one.name for one in dogs] == [f"{above}dog/00000.jpg", f"{above}dog/00001.jpg"]
        assert [number_of(one) for one in dogs] == [{0: None}, {0: None}]


def test_the_smaller_resolution_unless_the_other_is_all_there_is(tmp_path: Path) -> None:
    for size in ("480p", "Full-Resolution"):
        save(tmp_path / "JPEGImages" / size / "dog" / "00000.jpg")
        save(tmp_path / "Annotations" / size / "dog" / "00000.png", boxes(255))
    for location, size in ((f"{tmp_path}", "480p"), (f"{tmp_path}/*/Full*", "Full-Resolution")):
        dataset = davis.read(list_files(location))
        assert dataset
        assert dataset.kind == f"DAVIS frames ({size})"
        assert [one.name for one in read_whole(dataset)] == ["dog/00000.jpg"]


def test_regions_and_what_is_no_davis(tmp_path: Path) -> None:
    save(tmp_path / "JPEGImages" / "480p" / "dog" / "00000.jpg")
    assert davis.read(list_files(str(tmp_path))) is None
    save(tmp_path / "Annotations" / "480p" / "dog" / "00000.png", boxes(255, 255))
    (split,) = read_whole(davis.read(list_files(str(tmp_path)), split_regions=True))
    assert isinstance(split, Sample)
    assert len(split.masks) == 2
    save(tmp_path / "JPEGImages" / "a.jpg")
    assert davis.read(list_files(str(tmp_path / "JPEGImages"))) is None


@pytest.mark.data
def test_real_films(data_folder: Path) -> None:
    if not (data_folder / "davis4").is_dir():
        pytest.skip("davis4 is not here")
    samples = read_whole(davis.read(list_files(str(data_folder / "davis4"))))
    assert len(samples) == 240
    assert all(isinstance(one, Sample) and one.groups == (None,) for one in samples)
    assert samples[0].name == "blackswan/00000.jpg"
