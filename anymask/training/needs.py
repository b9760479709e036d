"""What a run starts from and will need of a machine: bytes, and operations."""

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
class Work:
    """Floating-point operations of matrix products and convolutions.

    image: once for each image, such as an embedding that is kept. step: of a step without its
    masks. mask: for each mask of a step.
    """

    image: float = 0.0
    step: float = 0.0
    mask: float = 0.0


@dataclass(frozen=True)
class Needs:
    """memory: on each device. embeddings: bytes on disk for each image, 0 if none are kept.

    work: None where nobody knows. masks_per_image: that a step looks at, at most. start: what the
    run starts from and what of it learns, in words.
    """

    memory: Memory
    embeddings: int = 0
    work: Work | None = None
    masks_per_image: int = 0
    start: str = ""
