"""Masks become boxes of the model's input; padding and crowds are no background."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from anymask.core import rle
from anymask.core.rle import RLE
from anymask.datasets.sample import VOID_GROUP, Sample
from anymask.training.detector.scenes import box_scene, flipped
from tests.training.scripted import sample


def of(hw: tuple[int, int], *boxes: tuple[int, int, int, int]) -> Sample:
    """A sample, never decoded, with filled boxes (XYXY) as masks."""
    masks: list[RLE] = []
    for left, top, right, bottom in boxes:
        mask = np.zeros(hw, bool)
        mask[top:bottom, left:right] = True
        masks.append(rle.encode(mask))
    return replace(sample(0), masks=tuple(masks), groups=(None,) * len(masks))


@pytest.mark.parametrize("hw", [(100, 200), (200, 100), (256, 256)])
def test_boxes_are_those_of_the_masks_in_the_input(hw: tuple[int, int]) -> None:
    scene = box_scene(of(hw, (50, 20, 90, 100)), 256, 32)
    factor = 256 / max(hw)
    expected = [50 * factor, 20 * factor, 90 * factor, 100 * factor]
    assert scene.objects_xyxy[0].tolist() == pytest.approx(expected)
    assert scene.resize_map.image_hw == hw


def test_padding_counts_for_nothing() -> None:
    scene = box_scene(of((60, 120), (0, 0, 10, 10)), 256, 32)  # 128 rows of 256 are the image
    assert scene.counts[:16].all()
    assert not scene.counts[16:].any()
    strip = box_scene(of((1, 300), (0, 0, 10, 1)), 256, 32)
    assert strip.counts.sum() == 32


def test_crowds_are_neither_objects_nor_background() -> None:
    one = of((128, 128), (0, 0, 64, 64), (64, 64, 128, 128))
    one = replace(one, groups=(None, VOID_GROUP))
    scene = box_scene(one, 256, 32)
    assert scene.objects_xyxy.tolist() == [[0, 0, 128, 128]]
    assert not scene.counts[16:, 16:].any()
    assert scene.counts.sum() == 32 * 32 - 16 * 16


def test_left_to_right_and_back() -> None:
    one = of((60, 120), (0, 10, 30, 40), (60, 0, 120, 60))
    scene = box_scene(replace(one, groups=(None, VOID_GROUP)), 120, 30)
    mirrored = flipped(scene, 120)
    assert mirrored.is_flipped
    assert mirrored.objects_xyxy.tolist() == [[90, 10, 120, 40]]
    assert (mirrored.counts == scene.counts[:, ::-1]).all()
    again = flipped(mirrored, 120)
    assert not again.is_flipped
    assert (again.objects_xyxy == scene.objects_xyxy).all()
    assert (again.counts == scene.counts).all()
