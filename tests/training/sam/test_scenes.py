"""Scenes and views: where images and masks end up in the model's square."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from anymask.core import rle
from anymask.core.geometry import ResizeMap
from anymask.core.image import resize
from anymask.core.interaction import Habits
from anymask.datasets.sample import VOID_GROUP, Sample
from anymask.errors import ImageError
from anymask.training.sam.scenes import Framing, joined
from anymask.training.sam.views import View, jittered_view, whole_view
from tests.training.scripted import sample

FRAMING = Framing(128, 32, Habits())


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_the_whole_view_is_what_prediction_sees() -> None:
    pixels = rng().integers(0, 256, (60, 90, 3), dtype=np.uint8)
    view = whole_view((60, 90), 128)
    assert np.array_equal(view.pixels(pixels), resize(pixels, ResizeMap((60, 90), 128)))


def test_a_mask_lands_where_its_pixels_do() -> None:
    mask = np.zeros((60, 120), bool)
    mask[10:30, 40:100] = True
    view = whole_view((60, 120), 240)  # twice as large, then cells of 4 pixels
    small = view.mask(mask, 60)
    assert small.shape == (60, 60)
    assert np.argwhere(small).min(0).tolist() == [5, 20]
    assert np.argwhere(small).max(0).tolist() == [14, 49]
    assert view.box(mask).tolist() == [80, 20, 200, 60]


def test_a_window_cuts_image_mask_and_box_alike() -> None:
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[10:20, 20:30] = 255
    mask = picture[..., 0] > 0
    view = View((40, 40), (80, 80), (24, 8), 48)
    assert view.pixels(picture).shape == (48, 48, 3)
    assert np.array_equal(view.pixels(picture)[..., 0] > 127, view.mask(mask, 48))
    assert view.box(mask).tolist() == [16, 12, 36, 32]


def test_a_box_ends_where_the_window_does() -> None:
    mask = np.ones((40, 40), bool)
    assert View((40, 40), (80, 80), (24, 8), 48).box(mask).tolist() == [0, 0, 48, 48]


def test_jitter_resizes_evenly_between_its_ends_and_puts_the_window_anywhere() -> None:
    draws, chance = 2000, rng(1)
    views = [jittered_view((60, 90), 120, (0.1, 2.0), chance) for _ in range(draws)]
    scales = np.array([view.resized_hw[1] / 120 for view in views])
    # Whole pixels make steps: what a uniform draw rounded to them would give.
    even = rng(2).uniform(0.1, 2.0, 100_000)
    assert stats.kstest(scales + rng(3).uniform(-0.5, 0.5, draws) / 120, even).pvalue > 1e-4
    wide = [view for view in views if view.resized_hw[1] > 140]
    places = [view.corner_xy[0] / (view.resized_hw[1] - 120) for view in wide]
    assert stats.kstest(places, "uniform").pvalue > 1e-4
    assert all(view.corner_xy == (0, 0) for view in views if max(view.resized_hw) <= 120)


def test_masks_over_nine_tenths_of_the_image_are_left_out() -> None:
    large, small = np.ones((20, 20), bool), np.zeros((20, 20), bool)
    large[:1] = False  # 95 %
    small[5:15, 5:15] = True
    one = replace(sample(0), masks=(rle.encode(large), rle.encode(small)), groups=(None, None))
    scene = replace(FRAMING, needs_pixels=False).scene(one, rng())
    assert len(scene.objects) == 1
    assert scene.objects.boxes_xyxy[0].tolist() == [32, 32, 96, 96]
    with pytest.raises(ImageError, match="no mask to learn from"):
        replace(FRAMING, needs_pixels=False).scene(
            replace(one, masks=one.masks[:1], groups=(None,)), rng()
        )


def test_each_mask_is_drawn_as_often() -> None:
    counts = np.zeros(3, int)
    wide = replace(FRAMING, masks_per_image=1, needs_pixels=False)
    one = sample(0)
    lefts = [rle.bbox_xywh(mask)[0] for mask in one.masks]
    for seed in range(600):
        left = wide.scene(one, rng(seed)).objects.boxes_xyxy[0, 0] * 96 / 128
        counts[int(np.abs(np.array(lefts) - left).argmin())] += 1
    assert stats.chisquare(counts).pvalue > 1e-4


def test_masks_too_small_to_be_seen_are_left_out_and_an_image_of_such_is_named() -> None:
    dot = np.zeros((400, 400), bool)
    dot[7, 7] = True
    one = replace(sample(0), masks=(rle.encode(dot),), groups=(None,))
    with pytest.raises(ImageError, match=r"0\.png has no mask that is large enough"):
        replace(FRAMING, needs_pixels=False).scene(one, rng())


def test_an_image_whose_masks_do_not_fit_it_is_named() -> None:
    one = replace(sample(0), masks=sample(0, side=50).masks)
    with pytest.raises(ImageError, match=r"96×96.*50×50"):
        FRAMING.scene(one, rng())


def test_a_broken_image_is_named() -> None:
    broken = Sample("x.png", b"nothing", sample(0).masks, (None,) * 3)
    with pytest.raises(ImageError, match=r"x\.png"):
        FRAMING.scene(broken, rng())


def test_several_scenes_know_whose_objects_are_whose() -> None:
    scenes = [FRAMING.scene(sample(i, discs=2 + i), rng(i)) for i in range(2)]
    objects = joined(scenes)
    assert objects.image_index.tolist() == [0, 0, 1, 1, 1]
    assert np.array_equal(objects.script.place[2:], scenes[1].objects.script.place)
    assert np.array_equal(objects.truth[:2], scenes[0].objects.truth)


def test_pixels_that_nobody_decided_about_are_no_object() -> None:
    disc = rle.encode(np.hypot(*np.mgrid[-20:20, -20:20]) < 9)
    one = Sample("a", b"", (disc, disc), (None, VOID_GROUP))
    framing = replace(FRAMING, needs_pixels=False)
    assert len(framing.scene(one, rng()).objects) == 1
    with pytest.raises(ImageError, match="no mask to learn from"):
        framing.scene(replace(one, groups=(VOID_GROUP, VOID_GROUP)), rng())
