"""The prompt encoder against the official one.

Shape legend: P prompts, N points, T tokens, C channels, h w embedding grid.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from anymask.models.prompt_encoder import PromptEmbedding
from tests.parity.cases import KINDS, Kind, make_case
from tests.parity.twins import Twin

TOLERANCE = 1e-5


def present(embedding: PromptEmbedding) -> Tensor:
    """(P, T, C) tokens that may be attended to, as many for each prompt."""
    rows = [tokens[~absent] for tokens, absent in zip(embedding.sparse, embedding.absent)]
    return torch.stack(rows)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@torch.no_grad()
def test_tokens_are_the_official_ones(twin: Twin, kind: Kind) -> None:
    """In the same order, with "not a point" after points without a box."""
    case = make_case(kind, twin.size.image_px)
    expected, _ = twin.official.prompt_encoder(**case.official())
    tokens = present(twin.ours.prompt_encoder(case.ours()))
    torch.testing.assert_close(tokens, expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@torch.no_grad()
def test_dense_embeddings_are_the_official_ones(twin: Twin, kind: Kind) -> None:
    case = make_case(kind, twin.size.image_px)
    _, expected = twin.official.prompt_encoder(**case.official())
    dense = twin.ours.prompt_encoder(case.ours()).dense.expand_as(expected)
    torch.testing.assert_close(dense, expected, atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_positions_of_the_image_are_the_official_ones(twin: Twin) -> None:
    expected = twin.official.prompt_encoder.get_dense_pe()[0].flatten(1).T
    dense_pe = twin.ours.prompt_encoder.dense_pe()
    torch.testing.assert_close(dense_pe, expected, atol=TOLERANCE, rtol=0)


@pytest.mark.parametrize("name", ["five points", "a box and points"])
@torch.no_grad()
def test_padding_is_absent_and_leaves_the_official_tokens(small_twin: Twin, name: str) -> None:
    """The official code would attend to it as "not a point" (``compat`` says so)."""
    case = make_case(KINDS[name], small_twin.size.image_px)
    expected, _ = small_twin.official.prompt_encoder(**case.official())
    prompts = case.ours()
    padded = replace(
        prompts,
        point_coords=F.pad(prompts.point_coords, (0, 0, 0, 2), value=7.0),
        point_labels=F.pad(prompts.point_labels, (0, 2), value=-1),
    )
    embedding = small_twin.ours.prompt_encoder(padded)
    torch.testing.assert_close(present(embedding), expected, atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_a_prompt_without_a_mask_has_the_official_no_mask_beside_one_that_has(
    small_twin: Twin,
) -> None:
    case = make_case(Kind(prompts=2, points=1, mask=True), small_twin.size.image_px)
    prompts = replace(case.ours(), has_mask=torch.tensor([True, False]))
    dense = small_twin.ours.prompt_encoder(prompts).dense
    _, masked = small_twin.official.prompt_encoder(**case.official())
    _, unmasked = small_twin.official.prompt_encoder(**replace(case, masks=None).official())
    expected = torch.stack([masked[0], unmasked[1]])
    torch.testing.assert_close(dense, expected, atol=TOLERANCE, rtol=0)
