"""What the second stage learns, by cases worked by hand."""

from __future__ import annotations

import math

import pytest
import torch

from anymask.models.box_head import Looked
from anymask.training.detector.looks import look_losses, with_truths

OBJECT = torch.tensor([[0.0, 0.0, 10.0, 10.0]])
HALF, FAR = [0.0, 0.0, 10.0, 5.0], [20.0, 20.0, 28.0, 28.0]
ALL = torch.ones(4, 4, dtype=torch.bool)


def looked(*boxes: list[float]) -> Looked:
    return Looked(torch.zeros(len(boxes), requires_grad=True), torch.tensor(boxes))


def test_a_box_of_an_object_is_to_say_the_iou_that_it_reaches_and_to_fit() -> None:
    losses = look_losses(looked([0.0, 0.0, 10.0, 8.0]), torch.tensor([HALF]), OBJECT, ALL, 8)
    # It began with an IoU of 0.5 and reaches 0.8; a logit of 0 costs log 2, whatever the aim.
    assert float(losses.qualities) == pytest.approx(0.8)
    assert float(losses.score.detach()) == pytest.approx(math.log(2))
    assert float(losses.box) == pytest.approx(0.2)
    assert int(losses.boxes) == 1


def test_a_box_of_nothing_costs_less_the_less_sure_it_is_and_nothing_where_nobody_decided() -> None:
    losses = look_losses(looked(FAR), torch.tensor([FAR]), OBJECT, ALL, 8)
    assert float(losses.score.detach()) == pytest.approx(math.log(2) * 0.75 / 2)
    assert (float(losses.qualities), float(losses.box), int(losses.boxes)) == (0, 0, 0)
    undecided = ALL.clone()
    undecided[3, 3] = False  # the centre is at 24, 24
    losses = look_losses(looked(FAR), torch.tensor([FAR]), OBJECT, undecided, 8)
    assert float(losses.score.detach()) == 0


def test_without_objects_all_boxes_are_of_nothing() -> None:
    losses = look_losses(looked(HALF, FAR), torch.tensor([HALF, FAR]), OBJECT[:0], ALL, 8)
    assert float(losses.score.detach()) == pytest.approx(2 * math.log(2) * 0.75 / 2)
    assert int(losses.boxes) == 0


def test_truths_are_proposed_a_little_wrong() -> None:
    torch.manual_seed(0)
    objects = torch.tensor([[0.0, 0.0, 100.0, 10.0]]).repeat(500, 1)
    seen = with_truths(torch.tensor([FAR]), objects)
    assert seen[0].tolist() == FAR
    off = (seen[1:] - objects).std(dim=0)
    assert off.tolist() == pytest.approx([12, 1.2, 12, 1.2], rel=0.15)
    assert (seen[:, 2:] > seen[:, :2]).all()
    assert with_truths(torch.tensor([FAR]), objects[:0]).tolist() == [FAR]
