"""The box head: where it reads, and how it moves boxes."""

from __future__ import annotations

import pytest
import torch

from anymask.models.box_head import BINS, BoxHead


def test_it_reads_the_box_and_a_quarter_of_its_sides_around() -> None:
    head = BoxHead((8, 8), 128)
    # Maps of coordinates: what is sampled is where it was sampled.
    places = (torch.arange(64) + 0.5) * 2
    ramp = torch.stack(torch.meshgrid(places, places, indexing="xy"))  # (x, y) of each cell
    sampled = torch.nn.functional.grid_sample(
        ramp[None], head._places(torch.tensor([[40.0, 60.0, 80.0, 70.0]])), align_corners=False
    )
    x, y = sampled[0]
    assert x.shape == (BINS, BINS)
    shares = [(i + 0.5) / BINS for i in range(BINS)]
    assert x[0].tolist() == pytest.approx([30 + 60 * share for share in shares], rel=1e-4)
    assert y[:, 0].tolist() == pytest.approx([57.5 + 15 * share for share in shares], rel=1e-4)


def test_boxes_are_moved_by_halves_of_their_sides() -> None:
    torch.manual_seed(0)
    head = BoxHead((8, 16), 64)
    maps = torch.randn(1, 8, 16, 16), torch.randn(1, 16, 8, 8)
    boxes = torch.tensor([[8.0, 8.0, 24.0, 16.0], [0.0, 0.0, 64.0, 64.0]])
    with torch.no_grad():
        head.answer.weight.zero_()
        still = head(maps, boxes)
        head.answer.bias[1:] = torch.tensor([1.0, 0.0, 0.0, torch.log(torch.tensor(2.0))])
        moved = head(maps, boxes)
    assert still.boxes_xyxy.tolist() == boxes.tolist()
    assert moved.boxes_xyxy[0].tolist() == pytest.approx([16, 4, 32, 20])
    assert moved.scores.shape == (2,)


def test_one_box_does_not_depend_on_others() -> None:
    torch.manual_seed(0)
    head = BoxHead((8, 16), 64)
    torch.nn.init.normal_(head.answer.weight)
    maps = torch.randn(1, 8, 16, 16), torch.randn(1, 16, 8, 8)
    boxes = torch.tensor([[8.0, 8.0, 24.0, 16.0], [0.0, 0.0, 64.0, 64.0], [5.0, 1.0, 9.0, 60.0]])
    together = head(maps, boxes)
    alone = head(maps, boxes[1:2])
    assert torch.allclose(together.scores[1], alone.scores[0], atol=1e-5)
    assert torch.allclose(together.boxes_xyxy[1], alone.boxes_xyxy[0], atol=1e-4)
