"""The world: the processes of one run, started by torchrun; alone, everything here does nothing.

Every process computes gradients of its own images over all rounds, then the sums are exchanged
once: what DistributedDataParallel does, but it would exchange at each of the eleven backward
passes. The encoder alone may be sharded by FSDP2 (``shard``), which exchanges its own gradients;
the head's four million parameters are not worth it.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor

from anymask.errors import TrainingError

TIMEOUT = timedelta(minutes=30)
CPU = torch.device("cpu")
T = TypeVar("T")


@dataclass(frozen=True)
class World:
    """This process among ``size``: its ``rank``, and the device it computes on."""

    rank: int = 0
    size: int = 1
    device: torch.device = CPU

    @property
    def leads(self) -> bool:
        """Whether this is the process that writes."""
        return self.rank == 0

    def add_up(self, parameters: Iterable[nn.Parameter]) -> None:
        """Sum the gradients of all processes; a parameter without one counts as zero.

        Those of sharded parameters came as means over the processes already (FSDP2).
        """
        if self.size == 1:
            return
        by_type: dict[torch.dtype, list[Tensor]] = {}
        for p in parameters:
            if is_sharded(p):
                if p.grad is not None:
                    p.grad.mul_(self.size)
                continue
            if p.grad is None:
                p.grad = torch.zeros_like(p)
            by_type.setdefault(p.grad.dtype, []).append(p.grad)
        for grads in by_type.values():
            flat = torch.cat([grad.reshape(-1) for grad in grads])
            dist.all_reduce(flat)
            for grad, part in zip(grads, torch.split(flat, [grad.numel() for grad in grads])):
                grad.copy_(part.view_as(grad))

    def sum(self, values: Sequence[float]) -> list[float]:
        """The sums of all processes' numbers."""
        if self.size == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=self._exchange())
        dist.all_reduce(tensor)
        return [float(x) for x in tensor.tolist()]

    def any(self, value: bool) -> bool:
        """Whether it is so in any process."""
        return self.sum([float(value)])[0] > 0

    def gather(self, value: T) -> list[T]:
        """Every process's value, by rank."""
        if self.size == 1:
            return [value]
        out: list[Any] = [None] * self.size
        dist.all_gather_object(out, value)
        return out

    def wait(self) -> None:
        """Until all are here."""
        if self.size > 1:
            dist.barrier()

    def _exchange(self) -> torch.device:
        return self.device if self.device.type == "cuda" else CPU


def join_world(device: torch.device) -> World:
    """Find the others, if torchrun started several. Raises ``TrainingError`` if they don't come."""
    size = int(os.environ.get("WORLD_SIZE", "1"))
    if size == 1:
        return World(device=device)
    rank, local = int(os.environ["RANK"]), int(os.environ.get("LOCAL_RANK", "0"))
    if device.type == "cuda":
        device = torch.device("cuda", local)
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        backend = "nccl" if device.type == "cuda" else "gloo"
        try:
            dist.init_process_group(backend, timeout=TIMEOUT)
        except (RuntimeError, ValueError) as error:
            raise TrainingError(f"the {size} processes don't find each other: {error}") from None
    return World(rank, size, device)


def leave_world() -> None:
    """Part from the others."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


def shard(encoder: nn.Module, blocks: Iterable[nn.Module]) -> None:
    """Spread an encoder's parameters, gradients and optimiser over all processes (FSDP2)."""
    from torch.distributed.fsdp import fully_shard

    for block in [*blocks, encoder]:
        fully_shard(block)
    # Nobody writes into an embedding, which is what it warns of.
    warnings.filterwarnings("ignore", "FSDP2-wrapped module .* returned a view")


def is_sharded(tensor: Tensor) -> bool:
    """Whether this process has a part of it only."""
    return isinstance(tensor, DTensor)


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor that may be sharded; then every process must ask for it."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def shared_like(tensor: Tensor, like: Tensor) -> Tensor:
    """The part of a whole tensor that this process has of ``like``."""
    if not isinstance(like, DTensor) or isinstance(tensor, DTensor):
        return tensor
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements)
