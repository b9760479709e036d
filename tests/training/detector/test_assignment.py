"""Assignment and losses, by cases worked by hand."""

from __future__ import annotations

import math

import pytest
import torch

from anymask.models.detector import Cells, DetectorConfig, ObjectDetector
from anymask.training.detector.assignment import Assignment, assign, is_near
from anymask.training.detector.losses import detection_losses
from anymask.training.detector.overlap import generalized_iou, pairwise_iou

# Four cells of 8 pixels in a row, and one of 32 over them.
CELLS = Cells(
    torch.tensor([[4.0, 4.0], [12.0, 4.0], [20.0, 4.0], [28.0, 4.0], [16.0, 16.0]]),
    torch.tensor([8.0, 8.0, 8.0, 8.0, 32.0]),
)


def test_overlaps_by_hand() -> None:
    boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    others = torch.tensor([[1.0, 1.0, 3.0, 3.0], [0.0, 0.0, 2.0, 2.0], [4.0, 0.0, 6.0, 2.0]])
    assert pairwise_iou(boxes, others).tolist() == [[pytest.approx(1 / 7), 1.0, 0.0]]
    # The hull of the first pair is 9 with 7 in the boxes; of the last 12 with 8.
    expected = [1 / 7 - 2 / 9, 1.0, -4 / 12]
    assert generalized_iou(boxes.expand(3, 4), others).tolist() == pytest.approx(expected)


def test_an_empty_box_overlaps_nothing_and_has_a_gradient() -> None:
    box = torch.tensor([[5.0, 5.0, 5.0, 5.0]], requires_grad=True)
    loss = 1 - generalized_iou(box, torch.tensor([[0.0, 0.0, 2.0, 2.0]]))
    loss.sum().backward()
    assert box.grad is not None
    assert torch.isfinite(box.grad).all()
    assert pairwise_iou(box.detach(), box.detach()).tolist() == [[0.0]]


def test_cells_near_the_centre_may_answer_and_a_tiny_object_has_some() -> None:
    objects = torch.tensor([[0.0, 0.0, 32.0, 8.0], [10.0, 2.0, 11.0, 3.0]])
    near = is_near(CELLS, objects)
    # The centre of the first is (16, 4), with room of 2.5 cells: all; the large cell's is 12 below.
    assert near.tolist() == [[True, True, True, True, True], [False, True, False, False, True]]


def test_the_best_fitting_cell_is_to_score_the_iou_that_it_reaches() -> None:
    objects = torch.tensor([[8.0, 0.0, 16.0, 8.0]])
    boxes = torch.zeros(5, 4)
    boxes[1] = torch.tensor([8.0, 0.0, 16.0, 4.0])  # half of the object
    assigned = assign(torch.full((5,), 0.25), boxes, CELLS, objects)
    assert assigned.object_of.tolist() == [-1, 0, -1, -1, 0]
    assert assigned.quality.tolist() == pytest.approx([0, 0.5, 0, 0, 0], abs=1e-6)
    assert assigned.share.tolist() == pytest.approx([0, 1, 0, 0, 0], abs=1e-6)


def test_of_two_that_overlap_alike_the_surer_cell_counts_more() -> None:
    objects = torch.tensor([[0.0, 0.0, 32.0, 8.0]])
    boxes = objects.expand(5, 4)
    scores = torch.tensor([0.01, 0.16, 0.04, 0.01, 0.01])
    assigned = assign(scores, boxes, CELLS, objects)
    assert assigned.object_of.tolist() == [0] * 5
    assert assigned.quality.tolist() == pytest.approx([0.25, 1, 0.5, 0.25, 0.25])


def test_a_cell_that_two_objects_want_is_of_the_one_that_it_overlaps_more() -> None:
    objects = torch.tensor([[8.0, 0.0, 16.0, 8.0], [8.0, 0.0, 16.0, 6.0]])
    boxes = torch.tensor([[8.0, 0.0, 16.0, 6.0]]).expand(5, 4)
    assigned = assign(torch.full((5,), 0.5), boxes, CELLS, objects)
    assert assigned.object_of[1] == 1
    assert assigned.quality[1] == 1


def test_without_objects_no_cell_answers() -> None:
    assigned = assign(torch.full((5,), 0.5), torch.zeros(5, 4), CELLS, torch.zeros(0, 4))
    assert assigned.object_of.tolist() == [-1] * 5
    assert assigned.quality.sum() == 0


def test_a_new_detector_begins_with_objects_at_the_level_of_their_size() -> None:
    model = ObjectDetector(DetectorConfig("m", width=8, grid=8, image_px=128, channels=16))
    scores, boxes, _ = model(torch.zeros(1, 8, 8, 8))
    cells = model.cells()
    for side, stride in ((32.0, 8.0), (64.0, 16.0), (128.0, 32.0)):
        middle = torch.tensor([64.0, 64.0])
        objects = torch.cat([middle - side / 2, middle + side / 2])[None]
        assigned = assign(scores[0].sigmoid().detach(), boxes[0].detach(), cells, objects)
        assert cells.stride_px[assigned.share.argmax()] == stride


