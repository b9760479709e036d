"""A second family, learned by the same loop; and a loop that knows no family."""

from __future__ import annotations

import ast
import os
import re
import signal
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from anymask.core import rle
from anymask.datasets.sample import Sample
from anymask.errors import RecipeError
from anymask.training import families, loop
from anymask.training.distributed import World
from anymask.training.families import Row, find_recipe, training_of
from anymask.training.job import TrainingJob
from anymask.training.learner import Entry, FamilyTraining, Tally, Validated
from anymask.training.needs import Memory, Needs
from anymask.training.optimiser import Optimiser
from anymask.training.plan import plan_of
from anymask.training.recipe import Recipe, override
from anymask.weights import model_families
from anymask.weights.checkpoint import Checkpoint, read_checkpoint
from anymask.weights.model_families import ModelFamily
from tests.training.scripted import write_folder

TRAINING = Path(loop.__file__).parent
FAMILY = "shade"


@dataclass(frozen=True)
class ShadeConfig:
    """Of a model that guesses from an image's mean colour how much of it is masked."""

    colours: int = 3


class Shade(nn.Module):
    """A linear layer and dropout."""

    def __init__(self, config: ShadeConfig) -> None:
        super().__init__()
        self.linear = nn.Linear(config.colours, 1)

    def forward(self, colour: Tensor) -> Tensor:
        out: Tensor = self.linear(nn.functional.dropout(colour, 0.3, self.training))[:, 0]
        return out


@dataclass(frozen=True, kw_only=True)
class ShadeRecipe(Recipe):
    """One field of its own."""

    family: ClassVar[str] = FAMILY

    name: str = "shades"
    steps: int = 6
    lr: float = 0.05
    batch: int = 2
    ema: float = 0.5
    holdout: float = 0.25
    validate_every: int = 3
    save_every: int = 2
    jiggle: float = 0.01


Swatch = tuple[Tensor, Tensor]  # a mean colour (3,) and the share of the image that is masked


class ShadeLearner:
    """The least that the loop asks of a family."""

    def __init__(self, recipe: ShadeRecipe, world: World) -> None:
        self.recipe = recipe
        torch.manual_seed(recipe.seed)
        self.model = Shade(ShadeConfig()).train()
        groups = [{"params": list(self.model.parameters()), "lr_scale": 1.0, "weight_decay": 0.0}]
        self.optimiser = Optimiser(self.model, groups, recipe, world)
        self.validations = 0

    def scene(self, sample: Sample, rng: np.random.Generator) -> Swatch:
        colour, share = self.validation_scene(sample, rng)
        return colour + self.recipe.jiggle * float(rng.normal()), share

    def validation_scene(self, sample: Sample, rng: np.random.Generator) -> Swatch:
        colour = torch.from_numpy(sample.pixels().mean(axis=(0, 1), dtype=np.float32) / 255)
        return colour, torch.tensor(float(np.mean([rle.decode(x).mean() for x in sample.masks])))

    def notes(self) -> list[str]:
        return ["it only looks at the mean colour"]

    def step(self, number: int, passes: Iterable[Sequence[Swatch]]) -> Tally | None:
        return self.optimiser.step(number, passes, self._learn)

    def validate(self, step: int, scenes: Sequence[Swatch]) -> Validated:
        self.validations += 1
        with self.optimiser.averaged(), torch.no_grad():
            guess = self.model.eval()(torch.stack([colour for colour, _ in scenes]))
            self.model.train()
        error = float((guess - torch.stack([share for _, share in scenes])).abs().mean())
        return Validated(1 - error, {"off_by": error}, files={"shades.json": {"off_by": error}})

    def state(self) -> dict[str, Any]:
        return self.optimiser.state() | {"course": {"validations": self.validations}}

    def load_state(self, state: Mapping[str, Any]) -> None:
        self.optimiser.load_state(state)
        self.validations = state["course"]["validations"]

    def checkpoint(
        self, name: str, made_by: Mapping[str, Any], everything: Mapping[str, float]
    ) -> Checkpoint:
        with self.optimiser.averaged():
            state = {key: tensor.clone() for key, tensor in self.model.state_dict().items()}
        config: Any = ShadeConfig()
        return Checkpoint(name, config, state, made_by=made_by, everything=everything)

    def _learn(self, number: int, scenes: Sequence[Swatch]) -> Tally:
        guess = self.model(torch.stack([colour for colour, _ in scenes]))
        errors = (guess - torch.stack([share for _, share in scenes])).square()
        torch.autograd.backward([errors.sum() / self.recipe.batch])
        return {"loss": float(errors.detach().sum())}


