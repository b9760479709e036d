"""What one exports and imports again is the same masks, bit for bit where the format can."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from anymask.datasets.writing.folder import ImageFiles
from anymask.datasets.writing.formats import KEEPINGS, DatasetFormat, Pixels, write
from anymask.engine.exporting import annotated_images_of
from anymask.engine.store.images import list_images
from tests.engine.importing.stores import (
    MaskArray,
    Seen,
    brought,
    folder_of,
    fresh,
    put,
    seen,
)
from tests.engine.importing.stores import given as mask_of
from tests.engine.store.test_images import put_state

EVERY = list(DatasetFormat)
HW = (9, 12)
SIZES = {"a.png": HW, "deep/er/ü b.png": HW, "deep/a.png": HW}


def expected(one: Seen, form: DatasetFormat) -> Seen:
    """What a format keeps of a mask."""
    keeping = KEEPINGS[form]
    counts, label, group, score = one
    if not keeping.labels and form != DatasetFormat.png_classes:  # these have a file of names
        label = None
    elif label is None and not keeping.unlabelled:
        label = "object"
    if form == DatasetFormat.cvat:  # which numbers groups
        group = "1" if group else None
    elif not keeping.groups:
        group = None
    return counts, label, group, score if keeping.scores else None


def square(left: int, top: int, side: int = 3, hole: bool = False) -> MaskArray:
    """A mask of one square, perhaps with a hole."""
    mask = np.zeros(HW, bool)
    mask[top : top + side, left : left + side] = True
    if hole:
        mask[top + 1, left + 1] = False
    return mask


@pytest.mark.parametrize("form", EVERY)
def test_all_that_a_format_keeps_comes_back(form: DatasetFormat, tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "photos", SIZES)
    with fresh(tmp_path / "one.sqlite", folder) as one, fresh(tmp_path / "b.sqlite", folder) as two:
        masks = [
            mask_of(square(number, 0), label, group, score)
            for number, (label, group, score) in enumerate(
                [("cat", "pair", 0.5), ("dog", None, None), ("cat of it", "pair", None)]
            )
        ]
        apart = [mask_of(square(3 * number, 0), f"kind {number}") for number in range(4)] + [
            mask_of(square(5 * number, 5, 4, True), f"low {number}") for number in range(2)
        ]
        is_layered = KEEPINGS[form].pixels == Pixels.all
        put(one, "a.png", HW, *(masks if is_layered else apart))
        put(one, "deep/er/ü b.png", HW, *apart)
        put(one, "deep/a.png", HW, mask_of(square(1, 1, 5, True), "cat"))
        write(annotated_images_of(one), tmp_path / "out", form)
        report = brought(two, tmp_path / "out", folder)
        wanted = {name: [expected(mask, form) for mask in of] for name, of in seen(one).items()}
        assert seen(two) == wanted, report.lines()
        assert (report.images, report.refused, report.lost) == (3, {}, {})
        again = brought(two, tmp_path / "out", folder)
        assert (again.masks, again.already) == (0, report.masks)
        into_itself = brought(one, tmp_path / "out", folder)
        assert into_itself.masks == 0, into_itself.lines()


def test_what_was_done_stays_done_by_way_of_coco(tmp_path: Path) -> None:
    folder = folder_of(tmp_path / "photos", {"a.png": HW, "b.png": HW, "c.png": HW})
    with fresh(tmp_path / "one.sqlite", folder) as one, fresh(tmp_path / "b.sqlite", folder) as two:
        for name in ("a.png", "b.png", "c.png"):
            put(one, name, HW, mask_of(square(1, 1), "cat"))
        a, b, _ = (image.id for image in one.read(list_images).images)
        put_state(one, a, "done")
        put_state(one, b, "accepted")
        write(annotated_images_of(one), tmp_path / "out", DatasetFormat.coco, ImageFiles.none)
        into_itself = brought(one, tmp_path / "out", folder)
        assert into_itself.masks == 0
        brought(two, tmp_path / "out", folder)
        for store in (one, two):
            images = store.read(list_images).images
            assert [image.state for image in images] == ["done", "accepted", "started"]


small_masks = st.lists(arrays(bool, HW).filter(np.any), min_size=1, max_size=4)


@pytest.mark.slow
@pytest.mark.parametrize("form", EVERY)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(masks=small_masks)
def test_any_masks_come_back_bit_for_bit(form: DatasetFormat, masks: list[MaskArray]) -> None:
    if KEEPINGS[form].pixels != Pixels.all:  # of such, those that do not overlap come back
        free = np.ones(HW, bool)
        apart = []
        for mask in masks:
            apart.append(mask & free)
            free &= ~mask
        masks = [mask for mask in apart if mask.any()]
    with tempfile.TemporaryDirectory() as scratch:
        root = Path(scratch)
        folder = folder_of(root / "photos", {"a.png": HW})
        with fresh(root / "one.sqlite", folder) as one, fresh(root / "two.sqlite", folder) as two:
            labelled = [mask_of(mask, f"n{number}") for number, mask in enumerate(masks)]
            put(one, "a.png", HW, *labelled)
            write(annotated_images_of(one), root / "out", form, ImageFiles.none)
            brought(two, root / "out", folder)
            (mine,), (theirs,) = seen(one).values(), seen(two).values()
            assert [mask[0] for mask in theirs] == [mask[0] for mask in mine]
