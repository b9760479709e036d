"""Ablations (§7.6, Fig. 13): train and evaluate over a grid of data and encoders, and draw it.

The grid is a TOML file. Training and evaluation are their own commands in processes of their own,
and talk through files: a cell is done when its result is there, and stopped cells go on.

    recipe = "finetune_decoder"
    data = "photographs"            # what is trained on where a cell says nothing else
    test = "others"                 # what all are evaluated on
    set = ["steps=500"]             # of every cell

    [[stages]]                      # left panel: kinds of training data
    label = "manual"
    data = "manual"

    [[amounts]]                     # middle: shares of the training data
    share = 0.1

    [[encoders]]                    # right: encoders, by millions of parameters
    label = "ViT-B"
    millions = 91
    set = ["weights=sam-vit-b"]
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from anymask.core.atomic import make_folder
from anymask.errors import Error
from anymask.evaluation.experiment import Experiment
from anymask.evaluation.experiments.points import miou_by_clicks
from anymask.evaluation.report.figures import AblatedModel
from anymask.evaluation.result import Result, read_result

PANELS = {"stages": "Training data", "amounts": "Share of the training data", "encoders": "Encoder"}
CELL_KEYS = {"label", "data", "share", "millions", "set"}
GRID_KEYS = {"recipe", "data", "test", "set", "evaluate", "device", *PANELS}


@dataclass(frozen=True)
class Cell:
    """A point of a panel: what to train on and how.

    x: where it lies in its panel: a share, millions of parameters, or its place in the list.
    """

    panel: str
    label: str
    x: float
    data: str
    settings: tuple[str, ...]

    @property
    def folder(self) -> str:
        """Name of the folder of its run and its result."""
        kept = "".join(sign if sign.isalnum() or sign in "-." else "-" for sign in self.label)
        return f"{self.panel}-{kept}"


@dataclass(frozen=True)
class Ablations(Experiment):
    """What to train and evaluate. evaluate: options for ``anymask evaluate points``, of which the
    results are."""

    name: ClassVar[str] = "ablations"
    title: ClassVar[str] = "Ablations"

    recipe: str
    test: str
    cells: tuple[Cell, ...]
    evaluate: tuple[str, ...] = ()
    device: str = "auto"


def read_grid(path: Path) -> Ablations:
    """The grid of a TOML file; its paths are relative to the file. Raises ``Error``."""
    try:
        content = tomllib.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Error(f"{path} can't be read as a grid: {error}") from None
    unknown = set(content) - GRID_KEYS
    if unknown or not {"recipe", "data", "test"} <= set(content):
        wrong = f"an unknown {min(unknown)}" if unknown else "no recipe, data or test"
        raise Error(f"{path} has {wrong}; a grid has {', '.join(sorted(GRID_KEYS))}")
    cells = tuple(
        _cell(path, content, panel, number, entry)
        for panel in PANELS
        for number, entry in enumerate(content.get(panel, []))
    )
    if not cells or len({cell.folder for cell in cells}) < len(cells):
        raise Error(f"{path} has {'two cells of one label' if cells else 'no cell'}")
    return Ablations(
        content["recipe"],
        _place(path, content["test"]),
        cells,
        tuple(content.get("evaluate", ())),
        content.get("device", "auto"),
    )


def run(grid: Ablations, out: Path) -> Iterator[tuple[Cell, Result]]:
    """Train and evaluate each cell that is not done yet. Raises ``Error`` where a command fails."""
    for cell in grid.cells:
        folder = out / cell.folder
        result = folder / "points.json"
        if not result.exists():
            make_folder(folder)
            _call(_training(grid, cell, folder / "run"))
            _call(_evaluation(grid, folder / "run", result))
        yield cell, read_result(result)


def panels_of(results: Sequence[tuple[Cell, Result]]) -> dict[str, list[AblatedModel]]:
    """What the figure draws: the models of each panel, by its title."""
    panels: dict[str, list[AblatedModel]] = {}
    for cell, result in results:
        model = AblatedModel(cell.label, cell.x, miou_by_clicks(result))
        panels.setdefault(PANELS[cell.panel], []).append(model)
    return panels


def _cell(
    path: Path, grid: Mapping[str, Any], panel: str, number: int, entry: Mapping[str, Any]
) -> Cell:
    unknown = set(entry) - CELL_KEYS
    if unknown:
        raise Error(f"{path}: a cell of {panel} has an unknown {min(unknown)}")
    share = entry.get("share")
    settings = (*grid.get("set", ()), *entry.get("set", ()))
    if share is not None:
        settings = (*settings, f"share={share}")
    label = str(entry.get("label", f"{share:g}" if share is not None else number))
    x = entry.get("millions", share if share is not None else number)
    return Cell(panel, label, float(x), _place(path, entry.get("data", grid["data"])), settings)


def _place(path: Path, name: str) -> str:
    return name if "://" in name else str(path.parent / name)


def _training(grid: Ablations, cell: Cell, run: Path) -> list[str]:
    settings = [word for setting in cell.settings for word in ("--set", setting)]
    resume = ["--resume"] if (run / "recipe.json").exists() else []
    return [
        "train", grid.recipe, "--data", cell.data, "--out", str(run), "--device", grid.device,
        *settings, *resume,
    ]  # fmt: skip


def _evaluation(grid: Ablations, run: Path, result: Path) -> list[str]:
    weights = run / "best" if (run / "best").exists() else run / "last"
    return [
        "evaluate", "points", "--data", grid.test, "--weights", str(weights), "--out", str(result),
        "--device", grid.device, *grid.evaluate,
    ]  # fmt: skip


def _call(arguments: Sequence[str]) -> None:
    """A command of anymask in a process of its own, whose progress is seen."""
    done = subprocess.run(
        [sys.executable, "-m", "anymask", *arguments], stdout=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        raise Error(
            f"`anymask {shlex.join(arguments)}` failed (exit {done.returncode}); run "
            f"the same command again to go on"
        )