def start(job: TrainingJob, world: World) -> ShadeLearner:
    assert isinstance(job.recipe, ShadeRecipe)
    return ShadeLearner(job.recipe, world)


def summary(entry: Mapping[str, Any]) -> str:
    return f"off by {entry['off_by']:.2f}" if "off_by" in entry else ""


@pytest.fixture(autouse=True)
def shade(monkeypatch: pytest.MonkeyPatch) -> None:
    """The family is known for the length of a test: a row here and a row for its checkpoints."""
    training = FamilyTraining(start, lambda job: Needs(Memory(16, 48, 0, 0)), summary)
    row = Row({"shades": ShadeRecipe}, lambda: training)
    monkeypatch.setitem(families.FAMILIES, FAMILY, row)
    known = ModelFamily(ShadeConfig, Shade, asdict, lambda plain: ShadeConfig(**plain))  # type: ignore[arg-type, return-value]
    monkeypatch.setitem(model_families.FAMILIES, FAMILY, known)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "data", 8)


def run(job: TrainingJob, stop_after: int = 0) -> list[Entry]:
    """The log of a run, or of one that is told to stop."""
    entries: list[Entry] = []

    def note(entry: Entry) -> None:
        entries.append(entry)
        if stop_after and entry["step"] == stop_after and "loss" in entry:
            os.kill(os.getpid(), signal.SIGTERM)

    loop.train(job, World(), note)
    return entries


def losses(entries: list[Entry]) -> list[float]:
    return [entry["loss"] for entry in entries if "loss" in entry]


def test_another_family_is_found_by_its_recipes_name_and_learned_by_the_loop(
    data: Path, tmp_path: Path
) -> None:
    recipe = override(find_recipe("shades"), ["jiggle=0.02"])
    job = TrainingJob(recipe, str(data), tmp_path / "run")
    entries = run(job)
    assert entries[0]["note"] == "it only looks at the mean colour"
    assert [entry["step"] for entry in entries if "off_by" in entry] == [0, 3, 6]
    assert len(losses(entries)) == 6
    assert training_of(recipe).summary(entries[-1]).startswith("off by 0.")
    assert (tmp_path / "run" / "shades.json").is_file()
    checkpoint = read_checkpoint(tmp_path / "run" / "best")
    assert isinstance(checkpoint.build(), Shade)
    assert checkpoint.made_by["recipe"]["jiggle"] == 0.02


def test_another_family_goes_on_as_if_it_had_never_stopped(data: Path, tmp_path: Path) -> None:
    recipe = find_recipe("shades")
    whole = run(TrainingJob(recipe, str(data), tmp_path / "whole"))
    cut = run(TrainingJob(recipe, str(data), tmp_path / "cut"), stop_after=3)
    rest = run(TrainingJob(recipe, str(data), tmp_path / "cut", resume=True))
    assert losses(cut) + losses(rest) == losses(whole)
    a, b = (read_checkpoint(tmp_path / name / "last").state for name in ("whole", "cut"))
    assert all(torch.equal(a[key], b[key]) for key in a)


def test_another_family_is_planned(data: Path, tmp_path: Path) -> None:
    plan = plan_of(TrainingJob(find_recipe("shades"), str(data), tmp_path / "run"))
    lines = list(plan.lines(all_settings=True))
    assert re.match(r"data: 6 images with \d+ masks to learn from, 2 images with \d+ ", lines[0])
    assert lines[1].startswith("memory: about")
    assert "recipe: shades, 6 steps of 2 images" in lines
    assert "  jiggle = 0.01" in lines
    assert not any("disk" in line or line.startswith("  mae") for line in lines)


def test_names_of_all_families_are_suggested() -> None:
    with pytest.raises(RecipeError, match="did you mean shades"):
        find_recipe("shade")
    with pytest.raises(RecipeError, match=r"there are paper, .*, shades"):
        find_recipe("xyz")


def test_numbers_that_make_no_run_are_refused_for_every_family() -> None:
    with pytest.raises(RecipeError, match="lr must be above 0"):
        replace(find_recipe("shades"), lr=0.0)


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in the file."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{node.module}"


@pytest.mark.parametrize("path", sorted(TRAINING.glob("*.py")), ids=lambda path: str(path.name))
def test_what_all_families_share_imports_none(path: Path) -> None:
    if path.stem == "families":
        return  # the one table
    for name in imports(path):
        assert not name.startswith(("anymask.training.sam", "anymask.models", "anymask.predict")), (
            f"{path} imports {name}"
        )
