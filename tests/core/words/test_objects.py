import numpy as np
import pytest

from anymask.core.in_context.features import FeatureMap
from anymask.core.words.objects import SIDE_PX, ShownObject, shape_of
from anymask.errors import PromptError


def test_an_object_is_its_crop_its_masks_mean_feature_and_its_boxs_shape() -> None:
    pixels = np.zeros((40, 80, 3), np.uint8)
    pixels[:, 40:] = 255
    grid = np.zeros((2, 4, 2), np.float32)
    grid[:, :2, 0] = grid[:, 2:, 1] = 1
    features = FeatureMap.of_features(grid, (40, 80))
    mask = np.zeros((40, 80), bool)
    mask[10:30, 50:70] = True
    shown = ShownObject.of_mask(pixels, mask, features)
    assert shown.pixels.shape == (SIDE_PX, SIDE_PX, 3)
    assert (shown.pixels == 255).all()
    np.testing.assert_allclose(shown.semantic, [0, 1], atol=1e-6)
    np.testing.assert_allclose(shown.shape, [np.log(1 / 8) / 2, 0, 1.5], rtol=1e-6)
    np.testing.assert_allclose(
        shape_of(np.array([50.0, 10, 70, 30]), (40, 80)), shown.shape, rtol=1e-6
    )


def test_an_empty_mask_shows_nothing() -> None:
    features = FeatureMap.of_features(np.ones((2, 2, 2), np.float32), (8, 8))
    with pytest.raises(PromptError, match="without a pixel"):
        ShownObject.of_mask(np.zeros((8, 8, 3), np.uint8), np.zeros((8, 8), bool), features)
