"""What a run will need of a machine, in bytes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Memory:
    """Bytes, on each device.

    weights; gradients, with the optimiser's and the moving average's copies; encoder, head: what
    their passes keep for gradients, at most one pass of each at a time.
    """

    weights: int
    gradients: int
    encoder: int
    head: int

    @property
    def total(self) -> int:
        """All of it; PyTorch itself, images and a frozen encoder's own pass come on top."""
        return self.weights + self.gradients + self.encoder + self.head


@dataclass(frozen=True)
class Needs:
    """memory: on each device. embeddings: bytes on disk for each image, 0 if none are kept."""

    memory: Memory
    embeddings: int = 0
