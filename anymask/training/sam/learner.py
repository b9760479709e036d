"""The learner: a model, its optimiser, and what one step does to them.

Shape legend: B images of a pass, P objects, C channels, h w embedding grid, S side of the input.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from anymask.models.sam import Sam
from anymask.models.two_way import ImagePositions, LayerPositions
from anymask.training.distributed import World, is_sharded, shared_like, whole
from anymask.training.recipe import Recipe
from anymask.training.sam.embeddings import Embeddings
from anymask.training.sam.interactive import Objects, Weights, play
from anymask.training.sam.scenes import Scene, joined
from anymask.training.sam.start import parameter_groups

# Image positions of all prompts that a processor's cache holds, found by trial
# (benchmarks/training.py).
CPU_BAND_POSITIONS = 4096
Tally = dict[str, float]  # sums over images, each image's own means


class Learner:
    """Learns from passes of scenes, one optimiser step at a time.

    embeddings: of the encoder, where it is frozen; of the teacher, where it is distilled.
    """

    def __init__(
        self, model: Sam, recipe: Recipe, world: World, embeddings: Embeddings | None
    ) -> None:
        self.model, self.recipe, self.world, self.embeddings = model, recipe, world, embeddings
        if world.device.type == "cpu":
            model.mask_decoder.band_positions = CPU_BAND_POSITIONS
        groups = parameter_groups(model, recipe)
        self.optimizer = torch.optim.AdamW(groups, lr=recipe.lr, betas=recipe.betas)
        self.learning: list[nn.Parameter] = [p for p in model.parameters() if p.requires_grad]
        self.average = [p.detach().clone() for p in self.learning] if recipe.ema else []
        self.weights = Weights(recipe.focal_weight, recipe.dice_weight, recipe.iou_weight)

    def step(self, number: int, passes: Iterable[Sequence[Scene]]) -> Tally | None:
        """One update, number ``number`` from 0; None, and none made, if a loss is no number.

        All losses are means over a mask's rounds, an image's masks and the step's images.
        """
        self.optimizer.zero_grad(set_to_none=True)
        tally: Tally = {}
        for i, scenes in enumerate(passes):
            seed = np.random.SeedSequence([self.recipe.seed, number, i, self.world.rank])
            torch.manual_seed(int(seed.generate_state(1)[0]))
            for name, value in self._learn(number, scenes).items():
                tally[name] = tally.get(name, 0.0) + value / self.recipe.batch
        self.world.add_up(self.learning)
        norm = self._clip()
        tally = dict(zip(tally, self.world.sum(list(tally.values()))))
        if not np.isfinite([norm, *tally.values()]).all():
            return None
        lr = self.recipe.lr_at(number)
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group["lr_scale"]
        self.optimizer.step()
        self._keep_average()
        return tally | {"lr": lr, "gradient_norm": norm}

    def features(self, scenes: Sequence[Scene]) -> Tensor:
        """The embeddings of B scenes: (B, C, h, w), with gradients where the encoder learns."""
        if self.embeddings is not None and not self.recipe.train_encoder:
            return torch.cat([self._frozen(self.embeddings, scene) for scene in scenes])
        images = [self._image(scene) for scene in scenes]
        with self.autocast():
            features: Tensor = self.model.image_encoder(torch.stack(images))
        return features.float()

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

    def state(self) -> dict[str, Any]:
        """All that a step changes, whole; every process must ask for it."""
        optimizer = self.optimizer.state_dict()
        moments = {
            number: {name: whole(tensor) for name, tensor in kept.items()}
            for number, kept in optimizer["state"].items()
        }
        return {
            "model": {name: whole(tensor) for name, tensor in self.model.state_dict().items()},
            "optimizer": {**optimizer, "state": moments},
            "average": [whole(tensor) for tensor in self.average],
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from ``state``."""
        mine = self.model.state_dict()
        self.model.load_state_dict(
            {name: shared_like(tensor, mine[name]) for name, tensor in state["model"].items()}
        )
        learning = [p for group in self.optimizer.param_groups for p in group["params"]]
        moments = {
            number: {name: _moment(tensor, learning[number]) for name, tensor in kept.items()}
            for number, kept in state["optimizer"]["state"].items()
        }
        self.optimizer.load_state_dict({**state["optimizer"], "state": moments})
        for mean, other in zip(self.average, state["average"], strict=True):
            mean.copy_(shared_like(other, mean))

    @torch.no_grad()
    def swap_average(self) -> None:
        """Exchange the weights with their moving average, if one is kept; twice changes nothing."""
        for parameter, mean in zip(self.learning, self.average):
            kept = parameter.clone()
            parameter.copy_(mean)
            mean.copy_(kept)

    def _learn(self, number: int, scenes: Sequence[Scene]) -> Tally:
        """Add the gradients of one pass."""
        if number < self.recipe.distill_steps:
            return self._imitate(scenes)
        features = self.features(scenes)
        leaf = features.detach().requires_grad_(features.requires_grad)
        tally = self._play(leaf, joined(scenes))
        if features.requires_grad:
            torch.autograd.backward([features], [leaf.grad])
        return tally

    def _imitate(self, scenes: Sequence[Scene]) -> Tally:
        """Learn what the teacher says of the images: the mean square error of embeddings."""
        assert self.embeddings is not None
        wanted = torch.cat([self._frozen(self.embeddings, scene) for scene in scenes])
        loss = F.mse_loss(self.features(scenes), wanted)
        torch.autograd.backward([loss * (len(scenes) / self.recipe.batch)])
        return {"loss": float(loss.detach()) * len(scenes)}

    def _play(self, features: Tensor, objects: Objects) -> Tally:
        """All rounds with all objects, some at a time: gradients for the head and ``features``."""
        share = _shares(objects, features.device) / self.recipe.habits.rounds
        positions = self.model.positions()
        leaves = _detached(positions) if self.recipe.train_head else positions
        tally: Tally = {"loss": 0.0, "focal": 0.0, "dice": 0.0, "iou_error": 0.0, "iou": 0.0}
        for first in range(0, len(objects), self.recipe.prompts_per_pass):
            rows = slice(first, first + self.recipe.prompts_per_pass)
            with self.autocast():
                rounds = play(
                    self.model, features, leaves, objects[rows], self.recipe.habits, self.weights
                )
                for one in rounds:
                    part = (one.loss * share[rows]).sum() / self.recipe.batch
                    torch.autograd.backward([part])
                    for name in tally:
                        tally[name] += float((getattr(one, name).detach() * share[rows]).sum())
        if self.recipe.train_head:
            _pass_back(positions, leaves)
        return tally

    def _frozen(self, embeddings: Embeddings, scene: Scene) -> Tensor:
        """The embedding of a scene by an encoder that does not learn."""
        if not self.recipe.jitters:
            return embeddings.of(scene.sample)
        assert scene.pixels is not None
        return embeddings.encoder.embed_pixels(
            torch.from_numpy(scene.pixels).permute(2, 0, 1)[None]
        ).clone()  # what inference mode made can't be learned from

    def _image(self, scene: Scene) -> Tensor:
        assert scene.pixels is not None
        pixels = torch.from_numpy(scene.pixels).to(self.world.device).permute(2, 0, 1)
        return self.model.preprocess(pixels)

    @torch.no_grad()
    def _keep_average(self) -> None:
        for mean, parameter in zip(self.average, self.learning):
            mean.lerp_(parameter, 1 - self.recipe.ema)

    def _clip(self) -> float:
        """The length of the gradient before it is cut to ``clip_norm``."""
        grads = [p.grad for p in self.learning if p.grad is not None]
        sharded = [grad for grad in grads if is_sharded(grad)]
        others = [grad for grad in grads if not is_sharded(grad)]
        norms = [nn.utils.get_total_norm(some) for some in (sharded, others) if some]
        norm = math.hypot(*(float(whole(one)) for one in norms))
        if self.recipe.clip_norm and norm > self.recipe.clip_norm:
            for grad in grads:
                grad.mul_(self.recipe.clip_norm / norm)
        return norm


