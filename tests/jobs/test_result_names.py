"""Names of results: an image's own stem, and never one name for two."""

from __future__ import annotations

import posixpath
import random
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anymask.datasets.photographs import Photograph
from anymask.jobs.result_names import name_results


def photographs(*urls: str, found_in: str = "/p/") -> list[Photograph]:
    """Of one argument, a folder; those elsewhere were named themselves."""
    return [
        Photograph(
            url,
            url.removeprefix(found_in) if url.startswith(found_in) else posixpath.basename(url),
        )
        for url in urls
    ]


def names(*urls: str, ending: str = ".json") -> list[str]:
    return [result.name for result in name_results(photographs(*urls), ending)]


@pytest.mark.parametrize(
    ("urls", "expected"),
    [
        (["/p/dog.jpg"], ["dog.json"]),
        (["/p/sa_1.jpg", "/p/000000000009.jpg"], ["sa_1.json", "000000000009.json"]),
        (["/p/a.v1.jpg", "/p/a.v2.jpg"], ["a.v1.json", "a.v2.json"]),
        (["/p/dog.jpg", "/p/b/dog.jpg"], ["dog.json", "b/dog.json"]),
        (["/p/dog.jpg", "/p/dog.png", "/p/cat.png"], ["dog.jpg.json", "dog.png.json", "cat.json"]),
        (["/p/Dog.jpg", "/p/dog.png"], ["Dog.jpg.json", "dog.png.json"]),
        (["/x/dog.jpg", "/y/dog.jpg"], ["x/dog.json", "y/dog.json"]),
        (["/p/1/dog.jpg", "/q/1/dog.jpg", "/q/1/cat.jpg"], ["1/dog.json", "dog.json", "cat.json"]),
        (
            ["/x/a/dog.jpg", "/x/b/dog.jpg", "/x/b/cat.jpg"],
            ["a/dog.json", "b/dog.json", "cat.json"],
        ),
        (["s3://one/dog.jpg", "s3://two/dog.jpg"], ["one/dog.json", "two/dog.json"]),
        (["/x/dog.jpg", "/x/dog.png", "/y/dog.jpg"], ["x/dog.json", "dog.png.json", "y/dog.json"]),
        ([], []),
    ],
)
def test_results_are_called_after_their_images(urls: list[str], expected: list[str]) -> None:
    assert names(*urls) == expected


def test_a_folder_and_a_file_are_not_of_one_name() -> None:
    assert names("/p/a.jpg", "/p/a/b.jpg", ending="") == ["a.jpg", "a/b"]
    assert names("/p/a.jpg", "/p/a/b/c/d.jpg", ending="") == ["a.jpg", "a/b/c/d"]
    assert names("/p/a.jpg", "/p/a.json/b.jpg") == ["a.jpg.json", "a.json/b.json"]


def test_members_of_shards_lie_in_folders_of_theirs() -> None:
    two = [Photograph(f"/{disk}/s.tar", "s/1.jpg", (512, 9)) for disk in "ab"]
    one = Photograph("/a/s.tar", "s/2.jpg", (1536, 9))
    results = name_results([*two, one], ".json")
    assert [result.name for result in results] == ["a/s/1.json", "b/s/1.json", "s/2.json"]
    assert [result.image_name for result in results] == ["a/s/1.jpg", "b/s/1.jpg", "s/2.jpg"]


def test_letters_that_some_disks_take_for_one_are_told_apart() -> None:
    composed, decomposed = (unicodedata.normalize(form, "ä") for form in ("NFC", "NFD"))
    first, second = names(f"/p/{composed}.jpg", f"/p/{decomposed}.jpg")
    assert unicodedata.normalize("NFC", first) != unicodedata.normalize("NFC", second)
    first, second = names("/p/IMG.jpg", "/p/img.jpg")
    assert first.casefold() != second.casefold()


PART = st.sampled_from(["a", "b", "A", "a.jpg", "a.jpg.json", "x"])
URLS = st.lists(
    st.tuples(st.lists(PART, max_size=2), PART, st.sampled_from([".jpg", ".png", ""])).map(
        lambda parts: "/" + "/".join(["p", *parts[0], parts[1] + parts[2]])
    ),
    unique=True,
    max_size=12,
)


@given(URLS, st.sampled_from([".json", "", ".jpg"]), st.randoms())
@settings(max_examples=200, deadline=None)
def test_no_two_are_alike_in_whatever_order(
    urls: list[str], ending: str, rng: random.Random
) -> None:
    urls = [url for url in urls if not any(other.startswith(url + "/") for other in urls)]
    found = [
        Photograph(url, url.removeprefix("/p/") if number % 2 else posixpath.basename(url))
        for number, url in enumerate(urls)
    ]
    results = {one.photograph: one.name for one in name_results(found, ending)}
    keys = {name.casefold() for name in results.values()}
    assert len(keys) == len(urls)
    for key in keys:
        parts = key.split("/")
        assert not any("/".join(parts[:depth]) in keys for depth in range(1, len(parts)))
    rng.shuffle(found)
    assert {one.photograph: one.name for one in name_results(found, ending)} == results
