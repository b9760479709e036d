"""The graphs that answer clicks give what the model does, whatever its depth and its numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from anymask.export.click import (
    ClickGraph,
    MaskGraph,
    PrepareGraph,
    click_names,
    own_names,
)
from anymask.models.mask_decoder import MaskDecoderConfig
from anymask.models.prompt_encoder import PromptBatch
from anymask.models.sam import Sam
from tests.conftest import TINY


def model(depth: int, ranking: int | None) -> Sam:
    """A small one whose norms and biases are nothing special, unlike those of a new one."""
    torch.manual_seed(depth)
    decoder = MaskDecoderConfig(depth=depth, width=64, mlp_hidden=32, ranking=ranking)
    sam = Sam(replace(TINY, decoder=decoder))
    if sam.mask_decoder.ranking is not None:
        torch.nn.init.normal_(sam.mask_decoder.ranking.correction.weight)
    for parameter in sam.parameters():
        spread = 0.3 * torch.randn_like(parameter) if parameter.ndim == 1 else 0
        parameter.data += spread
    return sam.requires_grad_(False).eval()


@pytest.mark.parametrize("with_mask", [False, True])
@pytest.mark.parametrize(("depth", "ranking"), [(1, None), (2, None), (2, 16), (3, None)])
def test_clicks_are_answered_as_the_model_does(
    depth: int, ranking: int | None, with_mask: bool
) -> None:
    sam = model(depth, ranking)
    features = torch.randn(1, 64, 8, 8)
    mask: Tensor | None = 5 * torch.randn(1, 1, 32, 32) if with_mask else None
    coords = 128 * torch.rand(3, 2, 2)
    labels = torch.tensor([[1, -1], [1, 0], [2, 3]])  # a click, two, and a box
    masks = None if mask is None else mask.expand(3, -1, -1, -1)
    prompts = PromptBatch(coords, labels, torch.zeros(3, dtype=torch.int64), masks)
    expected, scores = sam.decode(features, prompts)

    own = PrepareGraph(sam)(features)
    assert len(own) == len(own_names(sam.config.decoder))
    if mask is not None:
        own = MaskGraph(sam)(mask, *own)
    taken = own[: len(click_names(sam.config.decoder))]
    predicted_iou, logits, *at_first_sight = ClickGraph(sam)(coords, labels.float(), *taken)
    assert len(at_first_sight) == (ranking is not None)
    for before in at_first_sight:
        torch.testing.assert_close(before[:, 0], predicted_iou[:, 0])
        assert (before != predicted_iou).any(dim=1).tolist() == [True, False, False]
    torch.testing.assert_close(logits, expected, atol=2e-4, rtol=1e-3)
    if with_mask and at_first_sight:  # who prepares an image with a mask knows of it
        (predicted_iou,) = at_first_sight
    torch.testing.assert_close(predicted_iou, scores, atol=1e-4, rtol=1e-3)
