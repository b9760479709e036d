"""Crops of masks for a text encoder: how they are shown, and that each is shown once (§D.5)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from anymask.core import rle
from anymask.core.words.crops import GREY, CropView
from anymask.core.words.objects import ShownObject
from anymask.datasets.sample import VOID_GROUP
from anymask.training.frozen.crops import CropEmbeddings, crop_views
from tests.training.scripted import Colours, sample

GOLDEN = Path(__file__).parent / "golden" / "crops.png"
FAR = 2  # of a pixel's value: versions of OpenCV resize a little differently
SIDE = 64


def drawn() -> tuple[np.typing.NDArray[np.uint8], list[np.typing.NDArray[np.bool_]]]:
    """Stripes, with a disc, a wide bar, and a triangle at the corner: (H, W, 3) and their masks."""
    pixels = np.full((120, 160, 3), 225, np.uint8)
    pixels[:, ::8] = (90, 160, 90)
    masks = []
    for number, color in enumerate(((220, 60, 40), (40, 80, 220), (230, 190, 40))):
        shape = np.zeros((120, 160), np.uint8)
        if number == 0:
            cv2.circle(shape, (45, 40), 22, 1, -1)
        elif number == 1:
            cv2.rectangle(shape, (70, 70), (139, 89), 1, -1)
        else:
            cv2.fillPoly(shape, [np.array([[159, 0], [159, 40], [120, 0]])], 1)
        pixels[shape > 0] = color
        masks.append(shape > 0)
    return pixels, masks


def test_golden_picture_of_crops() -> None:
    """Rows: the shapes. Columns: once and twice their size, each with and without what is around,
    then as chance shows them."""
    pixels, masks = drawn()
    rows = []
    for mask in masks:
        fixed = [CropView(1.0), CropView(1.0, 1.0), CropView(2.0), CropView(2.0, 1.0)]
        views = [*fixed, *crop_views(rle.encode(mask), 4)]
        shown = [ShownObject.of_mask(pixels, mask, None, view, SIDE).pixels for view in views]
        rows.append(np.concatenate(shown, axis=1))
    now = np.concatenate(rows).astype(int)
    golden = np.asarray(Image.open(GOLDEN).convert("RGB")).astype(int)
    assert golden.shape == now.shape
    assert (np.abs(golden - now).max(axis=-1) > FAR).mean() < 0.002


def test_a_crop_is_a_square_about_the_masks_box() -> None:
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[..., 0], pixels[..., 1] = np.mgrid[:60, :80]
    mask = np.zeros((60, 80), bool)
    mask[20:30, 30:50] = True  # 20 wide, 10 high, about (40, 25)
    whole = ShownObject.of_mask(pixels, mask, None, CropView(1.0), 20).pixels
    assert whole[0, 0, :2].tolist() == [15, 30]
    assert whole[-1, -1, :2].tolist() == [34, 49]
    wide = ShownObject.of_mask(pixels, mask, None, CropView(2.0), 40).pixels
    assert wide[0, 0, :2].tolist() == [5, 20]
    alone = ShownObject.of_mask(pixels, mask, None, CropView(2.0, 1.0), 40).pixels
    assert alone[20, 20, :2].tolist() == [25, 40]
    assert (alone[:12] == GREY).all()
    assert (alone[28:] == GREY).all()


def test_chance_shows_masks_at_one_to_two_times_their_size_half_of_them_alone() -> None:
    mask = sample(0).masks[0]
    views = crop_views(mask, 4000)
    scales = np.array([view.scale for view in views])
    assert 1 <= scales.min() < 1.01
    assert 1.99 < scales.max() <= 2
    assert scales.mean() == pytest.approx(1.5, abs=0.02)
    assert {view.dimmed for view in views} == {0.0, 1.0}
    assert np.mean([view.dimmed for view in views]) == pytest.approx(0.5, abs=0.03)
    assert crop_views(mask, 3) == crop_views(mask, 3)
    assert crop_views(mask, 3) != crop_views(sample(1).masks[0], 3)


def test_each_mask_is_embedded_once(tmp_path: Path) -> None:
    encoder, one = Colours(), sample(0)
    crops = CropEmbeddings(encoder, 3, folder=tmp_path)
    told = crops.of(one)
    assert (told.shape, crops.computed, encoder.shown) == ((3, 3, 3), 1, 9)
    np.testing.assert_array_equal(crops.of(one), told)
    np.testing.assert_array_equal(CropEmbeddings(Colours(), 3, folder=tmp_path).of(one), told)
    assert (crops.computed, encoder.shown) == (1, 9)
    colours = one.pixels()[rle.decode(one.masks[1]).astype(bool)][0].astype(float)
    likeness = told[1] @ colours / np.linalg.norm(colours)
    assert (likeness > 0.9).all()


def test_other_masks_views_and_encoders_are_embedded_anew(tmp_path: Path) -> None:
    one = sample(0)
    CropEmbeddings(Colours(), 2, folder=tmp_path).of(one)
    fewer = replace(one, masks=one.masks[:2], groups=one.groups[:2])
    for other, encoder, views in (
        (fewer, Colours(), 2),
        (one, Colours(), 3),
        (one, Colours("2"), 2),
    ):
        crops = CropEmbeddings(encoder, views, folder=tmp_path)
        assert crops.of(other).shape == (len(other.masks), views, 3)
        assert crops.computed == 1


def test_a_damaged_file_is_written_anew(tmp_path: Path) -> None:
    told = CropEmbeddings(Colours(), 2, folder=tmp_path).of(sample(0))
    (file,) = tmp_path.glob("*.npy")
    file.write_bytes(file.read_bytes()[:50])
    np.testing.assert_array_equal(CropEmbeddings(Colours(), 2, folder=tmp_path).of(sample(0)), told)


def test_small_masks_and_what_is_no_object_are_not_looked_at() -> None:
    one = sample(0)
    areas = [rle.area(mask) for mask in one.masks]
    largest = int(np.argmax(areas))
    told = CropEmbeddings(Colours(), 1, least_px=max(areas)).of(one)
    assert told.any(axis=(1, 2)).tolist() == [number == largest for number in range(3)]
    void = replace(one, groups=(None, VOID_GROUP, None))
    assert CropEmbeddings(Colours(), 1).of(void).any(axis=(1, 2)).tolist() == [True, False, True]
