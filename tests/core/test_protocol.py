"""The segmenter that paints discs: a stand-in must keep the promises of the real ones."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anymask.core.embedding import ImageEmbedding
from anymask.core.geometry import ResizeMap
from anymask.core.prompts import Prompts
from anymask.core.protocol import DiscSegmenter, Segmenter
from anymask.errors import ImageError

PROPERTY = settings(max_examples=60, deadline=None)


def embedding(height: int, width: int) -> ImageEmbedding:
    return DiscSegmenter().encode(np.zeros((height, width), np.uint8))


def test_it_is_a_segmenter() -> None:
    segmenter: Segmenter = DiscSegmenter()
    made = segmenter.encode(np.zeros((60, 90, 3), np.uint8))
    assert made.resize_map == ResizeMap((60, 90), 1024)
    assert made.model == segmenter.model_id
    assert segmenter.everything == {}
    with pytest.raises(ImageError):
        segmenter.encode(np.zeros((0, 3)))


@pytest.mark.parametrize("prompts", [1, 2, 5])
@pytest.mark.parametrize(("several", "columns"), [(True, 3), (False, 1)])
def test_there_are_as_many_answers_as_were_asked_for(
    prompts: int, several: bool, columns: int
) -> None:
    boxes = Prompts.of_boxes([[n, n, 40, 50] for n in range(prompts)])
    masks = DiscSegmenter().predict(embedding(60, 90), boxes, several)
    assert masks.logits.shape == (prompts, columns, 256, 256)
    assert masks.logits.dtype == masks.predicted_iou.dtype == np.float32
    assert masks.to_bool().shape == (prompts, columns, 60, 90)
    assert (np.diff(masks.predicted_iou, axis=1) < 0).all()


def test_a_click_gets_three_answers_and_a_box_one_unless_they_come_together() -> None:
    click, box = Prompts.point(9, 9), Prompts.box(5, 5, 20, 20)
    columns = [
        DiscSegmenter().predict(embedding(60, 90), prompts).predicted_iou.shape
        for prompts in (click, box, Prompts.join([box, click]))
    ]
    assert columns == [(1, 3), (1, 1), (2, 3)]


@PROPERTY
@given(
    st.tuples(st.integers(1, 3000), st.integers(1, 3000)),
    st.floats(0, 1, exclude_max=True),
    st.floats(0, 1, exclude_max=True),
    st.booleans(),
)
def test_every_mask_has_the_clicked_pixel(
    image_hw: tuple[int, int], across: float, down: float, several: bool
) -> None:
    (height, width), x, y = image_hw, int(across * image_hw[1]), int(down * image_hw[0])
    prompts = Prompts.point(x + 0.5, y + 0.5)
    masks = DiscSegmenter().predict(embedding(height, width), prompts, several)
    for logits in masks.full_logits():
        assert logits[y, x] > 0


def test_the_discs_have_the_radii_that_they_say() -> None:
    masks = DiscSegmenter(radius_px=100).predict(embedding(1024, 1024), Prompts.point(512, 400))
    radii = np.array([100, 200, 50])
    areas = masks.areas()[0]
    np.testing.assert_allclose(areas, np.pi * radii**2, rtol=0.03)
    left, top, right, bottom = masks.boxes()[0].T
    np.testing.assert_allclose((left + right) / 2, 512, atol=4)
    np.testing.assert_allclose((top + bottom) / 2, 400, atol=4)
    np.testing.assert_allclose(right - left, 2 * radii, atol=8)


def test_a_box_is_answered_in_its_middle_and_padding_is_not_looked_at() -> None:
    prompts = Prompts.join([Prompts.box(100, 200, 300, 600), Prompts.point(50, 60)]).padded(7)
    masks = DiscSegmenter(radius_px=40).predict(embedding(1024, 1024), prompts, False)
    left, top, right, bottom = masks.boxes()[:, 0].T
    np.testing.assert_allclose((left + right) / 2, [200, 50], atol=4)
    np.testing.assert_allclose((top + bottom) / 2, [400, 60], atol=4)
    elsewhere = Prompts.of_points([[50, 60], [900, 900]], [1, -1])
    masks = DiscSegmenter(radius_px=40).predict(embedding(1024, 1024), elsewhere, False)
    np.testing.assert_allclose(masks.boxes()[0, 0], [10, 20, 90, 100], atol=4)


def test_the_same_question_has_the_same_answer() -> None:
    prompts = Prompts.of_points([[[10, 20]], [[33, 44]]])
    first, again = (DiscSegmenter().predict(embedding(60, 90), prompts) for _ in range(2))
    np.testing.assert_array_equal(first.logits, again.logits)
    np.testing.assert_array_equal(first.predicted_iou, again.predicted_iou)
    alone = DiscSegmenter().predict(embedding(60, 90), prompts[1])
    np.testing.assert_array_equal(alone.logits[0], first.logits[1])
