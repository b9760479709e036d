"""Losses: worked by hand, and their gradients."""

from __future__ import annotations

import math

import pytest
import torch

from anymask.training.sam.losses import mask_losses


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def test_losses_equal_a_hand_worked_case() -> None:
    logits = torch.tensor([[[[2.0, -1.0], [0.5, -3.0]]]])
    truth = torch.tensor([[[True, False], [False, True]]])
    losses = mask_losses(logits, truth)
    right = [sigmoid(2.0), sigmoid(1.0), sigmoid(-0.5), sigmoid(-3.0)]
    alpha = [0.25, 0.75, 0.75, 0.25]
    focal = sum(a * (1 - p) ** 2 * -math.log(p) for a, p in zip(alpha, right)) / 4
    p = [sigmoid(x) for x in (2.0, -1.0, 0.5, -3.0)]
    dice = 1 - (2 * (p[0] + p[3]) + 1) / (sum(p) + 2 + 1)
    assert losses.focal.item() == pytest.approx(focal, rel=1e-5)
    assert losses.dice.item() == pytest.approx(dice, rel=1e-5)
    assert losses.iou.item() == pytest.approx(1 / 3)  # predicted 2 pixels, one of 2 right


def test_every_prompt_is_compared_with_its_own_truth_and_every_mask_apart() -> None:
    torch.manual_seed(0)
    logits, truth = torch.randn(3, 4, 5, 6), torch.rand(3, 5, 6) < 0.4
    together = mask_losses(logits, truth)
    for i in range(3):
        for j in range(4):
            alone = mask_losses(logits[i : i + 1, j : j + 1], truth[i : i + 1])
            for name in ("focal", "dice", "iou"):
                pair = getattr(together, name)[i, j], getattr(alone, name)[0, 0]
                assert pair[0].item() == pytest.approx(pair[1].item(), rel=1e-5)


def test_sure_and_right_costs_nothing_and_sure_and_wrong_stays_finite() -> None:
    truth = torch.zeros(1, 4, 4, dtype=torch.bool)
    truth[0, :2] = True
    logits = torch.where(truth, 200.0, -200.0)[None]
    right, wrong = mask_losses(logits, truth), mask_losses(-logits.requires_grad_(), truth)
    assert right.focal.item() == pytest.approx(0, abs=1e-6)
    assert right.dice.item() == pytest.approx(0, abs=1e-6)
    assert right.iou.item() == 1
    assert wrong.iou.item() == 0
    (wrong.focal + wrong.dice).sum().backward()
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_half_precision_is_compared_in_float32() -> None:
    logits = torch.randn(1, 1, 256, 256)
    truth = torch.rand(1, 256, 256) < 0.5
    low = mask_losses(logits.bfloat16(), truth)
    assert low.focal.dtype == torch.float32
    assert low.dice.item() == pytest.approx(mask_losses(logits, truth).dice.item(), abs=1e-3)
