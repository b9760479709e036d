"""LoRA: fine-tuning an encoder through a few numbers beside its weights (arXiv 2106.09685).

Every ``qkv`` layer of a frozen encoder gets W + (alpha / rank)·B·A for its W, and only A and B
learn. B starts as zero, so that training starts from the encoder as it was.

The sum is taken anew at every use, which is little beside the layer's own product. Don't wrap a
step in torch's ``parametrize.cached``: checkpointing computes blocks again outside of it.

Shape legend: I features in, O features out, R rank.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from anymask.errors import Error

LAYER = "qkv"  # what ViT and TinyViT call the layer
PARAMETRIZED = ".parametrizations."  # what torch puts between a layer's name and its tensors'


class LowRank(nn.Module):
    """Adds (alpha / rank)·B·A to a weight (O, I): equation 3, with §4.1's scaling."""

    def __init__(self, weight: Tensor, rank: int, alpha: float) -> None:
        super().__init__()
        self.scale = alpha / rank
        # The paper fixes no deviation; by this one A neither shrinks nor stretches its input.
        width = weight.shape[1]
        self.a = nn.Parameter(weight.new_empty(rank, width).normal_(std=width**-0.5))
        self.b = nn.Parameter(weight.new_zeros(len(weight), rank))

    def forward(self, weight: Tensor) -> Tensor:
        return weight + self.scale * (self.b @ self.a)


def add_lora(encoder: nn.Module, rank: int, alpha: float) -> list[nn.Parameter]:
    """Freeze an encoder, a ``ViT`` or a ``TinyViT``, and let its ``qkv`` layers learn at low rank.

    Gives what is left to train. Batch norms still follow ``train()``: who wants the statistics of
    a TinyViT frozen, too, puts them into evaluation mode. Raises ``Error`` for a rank below 1, and
    for an encoder that has no such layers or has LoRA already.
    """
    if rank < 1:
        raise Error(f"the rank of LoRA must be at least 1, not {rank}")
    layers = _layers(encoder).values()
    if not layers:
        raise Error(f"LoRA finds no {LAYER} layers in {type(encoder).__name__}")
    if any(map(parametrize.is_parametrized, layers)):
        raise Error("the encoder has LoRA already; merge it before adding another")
    encoder.requires_grad_(False)
    added = [LowRank(layer.weight, rank, alpha) for layer in layers]
    for layer, low_rank in zip(layers, added):
        parametrize.register_parametrization(layer, "weight", low_rank)
    return [parameter for low_rank in added for parameter in low_rank.parameters()]


def merge_lora(encoder: nn.Module) -> None:
    """Fold LoRA into the weights for good: plain layers under plain names, still frozen."""
    for layer in _layers(encoder).values():
        if parametrize.is_parametrized(layer):
            parametrize.remove_parametrizations(layer, "weight")


@torch.no_grad()
def merged_state(model: nn.Module) -> dict[str, Tensor]:
    """The state of a model as ``merge_lora`` would leave it; the model stays as it is.

    Tensors that LoRA does not touch share the model's memory, as in ``state_dict``.
    """
    layers, state = _layers(model), {}
    for name, tensor in model.state_dict().items():
        layer, _, inside = name.partition(PARAMETRIZED)
        if not inside:
            state[name] = tensor
        elif inside == "weight.original":
            state[f"{layer}.weight"] = layers[layer].weight
    return state


def _layers(model: nn.Module) -> dict[str, nn.Linear]:
    return {
        name: module
        for name, module in model.named_modules()
        if name.split(".")[-1] == LAYER and isinstance(module, nn.Linear)
    }
