"""What a run would do, before it does anything: ``anymask train --dry-run``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from anymask.training.datasets import datasets_of, notes_on
from anymask.training.families import training_of
from anymask.training.job import TrainingJob
from anymask.training.needs import Memory
from anymask.training.recipe import Recipe

GB = 1e9


@dataclass(frozen=True)
class Plan:
    """The resolved recipe, what it would learn from, and the memory it would take.

    parts, held_out: of the dataset, images or shards; kind: what the dataset was recognised as.
    embeddings: bytes of the embeddings of one image that would be kept in files, 0 if none. notes:
    what is left out of the data as a whole, and what was decided about it.
    """

    recipe: Recipe
    kind: str
    parts: int
    held_out: int
    memory: Memory
    embeddings: int
    notes: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Everything, and the memory's total."""
        return asdict(self) | {"memory": asdict(self.memory) | {"total": self.memory.total}}

    def lines(self) -> Iterator[str]:
        """For a person to read."""
        recipe, memory = self.recipe, self.memory
        yield f"{recipe.name}: {recipe.steps} steps of {recipe.batch} images"
        for name, value in recipe.to_json().items():
            if name != "name":
                yield f"  {name} = {_as_set(value)}"
        yield f"data: {self.parts} parts to learn from, {self.held_out} held out ({self.kind})"
        yield from (f"note: {note}" for note in self.notes)
        yield (
            f"memory: about {memory.total / GB:.1f} GB on each device (weights "
            f"{memory.weights / GB:.2f}, gradients and optimiser {memory.gradients / GB:.2f}, "
            f"encoder {memory.encoder / GB:.2f}, head {memory.head / GB:.2f}), and PyTorch itself"
        )
        if self.embeddings:
            yield f"disk: {self.embeddings / 1e6:.1f} MB for each image's embedding"


def plan_of(job: TrainingJob) -> Plan:
    """Look at recipe and data; compute nothing and write nothing. Raises ``Error``."""
    learning, held_out = datasets_of(job)
    needs = training_of(job.recipe).needs(job)
    return Plan(
        job.recipe,
        learning.kind,
        len(learning),
        len(held_out) if held_out else 0,
        needs.memory,
        needs.embeddings,
        tuple(notes_on(learning, held_out)),
    )


def _as_set(value: Any) -> str:
    """As ``--set`` takes it."""
    if isinstance(value, bool):
        return str(value).lower()
    return ",".join(f"{part}" for part in value) if isinstance(value, tuple) else f"{value}"
