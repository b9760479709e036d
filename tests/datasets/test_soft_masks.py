"""Soft masks: edges of one object are told from labels, and what may be either is refused."""

from __future__ import annotations

import io
from collections.abc import Callable

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image

from anymask.core import rle
from anymask.datasets.mask_pictures import objects_of
from anymask.errors import ImageError
from tests.datasets.pictures import as_file

Picture = npt.NDArray[np.uint8]
SMOOTH: dict[str, Callable[[Picture], Picture]] = {
    "blurred": lambda mask: np.asarray(cv2.GaussianBlur(mask, (0, 0), 2), np.uint8),
    "smoothed": lambda mask: np.asarray(cv2.GaussianBlur(mask, (0, 0), 0.7), np.uint8),
    "enlarged": lambda mask: np.asarray(cv2.resize(mask, (300, 300)), np.uint8),
    "reduced": lambda mask: np.asarray(
        Image.fromarray(mask).resize((100, 100), Image.Resampling.BICUBIC)
    ),
    "sharpened": lambda mask: np.asarray(
        Image.fromarray(mask).resize((999, 999), Image.Resampling.LANCZOS)
    ),
    "JPEG once": lambda mask: np.asarray(Image.open(io.BytesIO(as_file(mask, "JPEG", quality=75)))),
    "bad JPEG": lambda mask: np.asarray(Image.open(io.BytesIO(as_file(mask, "JPEG", quality=30)))),
}


def blobs(count: int = 6, largest: int = 50, side: int = 256, value: int = 255) -> Picture:
    """Ellipses here and there."""
    rng, mask = np.random.default_rng(count), np.zeros((side, side), np.uint8)
    for _ in range(count):
        x, y, width, height = (
            int(v) for v in [*rng.integers(0, side, 2), *rng.integers(4, largest, 2)]
        )
        cv2.ellipse(mask, (x, y), (width, height), float(rng.integers(180)), 0, 360, value, -1)
    return mask


def cells(count: int = 150, side: int = 256) -> npt.NDArray[np.int64]:
    """A map that is full of cells, 1 and more."""
    places = np.random.default_rng(count).integers(0, side, (count, 2))
    y, x = np.mgrid[:side, :side]
    nearest: npt.NDArray[np.int64] = (
        (y[..., None] - places[:, 0]) ** 2 + (x[..., None] - places[:, 1]) ** 2
    ).argmin(axis=-1)
    return nearest + 1


@pytest.mark.parametrize("value", [255, 254, 200, 60])
@pytest.mark.parametrize("how", SMOOTH)
@pytest.mark.parametrize("form", ["L", "RGB", "red", "JPEG", "16 bits"])
def test_an_object_with_soft_edges_is_one(how: str, form: str, value: int) -> None:
    mask = SMOOTH[how](blobs(value=value))
    if form == "16 bits":
        content = as_file(mask.astype(np.uint16) * np.uint16(257))
    elif form == "red":
        content = as_file(np.stack([mask, mask * 0, mask * 0], axis=2))
    else:
        shown = Image.fromarray(mask).convert("RGB" if form == "RGB" else "L")
        content = as_file(shown, "JPEG" if form == "JPEG" else "PNG")
    ((found, group),) = objects_of(content, "m.png")
    assert group is None
    exact = blobs(value=255)
    expected = cv2.resize(exact, mask.shape, interpolation=cv2.INTER_NEAREST) > 0
    both = (rle.decode(found) & expected).sum() / (rle.decode(found) | expected).sum()
    assert both > 0.93


@pytest.mark.parametrize("how", ["blurred", "smoothed", "reduced"])
def test_many_small_objects_with_soft_edges_are_one_mask(how: str) -> None:
    assert len(objects_of(as_file(SMOOTH[how](blobs(30, largest=6, value=200))), "m.png")) == 1