def test_cells_near_an_object_of_their_size_learn_its_box() -> None:
    # The first boxes have sides of 32 pixels, and of 128 in the large cell: the finest and the
    # coarsest here, so that the one takes the smallest objects, too, and the other the largest.
    objects = torch.tensor([[0.0, 0.0, 32.0, 32.0], [10.0, 2.0, 12.0, 4.0]])
    none = torch.full((5,), 0.5), torch.zeros(5, 4)
    assert assign(*none, CELLS, objects).near_object.tolist() == [0, 1, 0, 0, -1]
    large = torch.tensor([[-240.0, -240.0, 272.0, 272.0]])  # the centre is that of the large cell
    assert assign(*none, CELLS, large).near_object.tolist() == [-1, -1, -1, -1, 0]
    assert assign(*none, CELLS, torch.zeros(0, 4)).near_object.tolist() == [-1] * 5


def test_an_object_counts_by_the_root_of_the_cells_near_it() -> None:
    objects = torch.tensor([[0.0, 0.0, 2.0, 2.0], [8.0, 0.0, 10.0, 2.0]])
    half = torch.tensor([[0.0, 0.0, 2.0, 1.0]]).expand(5, 4)  # of the first object
    nothing = torch.zeros(5)
    near = torch.tensor([0, 0, 0, 0, 1])
    assignment = Assignment(torch.full((5,), -1), nothing, nothing, near)
    losses = detection_losses(nothing, half, assignment, objects, nothing.bool(), doubt=1.0)
    assert float(losses.near_shares) == pytest.approx(4 / 2 + 1)
    # Of the second pair the hull is 20 with 6 in the boxes.
    assert float(losses.near_box) == pytest.approx(4 / 2 * 0.5 + (1 + 14 / 20))
    assert float(losses.box) == 0


def _losses(
    scores: torch.Tensor, quality: list[float], counts: list[bool], doubt: float = 1.0
) -> float:
    wanted = torch.tensor(quality)
    object_of = torch.where(wanted > 0, 0, -1)
    assignment = Assignment(object_of, wanted, (wanted > 0).float(), object_of)
    boxes = torch.tensor([[0.0, 0.0, 2.0, 2.0]]).expand(len(quality), 4)
    objects = torch.tensor([[0.0, 0.0, 2.0, 2.0]])
    losses = detection_losses(scores, boxes, assignment, objects, torch.tensor(counts), doubt)
    assert float(losses.box) == pytest.approx(0, abs=1e-6)
    assert float(losses.qualities) == pytest.approx(sum(quality))
    return float(losses.score.detach())


def test_varifocal_loss_by_hand() -> None:
    # p is 0.5: the cross-entropy is log 2, whatever the aim. It counts the aim as much, and where
    # there is no object 0.75 p² as much.
    assert _losses(torch.zeros(1), [0.9], [True]) == pytest.approx(math.log(2) * 0.9)
    nothing = math.log(2) * 0.75 / 4
    assert _losses(torch.zeros(2), [0.0, 0.0], [True, True]) == pytest.approx(2 * nothing)


def test_ignored_cells_cost_nothing_unless_they_answer_for_an_object() -> None:
    assert _losses(torch.zeros(2), [0.0, 0.0], [True, False]) == pytest.approx(
        math.log(2) * 0.75 / 4
    )
    assert _losses(torch.zeros(1), [0.9], [False]) == pytest.approx(math.log(2) * 0.9)


def test_a_sure_cell_where_nobody_drew_anything_pulls_no_more() -> None:
    scores = torch.tensor([3.0, -3.0], requires_grad=True)
    wanted = torch.zeros(2)
    none = torch.tensor([-1, -1])
    assignment = Assignment(none, wanted, wanted, none)
    boxes, nothing = torch.zeros(2, 4), torch.zeros(0, 4)
    counts = torch.tensor([True, True])
    losses = detection_losses(scores, boxes, assignment, nothing, counts, doubt=0.9)
    losses.score.backward()
    assert scores.grad is not None
    assert scores.grad[0] == 0
    assert scores.grad[1] > 0


def test_gradients_lead_a_box_to_its_object() -> None:
    objects = torch.tensor([[8.0, 0.0, 16.0, 8.0]])
    box = torch.tensor([[9.0, 1.0, 19.0, 9.0]], requires_grad=True)
    first = torch.tensor([0])
    assignment = Assignment(first, torch.tensor([0.5]), torch.tensor([1.0]), first)
    losses = detection_losses(
        torch.zeros(1), box, assignment, objects, torch.tensor([True]), doubt=1.0
    )
    losses.box.backward()
    assert box.grad is not None
    assert (box.grad > 0).tolist() == [[True, True, True, True]]  # all sides are too far right
