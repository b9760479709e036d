"""The table of benchmarks: whole, and as the paper prints it."""

from __future__ import annotations

import pytest

from anymask.datasets import mask_pictures
from anymask.datasets.benchmarks import ade20k, cityscapes, grabcut, ppdls, sbd, suite
from anymask.datasets.benchmarks.few_shot import fss1000, pascal5i
from anymask.datasets.benchmarks.suite import OTHERS, SUITE, find
from anymask.errors import DatasetError

KINDS = {
    mask_pictures.KIND, grabcut.KIND, cityscapes.LAYOUT.kind, ade20k.LAYOUT.kind,
    ppdls.LAYOUT.kind, sbd.LAYOUT.kind, "COCO annotations", "DAVIS frames (480p)", "BSDS500",
    fss1000.KIND, pascal5i.KIND,
}  # fmt: skip


def test_the_suite_is_the_paper_s() -> None:
    """Sums and counts by which a wrong digit shows (Table 7, Fig. 9a)."""
    assert len(SUITE) == 23
    assert len([row for row in SUITE if (row.sam_minus_ritm or 0) > 0]) == 16
    assert max(row.sam_minus_ritm or 0 for row in SUITE) == 0.469
    assert sum(row.images for row in SUITE) == 40_188
    assert sum(row.masks for row in SUITE) == 172_653
    differences = [row.sam_minus_ritm for row in SUITE]
    assert differences == sorted(differences, key=lambda value: -(value or 0))


def test_what_was_subsampled_has_about_as_many_masks_as_were_drawn() -> None:
    for row in SUITE:
        assert row.masks < suite.MOST_MASKS
        if row.subsampled:
            assert abs(row.masks / suite.MASKS_DRAWN - 1) < 0.1, row


@pytest.mark.parametrize("row", [*SUITE, *OTHERS], ids=lambda row: str(row.name))
def test_rows_are_whole(row: suite.Benchmark) -> None:
    assert row.kind in KINDS | {suite.NOT_READ}
    assert row.page.startswith("http")
    assert row.about
    assert row.note
    assert row.used_for
    assert (row.licence == suite.NOT_CHECKED) == (row.licence_from == suite.UNCHECKED)
    assert find(row.name.upper()) is row
    assert (row in SUITE) == (row.sam_minus_ritm is not None)


def test_names_are_one_each_and_a_wrong_one_is_refused() -> None:
    names = [row.name.lower() for row in (*SUITE, *OTHERS)]
    assert len(set(names)) == len(names)
    with pytest.raises(DatasetError, match="no benchmark 'cityscape'; did you mean Cityscapes"):
        find("cityscape")
    with pytest.raises(DatasetError, match="no benchmark '???'$".replace("?", r"\?")):
        find("???")
