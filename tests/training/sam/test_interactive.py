"""The interactive rounds: what is asked, what is learned, and by which parameters."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from anymask.core.interaction import Habits
from anymask.core.prompts import PADDING
from anymask.models.prompt_encoder import PromptBatch
from anymask.models.sam import Sam
from anymask.training.sam.interactive import LossWeights, Round, play
from anymask.training.sam.losses import mask_losses
from tests.conftest import TINY, random_model
from tests.training.scripted import objects

PAPER, LOSSES = Habits(), LossWeights()


class Listener:
    """Notes what the model is asked and what it answers."""

    def __init__(self, model: Sam) -> None:
        self.asked: list[PromptBatch] = []
        self.answers: list[tuple[Tensor, Tensor]] = []
        self._decode = model.decode
        model.decode = self.decode  # type: ignore[method-assign, assignment]

    def decode(
        self, features: Tensor, prompts: PromptBatch, *rest: object
    ) -> tuple[Tensor, Tensor]:
        answer: tuple[Tensor, Tensor] = self._decode(features, prompts, *rest)  # type: ignore[arg-type]
        self.asked.append(prompts)
        self.answers.append((answer[0].detach(), answer[1].detach()))
        return answer


def features() -> Tensor:
    torch.manual_seed(3)
    return torch.randn(1, 64, 8, 8)


def played(model: Sam, habits: Habits = PAPER, weights: LossWeights = LOSSES) -> list[Round]:
    some = objects(5, habits)
    return list(play(model, features(), model.positions(), some, habits, weights))


@pytest.fixture
def model() -> Sam:
    return random_model(TINY)


def test_eleven_rounds_three_masks_first_and_one_afterwards(model: Sam) -> None:
    heard = Listener(model)
    rounds = played(model)
    assert len(rounds) == 11
    assert [answer[0].shape[1] for answer in heard.answers] == [3] + [1] * 10


def test_each_round_sees_the_logits_of_the_surest_mask_before(model: Sam) -> None:
    heard = Listener(model)
    played(model)
    assert heard.asked[0].mask_inputs is None
    for (logits, predicted), prompts in zip(heard.answers, heard.asked[1:]):
        assert prompts.mask_inputs is not None
        surest = logits[torch.arange(5), predicted.argmax(dim=1)]
        assert torch.equal(prompts.mask_inputs[:, 0], surest)
        assert not prompts.mask_inputs.requires_grad


def test_prompts_grow_by_a_point_except_in_the_idle_rounds(model: Sam) -> None:
    heard = Listener(model)
    played(model)
    some = objects(5, PAPER)
    present = torch.stack([(prompts.point_labels != PADDING).sum(1) for prompts in heard.asked])
    grown = present.diff(dim=0)
    assert grown.sum(0).tolist() == [8] * 5
    assert (grown[-1] == 0).all()
    idle = (grown[:-1] == 0).int().argmax(dim=0) + 1
    assert idle.tolist() == some.script.idle_round.tolist()
    assert present[0].tolist() == [2 if box else 1 for box in some.script.takes_box]


def test_a_steps_losses_equal_those_worked_out_apart(model: Sam) -> None:
    heard = Listener(model)
    weights = LossWeights(focal=20, dice=1, iou=1)
    rounds = played(model, weights=weights)
    truth = torch.from_numpy(objects(5, PAPER).truth)
    for one, (logits, predicted) in zip(rounds, heard.answers):
        for i in range(5):
            per_mask = [mask_losses(x[None, None], truth[i : i + 1]) for x in logits[i]]
            cost = [float(20 * x.focal + x.dice) for x in per_mask]
            errors = [float((p - x.iou) ** 2) for p, x in zip(predicted[i], per_mask)]
            wanted = min(cost) + sum(errors) / len(errors)
            assert one.loss[i].item() == pytest.approx(wanted, rel=1e-4)


def test_only_the_best_of_three_masks_gets_mask_loss() -> None:
    """Its own hypernetwork learns, the other two get no gradient at all."""
    habits = Habits(further_points=0)
    model = random_model(TINY)
    some = objects(1, habits)
    first = next(play(model, features(), model.positions(), some, habits, LossWeights(iou=0)))
    first.loss.sum().backward()
    got = [
        any(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in mlp.parameters())
        for mlp in model.mask_decoder.output_hypernetworks_mlps
    ]
    logits, _ = random_model(TINY).decode(*_asked(model, some, habits))
    costs = mask_losses(logits[:, 1:], torch.from_numpy(some.truth))
    best = 1 + int((20 * costs.focal + costs.dice).argmin())
    assert got == [i == best for i in range(4)]


def _asked(model: Sam, some: object, habits: Habits) -> tuple[Tensor, PromptBatch]:
    heard = Listener(model)
    next(play(model, features(), model.positions(), some, habits, LossWeights()))  # type: ignore[arg-type]
    return features(), heard.asked[0]


def test_gradients_reach_every_parameter_that_should_get_one(model: Sam) -> None:
    heard = Listener(model)
    some, asked = features().requires_grad_(), objects(8, PAPER)
    rounds = play(model, some, model.positions(), asked, PAPER, LossWeights())
    torch.stack([one.loss.sum() for one in rounds]).sum().backward()
    assert some.grad is not None
    costs = mask_losses(heard.answers[0][0], torch.from_numpy(asked.truth))
    won = {0, *(1 + (20 * costs.focal + costs.dice).argmin(dim=1)).tolist()}
    lost = [f"hypernetworks_mlps.{i}." for i in range(4) if i not in won]
    for name, p in model.named_parameters():
        if not name.startswith("image_encoder."):
            learns = p.grad is not None and bool(p.grad.abs().any())
            assert learns != any(part in name for part in lost), name


def test_rounds_can_be_learned_one_by_one_with_the_same_gradients(model: Sam) -> None:
    other = random_model(TINY)
    whole = sum(one.loss.sum() for one in played(other))
    assert isinstance(whole, Tensor)
    whole.backward()
    some = objects(5, PAPER)
    positions = model.positions()
    leaves = positions._replace(
        layers=tuple(type(x)(*(t.detach() for t in x)) for x in positions.layers),
        final=positions.final.detach(),
    )
    for one in play(model, features(), leaves, some, PAPER, LossWeights()):
        one.loss.sum().backward()
    mine = dict(model.named_parameters())
    for name, p in other.named_parameters():
        if "upscaling" in name or "hypernetworks" in name:  # what positions don't feed into
            assert p.grad is not None
            assert mine[name].grad is not None
            torch.testing.assert_close(mine[name].grad, p.grad, rtol=1e-4, atol=1e-6)


def test_the_loss_is_weighted_as_asked(model: Sam) -> None:
    plain = played(model, weights=LossWeights(1, 0, 0))
    assert torch.allclose(plain[0].loss, plain[0].focal)
    both = played(model, weights=replace(LossWeights(), iou=3.0))
    wanted = 20 * both[0].focal + both[0].dice + 3 * both[0].iou_error
    assert torch.allclose(both[0].loss, wanted)
