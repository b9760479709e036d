"""The optimiser: passes of a step to one update of a model, alone or among other processes.

Every family's learner has one. It sums gradients over passes and processes, cuts them, steps AdamW
at the recipe's pace, keeps a moving average of the weights, and gives all its state to go on from.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from anymask.training.distributed import World, is_sharded, shared_like, whole
from anymask.training.learner import Tally
from anymask.training.recipe import Recipe

Scene = TypeVar("Scene")


class Optimiser:
    """AdamW over a model's parameters that learn.

    groups: of parameters, each with ``lr_scale``, which the recipe's learning rate is multiplied
    by, and ``weight_decay``.
    """

    def __init__(
        self, model: nn.Module, groups: list[dict[str, Any]], recipe: Recipe, world: World
    ) -> None:
        self.model, self.recipe, self.world = model, recipe, world
        self.adamw = torch.optim.AdamW(groups, lr=recipe.lr, betas=recipe.betas)
        self.learning: list[nn.Parameter] = [p for p in model.parameters() if p.requires_grad]
        self.average = [p.detach().clone() for p in self.learning] if recipe.ema else []

    def step(
        self,
        number: int,
        passes: Iterable[Sequence[Scene]],
        learn: Callable[[int, Sequence[Scene]], Tally],
    ) -> Tally | None:
        """One update, number ``number`` from 0; None, and none made, if a loss is no number.

        learn: adds the gradients of one pass, divided by the recipe's ``batch``, and tells its
        losses as sums over images. What chance decides in it depends on seed, number, pass and
        rank. Gives the losses as means over the step's images, the learning rate and the gradient's
        length.
        """
        self.adamw.zero_grad(set_to_none=True)
        tally: Tally = {}
        for i, scenes in enumerate(passes):
            seed = np.random.SeedSequence([self.recipe.seed, number, i, self.world.rank])
            torch.manual_seed(int(seed.generate_state(1)[0]))
            for name, value in learn(number, scenes).items():
                tally[name] = tally.get(name, 0.0) + value / self.recipe.batch
        self.world.add_up(self.learning)
        norm = self._clip()
        tally = dict(zip(tally, self.world.sum(list(tally.values()))))
        if not np.isfinite([norm, *tally.values()]).all():
            return None
        lr = self.recipe.lr_at(number)
        for group in self.adamw.param_groups:
            group["lr"] = lr * group["lr_scale"]
        self.adamw.step()
        self._keep_average()
        return tally | {"lr": lr, "gradient_norm": norm}

    def autocast(self) -> AbstractContextManager[Any]:
        """Compute in bfloat16, if the recipe says so.

        Without the cache of converted weights, which would outlive the pass that made it.
        """
        return torch.autocast(
            self.world.device.type,
            torch.bfloat16,
            enabled=self.recipe.precision == "bfloat16",
            cache_enabled=False,
        )

    @contextmanager
    def averaged(self) -> Iterator[None]:
        """Let the model have the moving average of its weights, if one is kept."""
        self._swap_average()
        try:
            yield
        finally:
            self._swap_average()

    def averaged_weights(
        self, state: Callable[[], Mapping[str, Tensor]] | None = None
    ) -> dict[str, Tensor]:
        """The averaged model's tensors as copies on the CPU; every process must ask for it.

        state: what of the model is asked for, by default its ``state_dict``.
        """
        with self.averaged():
            tensors = (state or self.model.state_dict)()
            return {
                name: whole(tensor).detach().to("cpu", copy=True).contiguous()
                for name, tensor in tensors.items()
            }

    def state(self) -> dict[str, Any]:
        """Model, optimiser and average, whole; every process must ask for it."""
        adamw = self.adamw.state_dict()
        moments = {
            number: {name: whole(tensor) for name, tensor in kept.items()}
            for number, kept in adamw["state"].items()
        }
        return {
            "model": {name: whole(tensor) for name, tensor in self.model.state_dict().items()},
            "optimizer": {**adamw, "state": moments},
            "average": [whole(tensor) for tensor in self.average],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state``."""
        mine = self.model.state_dict()
        self.model.load_state_dict(
            {name: shared_like(tensor, mine[name]) for name, tensor in state["model"].items()}
        )
        learning = [p for group in self.adamw.param_groups for p in group["params"]]
        moments = {
            number: {name: _moment(tensor, learning[number]) for name, tensor in kept.items()}
            for number, kept in state["optimizer"]["state"].items()
        }
        self.adamw.load_state_dict({**state["optimizer"], "state": moments})
        for mean, other in zip(self.average, state["average"], strict=True):
            mean.copy_(shared_like(other, mean))

    @torch.no_grad()
    def _swap_average(self) -> None:
        """Exchange the weights with their moving average, if one is kept; twice changes nothing."""
        for parameter, mean in zip(self.learning, self.average):
            kept = parameter.clone()
            parameter.copy_(mean)
            mean.copy_(kept)

    @torch.no_grad()
    def _keep_average(self) -> None:
        for mean, parameter in zip(self.average, self.learning):
            mean.lerp_(parameter, 1 - self.recipe.ema)

    def _clip(self) -> float:
        """The length of the gradient before it is cut to ``clip_norm``."""
        grads = [p.grad for p in self.learning if p.grad is not None]
        sharded = [grad for grad in grads if is_sharded(grad)]
        others = [grad for grad in grads if not is_sharded(grad)]
        norms = [nn.utils.get_total_norm(group) for group in (sharded, others) if group]
        norm = math.hypot(*(float(whole(length)) for length in norms))
        if self.recipe.clip_norm and norm > self.recipe.clip_norm:
            for grad in grads:
                grad.mul_(self.recipe.clip_norm / norm)
        return norm


def _moment(tensor: Tensor, parameter: nn.Parameter) -> Tensor:
    """What AdamW keeps for a parameter, in its parts; its count of steps has none."""
    return shared_like(tensor, parameter) if tensor.shape == parameter.shape else tensor
