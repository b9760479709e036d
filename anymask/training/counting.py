"""What a computation keeps and costs, counted without computing: PyTorch's meta device has shapes
but no numbers.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

META = torch.device("meta")


def kept_bytes(model: nn.Module, run: Callable[[], object]) -> int:
    """Bytes that autograd keeps of a computation, other than parameters; each storage once."""
    parameters = {p.untyped_storage()._cdata for p in model.parameters()}
    kept: dict[int, torch.UntypedStorage] = {}

    def note(tensor: Tensor) -> Tensor:
        storage = tensor.untyped_storage()
        if storage._cdata not in parameters:
            kept[storage._cdata] = storage
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        run()
    return sum(storage.nbytes() for storage in kept.values())


def operations(run: Callable[[], object]) -> float:
    """Floating-point operations of the matrix products and convolutions of a computation."""
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return float(counter.get_total_flops())
