"""``compat.SamPredictor`` against the official ``SamPredictor``, call by call.

Shape legend: P prompts, N points, M masks, h w low-resolution grid, H W pixels of the image.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from anymask.compat import SamPredictor
from anymask.predict.predictor import Predictor
from tests.parity.twins import SIZES, official_twin, segment_anything

Array = npt.NDArray[Any]
Answer = tuple[Array, Array, Array]

# Bilinear resizing in two libraries rounds differently; a pixel this near the threshold may flip.
UNDECIDED = 1e-3
SIZES_HW = {"wide and small": (70, 101), "high and large": (301, 190)}


@dataclass(frozen=True)
class Pair:
    """Both predictors, looking at the same image."""

    official: Any
    ours: SamPredictor
    image: npt.NDArray[np.uint8]

    def xy(self, count: int, seed: int = 0) -> npt.NDArray[np.float64]:
        """Random places in the image: (count, 2)."""
        height, width = self.image.shape[:2]
        return np.random.default_rng(seed).random((count, 2)) * [width, height]

    def box(self, seed: int = 0) -> npt.NDArray[np.float64]:
        """A random box: (4,) XYXY."""
        return np.sort(self.xy(2, seed), axis=0).reshape(4)


@pytest.fixture(scope="module", params=SIZES_HW.values(), ids=list(SIZES_HW))
def pair(request: pytest.FixtureRequest) -> Pair:
    """A model that has seen a random image, enlarged for it or shrunk."""
    twin = official_twin(SIZES["depth 2"])
    image = np.random.default_rng(0).integers(0, 256, (*request.param, 3), dtype=np.uint8)
    official = segment_anything.SamPredictor(twin.official)
    ours = SamPredictor(Predictor(twin.checkpoint))
    official.set_image(image)
    ours.set_image(image)
    return Pair(official, ours, image)


def rough_mask(pair: Pair) -> Array:
    """(1, h, w) logits of an earlier answer, to be fed back."""
    _, scores, logits = pair.official.predict(pair.xy(1, seed=3), np.array([1]))
    return np.asarray(logits[np.argmax(scores)][None])


PROMPTS: dict[str, Callable[[Pair], dict[str, Any]]] = {
    "a point": lambda pair: {"point_coords": pair.xy(1), "point_labels": np.array([1])},
    "points": lambda pair: {
        "point_coords": pair.xy(4),
        "point_labels": np.array([1, 0, 1, 0]),
    },
    "a box": lambda pair: {"box": pair.box()},
    "a box in a row": lambda pair: {"box": pair.box()[None]},
    "a box and points": lambda pair: {
        "point_coords": pair.xy(2),
        "point_labels": np.array([1, 0]),
        "box": pair.box(seed=4),
    },
    "a mask fed back": lambda pair: {"mask_input": rough_mask(pair)},
    "a point and a mask fed back": lambda pair: {
        "point_coords": pair.xy(1),
        "point_labels": np.array([1]),
        "mask_input": rough_mask(pair),
    },
    "whole numbers": lambda pair: {
        "point_coords": np.array([[20, 30]]),
        "point_labels": np.array([1]),
        "box": np.array([3, 4, 50, 60]),
    },
    "nothing": lambda pair: {},
}


@pytest.mark.parametrize("multimask_output", [True, False])
@pytest.mark.parametrize("arguments_of", PROMPTS.values(), ids=PROMPTS)
def test_predict_gives_the_official_masks(
    pair: Pair, arguments_of: Callable[[Pair], dict[str, Any]], multimask_output: bool
) -> None:
    prompt = arguments_of(pair) | {"multimask_output": multimask_output}
    full = pair.official.predict(**prompt, return_logits=True)[0]
    expected, answer = pair.official.predict(**prompt), pair.ours.predict(**prompt)
    same_masks(answer[0], expected[0], full)
    same_numbers(answer[1], expected[1])
    same_numbers(answer[2], expected[2])


@pytest.mark.parametrize("arguments_of", PROMPTS.values(), ids=PROMPTS)
def test_predict_gives_the_official_logits_when_asked_for_them(
    pair: Pair, arguments_of: Callable[[Pair], dict[str, Any]]
) -> None:
    expected = pair.official.predict(**arguments_of(pair), return_logits=True)
    answer = pair.ours.predict(**arguments_of(pair), return_logits=True)
    for ours, theirs in zip(answer, expected):
        same_numbers(ours, theirs)


def same_masks(masks: Array, expected: Array, logits: Array) -> None:
    """Equal wherever the official logits leave no doubt, which is nearly everywhere."""
    assert masks.shape == expected.shape
    assert masks.dtype == expected.dtype == bool
    assert 0.01 < expected.mean() < 0.99  # neither all nor nothing
    differs = masks != expected
    assert not differs[np.abs(logits) >= UNDECIDED].any()
    assert differs.mean() < 1e-3


def same_numbers(answer: Array | Tensor, expected: Array | Tensor) -> None:
    """The same shape and type, and values to 1e-4."""
    assert type(answer) is type(expected)
    torch.testing.assert_close(
        torch.as_tensor(answer), torch.as_tensor(expected), atol=1e-4, rtol=1e-5
    )


@pytest.mark.parametrize("multimask_output", [True, False])
def test_predict_torch_answers_many_prompts_at_once_as_officially(
    pair: Pair, multimask_output: bool
) -> None:
    points = torch.from_numpy(np.stack([pair.xy(2, seed) for seed in range(5)]))
    boxes = torch.from_numpy(np.stack([pair.box(seed) for seed in range(5)]))
    answers = []
    for predictor in (pair.official, pair.ours):
        size = pair.image.shape[:2]
        answers.append(
            predictor.predict_torch(
                point_coords=predictor.transform.apply_coords_torch(points, size).float(),
                point_labels=torch.tensor([[1, 0]]).expand(5, 2),
                boxes=predictor.transform.apply_boxes_torch(boxes, size).float(),
                mask_input=torch.from_numpy(rough_mask(pair)).expand(5, 1, -1, -1),
                multimask_output=multimask_output,
                return_logits=True,
            )
        )
    expected, answer = answers
    assert answer[0].shape == (5, 3 if multimask_output else 1, *pair.image.shape[:2])
    for ours, theirs in zip(answer, expected):
        same_numbers(ours, theirs)


def test_predict_torch_thresholds_as_officially(pair: Pair) -> None:
    boxes = torch.tensor([[10.0, 20.0, 60.0, 90.0], [30.0, 5.0, 120.0, 40.0]])
    full = pair.official.predict_torch(None, None, boxes, return_logits=True)[0]
    expected, answer = (x.predict_torch(None, None, boxes)[0] for x in (pair.official, pair.ours))
    same_masks(answer.numpy(), expected.numpy(), full.numpy())


def test_the_embedding_of_the_image_is_the_official_one(pair: Pair) -> None:
    same_numbers(pair.ours.get_image_embedding(), pair.official.get_image_embedding())
    assert pair.ours.is_image_set
    assert pair.ours.original_size == pair.official.original_size
    assert pair.ours.input_size == pair.official.input_size
    assert pair.ours.device == pair.official.device


def test_blue_first_images_are_understood_as_officially(pair: Pair) -> None:
    official = segment_anything.SamPredictor(pair.official.model)
    ours = SamPredictor(pair.ours.model)
    for predictor in (official, ours):
        predictor.set_image(pair.image, image_format="BGR")
    same_numbers(ours.get_image_embedding(), official.get_image_embedding())
    apart = ours.get_image_embedding() - pair.ours.get_image_embedding()
    assert apart.abs().max() > 0.01  # red and blue were swapped, not ignored


def test_an_image_that_was_resized_before_is_embedded_as_officially(pair: Pair) -> None:
    official = segment_anything.SamPredictor(pair.official.model)
    ours = SamPredictor(pair.ours.model)
    for predictor in (official, ours):
        resized = torch.from_numpy(predictor.transform.apply_image(pair.image))
        predictor.set_torch_image(resized.permute(2, 0, 1)[None], pair.image.shape[:2])
    same_numbers(ours.get_image_embedding(), official.get_image_embedding())
    expected, answer = (x.predict(box=pair.box(), return_logits=True) for x in (official, ours))
    for mine, theirs in zip(answer, expected):
        same_numbers(mine, theirs)


def test_a_forgotten_image_is_gone(pair: Pair) -> None:
    predictors = segment_anything.SamPredictor(pair.official.model), SamPredictor(pair.ours.model)
    for predictor in predictors:
        predictor.set_image(pair.image)
        assert predictor.is_image_set
        predictor.reset_image()
        assert not predictor.is_image_set
        assert predictor.features is None


def test_images_are_resized_to_the_official_pixels(pair: Pair) -> None:
    expected = pair.official.transform.apply_image(pair.image)
    resized = pair.ours.transform.apply_image(pair.image)
    assert resized.dtype == expected.dtype
    np.testing.assert_array_equal(resized, expected)


def test_coordinates_and_boxes_are_mapped_as_officially(pair: Pair) -> None:
    size, points, boxes = pair.image.shape[:2], pair.xy(6).reshape(3, 2, 2), pair.xy(6)
    boxes = boxes.reshape(3, 4)
    ours, official = pair.ours.transform, pair.official.transform
    near(ours.apply_coords(points, size), official.apply_coords(points, size))
    near(ours.apply_boxes(boxes, size), official.apply_boxes(boxes, size))
    points_torch, boxes_torch = torch.from_numpy(points).float(), torch.from_numpy(boxes).float()
    same_numbers(
        ours.apply_coords_torch(points_torch, size), official.apply_coords_torch(points_torch, size)
    )
    same_numbers(
        ours.apply_boxes_torch(boxes_torch, size), official.apply_boxes_torch(boxes_torch, size)
    )


def near(answer: Array, expected: Array) -> None:
    """The same shape, and values to a ten-thousandth of a pixel."""
    assert answer.shape == expected.shape
    np.testing.assert_allclose(answer, expected, atol=1e-4, rtol=0)


@pytest.mark.parametrize("dtype", [torch.int64, torch.float64])
def test_coordinates_of_any_type_become_float32_as_officially(
    pair: Pair, dtype: torch.dtype
) -> None:
    points = torch.tensor([[[11, 23], [37, 41]]], dtype=dtype)
    size = pair.image.shape[:2]
    expected = pair.official.transform.apply_coords_torch(points, size)
    same_numbers(pair.ours.transform.apply_coords_torch(points, size), expected)
