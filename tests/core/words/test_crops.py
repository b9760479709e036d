import numpy as np
import pytest

from anymask.core.words.crops import GREY, CropView, crop, square_xyxy


def test_the_square_is_about_the_boxs_centre_and_as_wide_as_its_longer_side_scaled() -> None:
    assert square_xyxy((10, 20, 50, 40), 1.0) == (10, 10, 50, 50)
    assert square_xyxy((10, 20, 50, 40), 1.5) == (0, 0, 60, 60)
    assert square_xyxy((3, 3, 3, 3), 1.5) == (2, 2, 3, 3)


def test_what_lies_outside_of_the_image_is_grey() -> None:
    white = np.full((40, 40, 3), 255, np.uint8)
    shown = crop(white, (0, 0, 20, 20), CropView(2.0), 40)
    assert (shown[:9, :9] == GREY).all()
    assert (shown[12:, 12:] == 255).all()


def test_surroundings_are_dimmed_and_the_object_is_not() -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (64, 64, 3), np.uint8)
    mask = np.zeros((64, 64), bool)
    mask[16:48, 16:48] = True
    plain = crop(pixels, (0, 0, 64, 64), CropView(1.0), 64, mask).astype(int)
    half = crop(pixels, (0, 0, 64, 64), CropView(1.0, dimmed=0.5), 64, mask).astype(int)
    assert (half[20:44, 20:44] == plain[20:44, 20:44]).all()
    assert abs(half[:12] - GREY).max() <= 64
    np.testing.assert_allclose(half[:12] - GREY, (plain[:12] - GREY) / 2, atol=0.51)


@pytest.mark.parametrize("view", [CropView(), CropView(1.5, 0.7)])
def test_the_mirrored_view_is_the_views_mirror(view: CropView) -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (30, 50, 3), np.uint8)
    mask = np.arange(50)[None] > np.arange(30)[:, None]
    mirrored = CropView(view.scale, view.dimmed, mirrored=True)
    box = (5, 5, 35, 25)
    one, other = (crop(pixels, box, each, 32, mask) for each in (view, mirrored))
    np.testing.assert_array_equal(one[:, ::-1], other)
