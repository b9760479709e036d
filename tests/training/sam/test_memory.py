"""The estimate of memory, against what autograd really keeps."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anymask.models.sam import MOBILE_SAM, SAM_VIT_B, SAM_VIT_H
from anymask.training.sam import recipes
from anymask.training.sam.memory import estimate
from tests.conftest import TINY

HEAD_PARAMETERS = 6_220 + 4_058_340  # prompt encoder and mask decoder of every official SAM


def test_weights_and_the_optimisers_copies_are_counted() -> None:
    frozen = estimate(recipes.finetune_decoder(), SAM_VIT_B)
    assert frozen.gradients == 3 * 4 * HEAD_PARAMETERS
    assert frozen.encoder == 0
    assert 4 * 93_700_000 < frozen.weights < 4 * 93_800_000
    whole = estimate(replace(recipes.finetune_all(), ema=0.9), SAM_VIT_B)
    assert whole.gradients == 4 * whole.weights


def test_lora_learns_little_and_keeps_the_encoders_pass() -> None:
    lora = estimate(recipes.finetune_lora(), MOBILE_SAM)
    assert lora.gradients < 3 * 4 * 1.1 * HEAD_PARAMETERS
    assert lora.encoder > 0


def test_a_vit_needs_room_for_the_attention_of_all_positions() -> None:
    """What two steps took on a processor, in ``benchmarks/memory.py``: 3.6 GB beside weights."""
    lora = estimate(recipes.finetune_lora(), SAM_VIT_B)
    assert 3.2e9 < lora.total - lora.weights < 4.2e9


def test_recomputing_and_smaller_passes_need_less() -> None:
    plain = replace(recipes.finetune_all(), checkpointing=False)
    assert (
        estimate(replace(plain, checkpointing=True), SAM_VIT_B).encoder
        < 0.5 * estimate(plain, SAM_VIT_B).encoder
    )
    small, large = (estimate(replace(plain, prompts_per_pass=count), TINY).head for count in (2, 8))
    assert large == pytest.approx(4 * small, rel=0.1)
    half = estimate(replace(plain, precision="bfloat16"), TINY)
    assert half.encoder == pytest.approx(estimate(plain, TINY).encoder / 2, abs=1)


def test_the_largest_model_is_estimated_without_being_made() -> None:
    assert 12e9 < estimate(recipes.paper(), SAM_VIT_H).total < 14e9