def dots() -> npt.NDArray[np.int64]:
    labels = np.zeros((256, 256), np.int64)
    for number in range(150):
        labels[16 * (number // 16) + 3 :, 16 * (number % 16) + 3 :][:2, :2] = number + 1
    return labels


def islands() -> npt.NDArray[np.int64]:
    return np.asarray(cv2.connectedComponents(blobs(30, largest=6))[1], np.int64)


def roads() -> npt.NDArray[np.int64]:
    """Lines of one pixel, 1 to 14, that cross a large object of 200."""
    labels = np.where(blobs() > 0, 200, 0)
    for number in range(1, 15):
        labels[:, 17 * number] = number
    return labels


@pytest.mark.parametrize(
    "labels",
    [
        cells(),
        np.where(blobs(8) > 0, cells(), 0),
        np.where(blobs(1) > 0, 255, cells()),
        dots(),
        islands(),
        roads(),
        np.arange(256).repeat(256).reshape(256, 256) // 16,
        np.where(blobs() > 0, 1 + (blobs(3) > 0), 0),
        50 * (blobs(2) > 0) + 50 * (blobs(3) > 0),
        (blobs() > 0) * 1 + (cv2.erode(blobs(), np.ones((3, 3))) > 0),  # borders of 1, inside 2
    ],
)
def test_labels_are_never_taken_for_edges(labels: npt.NDArray[np.int64]) -> None:
    found = objects_of(as_file(labels.astype(np.uint8)), "m.png")
    values = [int(value) for value in np.unique(labels) if value]
    values = values[:-1] if values[-1] == 255 else values
    assert [group for _, group in found] == [str(value) for value in values]
    for (mask, _), value in zip(found, values):
        assert rle.area(mask) == (labels == value).sum()


def test_a_few_levels_at_edges_may_be_either() -> None:
    rings = np.zeros((99, 99), np.uint8)
    for level, radius in ((64, 40), (128, 39), (191, 38), (254, 37)):
        cv2.circle(rings, (49, 49), radius, level, -1)
    with pytest.raises(ImageError, match=r"m\.png has 4 values, all but the highest at edges"):
        objects_of(as_file(rings), "m.png")
    assert len(objects_of(as_file(rings), "m.png", void=(0,))) == 4


@pytest.mark.parametrize(
    "values", [(128, 255), (127, 255), (85, 170, 255), (51, 102, 153, 204, 255)]
)
def test_even_steps_up_to_255_may_be_classes_or_have_a_void(values: tuple[int, ...]) -> None:
    labels = np.zeros((60, 60), np.uint8)
    for number, value in enumerate(values):
        labels[10 * number :][:10] = value
    with pytest.raises(ImageError, match=rf"values {values[0]}.*in even steps, of which 255 may"):
        objects_of(as_file(labels), "m.png")
    assert len(objects_of(as_file(labels), "m.png", void=(0,))) == len(values)
    assert len(objects_of(as_file(labels), "m.png", void=(0, 255))) == len(values) - 1


def test_what_losses_have_mixed_is_refused() -> None:
    two = np.maximum(blobs(2, value=200), blobs(3, value=100))
    red, green = blobs(2), blobs(3)
    green[red > 0] = 0
    coloured = np.stack([red, green, red * 0], axis=2)
    for picture in (two, coloured):
        with pytest.raises(ImageError, match="shows more than one value or colour"):
            objects_of(as_file(picture, "JPEG", quality=90), "m.jpg")
    with pytest.raises(ImageError, match="no value above"):
        objects_of(as_file(blobs(value=3), "JPEG", quality=95), "m.jpg")
    with pytest.raises(ImageError, match="objects of several colours with soft edges"):
        objects_of(as_file(cv2.GaussianBlur(coloured, (0, 0), 1)), "m.png")


def test_deep_tiff_with_soft_edges() -> None:
    soft = cv2.GaussianBlur(blobs().astype(np.uint16) * 100, (0, 0), 2)
    file = io.BytesIO()
    tifffile.imwrite(file, soft)
    ((mask, _),) = objects_of(file.getvalue(), "m.tif")
    np.testing.assert_array_equal(rle.decode(mask), soft > soft.max() / 2)
