"""Ablations: the grid, its cells, and what is drawn of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image
from typer.testing import CliRunner

from anymask.cli.main import app
from anymask.errors import Error
from anymask.evaluation.experiments import ablations
from anymask.evaluation.experiments.ablations import Cell, panels_of, read_grid, run
from anymask.evaluation.report.figures import AblatedModel
from anymask.evaluation.result import Result
from anymask.weights.checkpoint import Checkpoint
from tests.training.scripted import write_folder

GRID = """
recipe = "finetune_decoder"
data = "photographs"
test = "s3://bucket/others"
set = ["steps=5"]

[[stages]]
label = "by hand"
data = "stage-1"

[[amounts]]
share = 0.1

[[amounts]]
share = 1.0

[[encoders]]
label = "ViT-B"
millions = 91
set = ["weights=sam-vit-b"]
"""


def write(folder: Path, text: str = GRID) -> Path:
    """A grid's file."""
    (folder / "grid.toml").write_text(text)
    return folder / "grid.toml"


def test_a_grid_is_cells_with_paths_relative_to_the_file(tmp_path: Path) -> None:
    grid = read_grid(write(tmp_path))
    assert (grid.recipe, grid.test) == ("finetune_decoder", "s3://bucket/others")
    photographs = str(tmp_path / "photographs")
    assert grid.cells == (
        Cell("stages", "by hand", 0.0, str(tmp_path / "stage-1"), ("steps=5",)),
        Cell("amounts", "0.1", 0.1, photographs, ("steps=5", "share=0.1")),
        Cell("amounts", "1", 1.0, photographs, ("steps=5", "share=1.0")),
        Cell("encoders", "ViT-B", 91.0, photographs, ("steps=5", "weights=sam-vit-b")),
    )
    assert grid.cells[0].folder == "stages-by-hand"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("recipe = ", "can't be read as a grid"),
        ('recipe = "paper"', "no recipe, data or test"),
        (f"{GRID}\n[[amount]]\nshare = 1", "an unknown amount"),
        (GRID.replace("millions", "size"), "a cell of encoders has an unknown size"),
        (GRID.split("[[stages]]")[0], "no cell"),
        (f"{GRID}\n[[amounts]]\nshare = 0.1", "two cells of one label"),
    ],
)
def test_what_is_wrong_in_a_grid_is_named(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(Error, match=said):
        read_grid(write(tmp_path, text))


def test_a_stopped_grid_goes_on_and_what_is_done_is_not_done_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands themselves are played."""
    asked: list[str] = []

    def call(arguments: list[str]) -> None:
        out = Path(arguments[arguments.index("--out") + 1])
        asked.append(f"{arguments[0]} {out.parent.name} {'--resume' in arguments}")
        if arguments[0] == "train":
            out.mkdir(exist_ok=True)
            (out / "recipe.json").write_text("{}")
        elif "1" in out.parent.name and len(asked) < 5:
            raise Error("stopped")
        else:
            Result("points", {}, "d", "k", "f", "m", 1, {"miou_1": 0.5}).write(out)

    monkeypatch.setattr(ablations, "_call", call)
    grid = read_grid(write(tmp_path))
    with pytest.raises(Error, match="stopped"):
        list(run(grid, tmp_path / "out"))
    found = list(run(grid, tmp_path / "out"))
    assert len(found) == 4
    assert asked == [
        "train stages-by-hand False",
        "evaluate stages-by-hand False",
        "train amounts-0.1 False",
        "evaluate amounts-0.1 False",
        "train amounts-0.1 True",
        "evaluate amounts-0.1 False",
        "train amounts-1 False",
        "evaluate amounts-1 False",
        "train encoders-ViT-B False",
        "evaluate encoders-ViT-B False",
    ]
    panels = panels_of(found)
    assert [len(panel) for panel in panels.values()] == [1, 2, 1]
    assert panels["Encoder"] == [AblatedModel("ViT-B", 91.0, {1: 0.5})]


@pytest.mark.slow
def test_a_grid_is_trained_evaluated_and_drawn(tiny_checkpoint: Checkpoint, tmp_path: Path) -> None:
    tiny_checkpoint.save(tmp_path / "tiny")
    write_folder(tmp_path / "photographs", 6)
    settings = (
        f"weights={tmp_path / 'tiny'}", "steps=2", "warmup_steps=1", "milestones=1", "batch=1",
        "images_per_pass=1", "masks_per_pass=3", "holdout=0.25", "validate_every=2", "save_every=2",
    )  # fmt: skip
    text = "\n".join(
        [
            'recipe = "finetune_decoder"\ndata = "photographs"\ntest = "photographs"',
            'device = "cpu"\nevaluate = ["--limit", "2", "--set", "clicks=1,3"]',
            f"set = {list(settings)}",
            "[[amounts]]\nshare = 0.5\n[[amounts]]\nshare = 1.0",
        ]
    )
    grid = write(tmp_path, text)
    asked = ["evaluate", "ablations", str(grid), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    assert "amounts 0.5: miou_1" in result.stdout
    with Image.open(tmp_path / "out" / "ablations.png") as picture:
        assert picture.width > 400
