import numpy as np
import pytest

from anymask.core import rle
from anymask.core.in_context.features import FeatureMap
from anymask.core.words.wholes import Measures, Weighing, contrast_of

HW = (40, 80)


def boxes(*xyxy: tuple[int, int, int, int]) -> list[rle.RLE]:
    masks = np.zeros((len(xyxy), *HW), bool)
    for mask, (left, top, right, bottom) in zip(masks, xyxy):
        mask[top:bottom, left:right] = True
    return [rle.encode(mask) for mask in masks]


@pytest.fixture
def features() -> FeatureMap:
    """The left half is of one kind, the right half of another."""
    grid = np.zeros((4, 8, 2), np.float32)
    grid[:, :4, 0] = grid[:, 4:, 1] = 1
    return FeatureMap.of_features(grid, HW)


def measures(features: FeatureMap, *xyxy: tuple[int, int, int, int]) -> Measures:
    return Measures.of_masks(boxes(*xyxy), [0.9] * len(xyxy), features)


def test_how_much_of_each_mask_lies_in_each_other(features: FeatureMap) -> None:
    dog, head, tree = (0, 0, 20, 20), (10, 0, 25, 10), (50, 0, 60, 40)
    found = measures(features, dog, head, tree)
    np.testing.assert_allclose(found.areas, [400 / 3200, 150 / 3200, 400 / 3200])
    inside = np.array([[1, 0.25, 0], [2 / 3, 1, 0], [0, 0, 1]])
    np.testing.assert_allclose(found.inside, inside, atol=1e-6)


def test_a_head_is_a_part_of_the_dog_and_no_thing_beside_it(features: FeatureMap) -> None:
    found = measures(features, (0, 0, 20, 20), (2, 2, 12, 10), (50, 0, 60, 40), (0, 0, 20, 19))
    assert found.once([0, 1, 2, 3]) == [0, 2]
    assert found.once([1, 2, 0]) == [1, 2]
    assert found.once([]) == []


def test_the_evidence_says_that_a_likelier_whole_is_there(features: FeatureMap) -> None:
    found = measures(features, (0, 0, 20, 20), (2, 2, 12, 10), (50, 0, 60, 40))
    evidence = found.evidence(np.array([2.0, 1.5, -9], np.float32))
    np.testing.assert_allclose(evidence[:, 0], [2, 1.5, -9])
    np.testing.assert_allclose(evidence[:, 1], [0, -0.5, -6])
    np.testing.assert_allclose(evidence[:, -1], [-6, 0.5, -6])
    assert found.evidence(np.zeros(0, np.float32)).shape == (0, evidence.shape[1])


def test_what_stands_out_has_little_contrast_cosine(features: FeatureMap) -> None:
    mask = np.zeros(HW, bool)
    mask[:, :40] = True
    part = np.zeros(HW, bool)
    part[10:20, 10:20] = True
    assert contrast_of(mask, features) < 0.1
    assert contrast_of(part, features) == pytest.approx(1, abs=1e-5)
    assert contrast_of(np.ones(HW, bool), features) == 0


def test_chances_are_the_logistic_of_the_weighed_evidence() -> None:
    weighing = Weighing((1.0, -2.0), 0.5, 0.5)
    evidence = np.array([[0, 0], [1.5, 1], [0, 20]], np.float32)
    np.testing.assert_allclose(
        weighing.chances(evidence), 1 / (1 + np.exp([-0.5, 0, 39.5])), rtol=1e-5
    )
