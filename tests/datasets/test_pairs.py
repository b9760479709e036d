"""Pairs of images and truths by their paths: partners, names, what is missing or broken."""

from __future__ import annotations

import re
from pathlib import Path

import fsspec
import pytest

from anymask.datasets import pairs
from anymask.datasets.listing import list_files
from anymask.datasets.mask_pictures import instances_of
from anymask.datasets.photographs import Unread
from anymask.datasets.sample import Sample
from anymask.errors import ImageError
from tests.datasets.pictures import as_file, blank, boxes, number_of, read_whole, save

LAYOUT = pairs.Layout(
    "things",
    re.compile(r"(.*/)?photo/(.+)\.jpg"),
    re.compile(r"(.*/)?truth/(.+)\.png"),
    instances_of,
)


def test_partners_are_those_of_the_same_groups(tmp_path: Path) -> None:
    for place in ("a/", "b/", ""):
        save(tmp_path / place / "photo" / "sub" / "1.jpg")
    save(tmp_path / "a" / "truth" / "sub" / "1.png", boxes(1, 2))
    save(tmp_path / "truth" / "sub" / "1.png", boxes(3))
    dataset = pairs.read(list_files(str(tmp_path)), LAYOUT)
    assert dataset
    assert (dataset.location, dataset.kind) == (str(tmp_path), "things")
    a, b, top = read_whole(dataset)
    assert (a.name, top.name) == ("a/photo/sub/1.jpg", "photo/sub/1.jpg")
    assert (number_of(a), number_of(top)) == ({0: None, 1: None}, {0: None})
    assert b == Unread("b/photo/sub/1.jpg", "has no picture of its masks")


def test_what_is_missing_broken_or_empty_is_named(tmp_path: Path) -> None:
    for name in "abcd":
        save(tmp_path / "photo" / f"{name}.jpg")
        save(tmp_path / "truth" / f"{name}.png", boxes(1) if name in "ad" else blank())
    save(tmp_path / "truth" / "e.png", boxes(1))
    broken = (tmp_path / "truth" / "a.png").read_bytes()[:-30]
    (tmp_path / "truth" / "c.png").write_bytes(broken)
    dataset = pairs.read(list_files(str(tmp_path)), LAYOUT)
    (tmp_path / "photo" / "d.jpg").unlink()
    a, b, c, d, e = read_whole(dataset)
    assert isinstance(a, Sample)
    assert b == Unread("photo/b.jpg", "has no object in its mask")
    assert isinstance(c, Unread)
    assert c.reason.startswith("truth/c.png can't be read: ")
    assert d == Unread("photo/d.jpg", "can't be read: No such file or directory")
    assert e == Unread("truth/e.png", "has no image")


def test_a_truth_of_another_size_is_found_with_the_pixels(tmp_path: Path) -> None:
    save(tmp_path / "photo" / "a.jpg")
    save(tmp_path / "truth" / "a.png", boxes(1)[:, :20])
    (sample,) = read_whole(pairs.read(list_files(str(tmp_path)), LAYOUT))
    assert isinstance(sample, Sample)
    with pytest.raises(ImageError, match=r"photo/a\.jpg is 32×24 .*, but has masks of 20×24"):
        sample.pixels()


def test_without_any_pair_it_is_something_else(tmp_path: Path) -> None:
    save(tmp_path / "photo" / "a.jpg")
    assert pairs.read(list_files(str(tmp_path)), LAYOUT) is None
    save(tmp_path / "truth" / "b.png", boxes(1))
    assert pairs.read(list_files(str(tmp_path)), LAYOUT) is None


def test_pairs_far_away() -> None:
    fs = fsspec.filesystem("memory")
    fs.pipe("/paired/photo/x.jpg", as_file(blank(3)))
    fs.pipe("/paired/truth/x.png", as_file(boxes(7)))
    (sample,) = read_whole(pairs.read(list_files("memory://paired"), LAYOUT))
    assert number_of(sample) == {0: None}
