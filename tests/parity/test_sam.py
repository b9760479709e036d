"""The whole model against the official one: images and prompts in, logits and gradients out.

Shape legend: B images, P prompts, M masks, H W pixels of an image inside the model's square.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from anymask.models.prompt_encoder import PromptBatch
from tests.parity.cases import Case, Kind, make_case
from tests.parity.twins import Twin, randn

# Adds the same to every score of a softmax, so nothing depends on it.
WITHOUT_EFFECT = "k_proj.bias"
ROUNDING = 1e-3  # the gradient that rounding leaves where there is none


def joined(first: PromptBatch, second: PromptBatch) -> PromptBatch:
    """Both batches as one, the shorter prompts padded; masks where either has them."""
    length = max(first.point_labels.shape[1], second.point_labels.shape[1])
    parts = [_padded(batch, length) for batch in (first, second)]
    side = next(b.mask_inputs.shape[-1] for b in parts if b.mask_inputs is not None)
    return PromptBatch(
        torch.cat([b.point_coords for b in parts]),
        torch.cat([b.point_labels for b in parts]),
        torch.cat([b.image_index for b in parts]),
        torch.cat([_masks_or_zeros(b, side) for b in parts]),
        torch.cat([torch.full((len(b.image_index),), b.mask_inputs is not None) for b in parts]),
    )


def _padded(batch: PromptBatch, length: int) -> PromptBatch:
    missing = length - batch.point_labels.shape[1]
    return replace(
        batch,
        point_coords=nn.functional.pad(batch.point_coords, (0, 0, 0, missing)),
        point_labels=nn.functional.pad(batch.point_labels, (0, missing), value=-1),
    )


def _masks_or_zeros(batch: PromptBatch, side: int) -> Tensor:
    if batch.mask_inputs is not None:
        return batch.mask_inputs
    return torch.zeros(len(batch.image_index), 1, side, side)


def two_cases(image_px: int) -> tuple[Case, Case]:
    """Three clicks for one image; two prompts of a box, points and a mask for the other."""
    clicks = make_case(Kind(prompts=3, points=2), image_px, seed=1)
    rich = make_case(Kind(prompts=2, points=3, box=True, mask=True), image_px, seed=2)
    return clicks, rich


def two_pictures(image_px: int) -> tuple[Tensor, Tensor]:
    """RGB of 0-255, (3, H, W): one wide, one high."""
    low, narrow = image_px * 5 // 8, image_px - 10
    return randn(3, low, image_px).mul(60).add(120), randn(3, image_px, narrow).mul(60).add(120)


def official_record(picture: Tensor, case: Case) -> dict[str, Any]:
    """What the official ``Sam.forward`` takes for one image."""
    record = {
        "image": picture,
        "original_size": tuple(picture.shape[1:]),
        "point_coords": case.coords,
        "point_labels": case.labels,
        "boxes": case.boxes,
        "mask_inputs": case.masks,
    }
    return {name: value for name, value in record.items() if value is not None}


@pytest.mark.parametrize("multimask_output", [True, False])
@torch.no_grad()
def test_two_images_with_their_own_prompts_give_what_the_official_model_gives_each_alone(
    twin: Twin, multimask_output: bool
) -> None:
    pictures, cases = two_pictures(twin.size.image_px), two_cases(twin.size.image_px)
    images = torch.stack([twin.ours.preprocess(picture) for picture in pictures])
    logits, iou = twin.ours(images, joined(cases[0].ours(0), cases[1].ours(1)))
    masks = slice(1, 4) if multimask_output else slice(0, 1)
    rows = (slice(0, 3), slice(3, 5))
    for picture, case, row in zip(pictures, cases, rows):
        (expected,) = twin.official([official_record(picture, case)], multimask_output)
        close(logits[row, masks], expected["low_res_logits"])
        close(iou[row, masks], expected["iou_predictions"])


def close(answer: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(answer, expected, atol=1e-4, rtol=1e-5)


@torch.no_grad()
def test_pixels_are_normalised_and_padded_as_officially(small_twin: Twin) -> None:
    for picture in two_pictures(small_twin.size.image_px):
        expected = small_twin.official.preprocess(picture)
        torch.testing.assert_close(small_twin.ours.preprocess(picture), expected, atol=1e-6, rtol=0)


def test_every_parameter_gets_the_official_gradient(twin: Twin) -> None:
    expected, ours = official_gradients(twin), our_gradients(twin)
    assert expected.keys() == {name for name, _ in twin.official.named_parameters()}
    for name, gradient in expected.items():
        if name.endswith(WITHOUT_EFFECT):
            continue
        largest = gradient.abs().max()
        assert largest > 10 * ROUNDING, f"{name} takes no part in the loss"
        assert name in ours, f"{name} gets no gradient"
        error = (ours[name] - gradient).abs().max()
        assert error <= 1e-3 * largest, f"{name}: off by {error:.2e} of {largest:.2e}"


def test_parameters_without_effect_get_a_gradient_of_zero(twin: Twin) -> None:
    """And not none at all, for which distributed training would wait."""
    expected, ours = official_gradients(twin), our_gradients(twin)
    names = [name for name in expected if name.endswith(WITHOUT_EFFECT)]
    assert len(names) == 3 * twin.size.decoder_depth + 1
    for name in names:
        assert expected[name].abs().max() < ROUNDING
        assert ours[name].abs().max() < ROUNDING


def loss_of(logits: Tensor, iou: Tensor) -> Tensor:
    """Every number counts with a weight of its own, so that none can stand in for another."""
    return (logits * randn(*logits.shape, seed=5)).sum() + (iou * randn(*iou.shape, seed=6)).sum()


def official_gradients(twin: Twin) -> dict[str, Tensor]:
    """By parameter; the two images one after the other, as the official decoder needs them."""
    official, answers = twin.official, []
    images = torch.stack([official.preprocess(x) for x in two_pictures(twin.size.image_px)])
    embeddings = official.image_encoder(images)
    for embedding, case in zip(embeddings, two_cases(twin.size.image_px)):
        sparse, dense = official.prompt_encoder(**case.official())
        pe = official.prompt_encoder.get_dense_pe()
        answers.append(official.mask_decoder.predict_masks(embedding[None], pe, sparse, dense))
    logits, iou = (torch.cat(both) for both in zip(*answers))
    return gradients(official, loss_of(logits, iou))


def our_gradients(twin: Twin) -> dict[str, Tensor]:
    """By parameter; both images in one pass."""
    pictures, cases = two_pictures(twin.size.image_px), two_cases(twin.size.image_px)
    images = torch.stack([twin.ours.preprocess(picture) for picture in pictures])
    logits, iou = twin.ours(images, joined(cases[0].ours(0), cases[1].ours(1)))
    return gradients(twin.ours, loss_of(logits, iou))


def gradients(model: nn.Module, loss: Tensor) -> dict[str, Tensor]:
    """The gradient of every parameter that the loss reaches."""
    names, parameters = zip(*model.named_parameters())
    found = torch.autograd.grad(loss, parameters, allow_unused=True)
    return {name: gradient for name, gradient in zip(names, found) if gradient is not None}
