"""The mask decoder and its two-way transformer against the official ones.

Shape legend: P prompts, T tokens, L = h·w image positions, C channels, h w embedding grid.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from tests.parity.cases import KINDS, Case, Kind, make_case
from tests.parity.twins import Twin, randn

TOLERANCE = 1e-4


def features(twin: Twin, images: int = 1) -> Tensor:
    """Random image embeddings (B, C, h, w)."""
    return randn(images, twin.size.decoder_width, twin.size.grid, twin.size.grid)


def official_decode(twin: Twin, embedding: Tensor, case: Case) -> tuple[Tensor, Tensor]:
    """All four masks' logits and IoUs of the official model for one image (1, C, h, w)."""
    sparse, dense = twin.official.prompt_encoder(**case.official())
    pe = twin.official.prompt_encoder.get_dense_pe()
    logits, iou = twin.official.mask_decoder.predict_masks(embedding, pe, sparse, dense)
    return logits, iou


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@torch.no_grad()
def test_logits_and_ious_are_the_official_ones(twin: Twin, kind: Kind) -> None:
    case = make_case(kind, twin.size.image_px)
    expected = official_decode(twin, features(twin), case)
    answer = twin.ours.decode(features(twin), case.ours())
    assert answer[0].shape[:2] == (len(case), 4)
    assert expected[0].std() > 0.1
    torch.testing.assert_close(answer, expected, atol=TOLERANCE, rtol=1e-5)


@pytest.mark.parametrize("name", ["one point", "seven of everything"])
@torch.no_grad()
def test_upscaling_some_positions_at_a_time_gives_the_official_logits(
    twin: Twin, name: str
) -> None:
    case = make_case(KINDS[name], twin.size.image_px)
    model = twin.checkpoint.build_sam()
    model.mask_decoder.band_positions = 10  # the last band is a shorter one
    expected = official_decode(twin, features(twin), case)
    answer = model.decode(features(twin), case.ours())
    torch.testing.assert_close(answer, expected, atol=TOLERANCE, rtol=1e-5)


@pytest.mark.parametrize("name", ["one point", "seven points", "seven boxes", "a box and points"])
@torch.no_grad()
def test_prompts_that_share_an_image_are_answered_officially(twin: Twin, name: str) -> None:
    case = make_case(KINDS[name], twin.size.image_px)
    decoder, prompts = twin.ours.mask_decoder, twin.ours.prompt_encoder(case.ours())
    positions = twin.ours.positions()
    shared = decoder.share(features(twin), prompts.dense, positions)
    tokens, image = decoder.attend(shared, prompts, positions)
    expected = official_decode(twin, features(twin), case)
    answer = decoder.masks(tokens, image), decoder.predicted_iou(tokens)
    torch.testing.assert_close(answer, expected, atol=TOLERANCE, rtol=1e-5)


@pytest.mark.parametrize("tokens", [5, 6, 12])
@torch.no_grad()
def test_the_transformer_is_the_official_one(twin: Twin, tokens: int) -> None:
    prompts, width, grid = 3, twin.size.decoder_width, twin.size.grid
    image, pe = randn(prompts, width, grid, grid), randn(1, width, grid, grid, seed=2)
    queries = randn(prompts, tokens, width, seed=3)
    expected = twin.official.mask_decoder.transformer(image, pe.expand_as(image), queries)
    ours = twin.ours.mask_decoder.transformer
    answer = ours(
        queries,
        image.flatten(2).mT,
        ours.positions(pe[0].flatten(1).T),
        torch.zeros(prompts, tokens, dtype=torch.bool),
    )
    torch.testing.assert_close(answer, expected, atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_an_absent_token_is_as_if_it_were_not_there_officially(twin: Twin) -> None:
    """Of the ones that stay, each must come out as the official transformer has it without."""
    width, grid, absent = twin.size.decoder_width, twin.size.grid, torch.zeros(1, 8).bool()
    absent[:, [2, 7]] = True
    image, pe = randn(1, width, grid, grid), randn(1, width, grid, grid, seed=2)
    queries = randn(1, 8, width, seed=3)
    expected = twin.official.mask_decoder.transformer(image, pe, queries[~absent][None])
    ours = twin.ours.mask_decoder.transformer
    answer, seen = ours(queries, image.flatten(2).mT, ours.positions(pe[0].flatten(1).T), absent)
    kept = answer[~absent][None]
    torch.testing.assert_close((kept, seen), expected, atol=TOLERANCE, rtol=0)


@torch.no_grad()
def test_a_padded_prompt_is_answered_as_the_official_model_answers_it_unpadded(
    twin: Twin,
) -> None:
    case = make_case(KINDS["five points"], twin.size.image_px)
    prompts = case.ours()
    padded = replace(
        prompts,
        point_coords=F.pad(prompts.point_coords, (0, 0, 0, 3), value=11.0),
        point_labels=F.pad(prompts.point_labels, (0, 3), value=-1),
    )
    expected = official_decode(twin, features(twin), case)
    answer = twin.ours.decode(features(twin), padded)
    torch.testing.assert_close(answer, expected, atol=TOLERANCE, rtol=1e-5)


@pytest.mark.parametrize("name", ["seven points", "seven of everything"])
@torch.no_grad()
def test_prompts_about_several_images_are_answered_as_officially_one_by_one(
    twin: Twin, name: str
) -> None:
    case = make_case(KINDS[name], twin.size.image_px)
    embeddings, index = features(twin, images=3), torch.tensor([2, 0, 0, 1, 2, 0, 2])
    logits, iou = twin.ours.decode(embeddings, replace(case.ours(), image_index=index))
    for image in range(3):
        rows = index == image
        expected = official_decode(twin, embeddings[image : image + 1], case)
        torch.testing.assert_close(logits[rows], expected[0][rows], atol=TOLERANCE, rtol=1e-5)
        torch.testing.assert_close(iou[rows], expected[1][rows], atol=TOLERANCE, rtol=1e-5)