def _moment(tensor: Tensor, parameter: nn.Parameter) -> Tensor:
    """What the optimiser keeps for a parameter, in its parts; its count of steps has none."""
    return shared_like(tensor, parameter) if tensor.shape == parameter.shape else tensor


def _shares(objects: Objects, device: torch.device) -> Tensor:
    """How much each of P objects counts: an image's together are one."""
    counts = np.bincount(objects.image_index)
    shares = (1 / counts[objects.image_index]).astype(np.float32)
    return torch.from_numpy(shares).to(device)


def _tensors(positions: ImagePositions) -> list[Tensor]:
    return [*(tensor for layer in positions.layers for tensor in layer), positions.final]


def _detached(positions: ImagePositions) -> ImagePositions:
    """The same numbers as leaves, which collect the gradients of many rounds."""
    layers = tuple(
        LayerPositions(*(tensor.detach().requires_grad_() for tensor in layer))
        for layer in positions.layers
    )
    return ImagePositions(layers, positions.final.detach().requires_grad_())


def _pass_back(positions: ImagePositions, leaves: ImagePositions) -> None:
    """Hand the collected gradients on to what the positions were made of."""
    pairs = [
        (mine, leaf.grad)
        for mine, leaf in zip(_tensors(positions), _tensors(leaves))
        if leaf.grad is not None
    ]
    if pairs:
        torch.autograd.backward([mine for mine, _ in pairs], [grad for _, grad in pairs])
