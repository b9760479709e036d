"""``--page``, ``--bands`` and ``--window``: the same for segment, masks, train and evaluate."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import tifffile
from PIL import Image
from typer.testing import CliRunner

from anymask.cli.main import app
from anymask.weights.checkpoint import Checkpoint

EVERY_MASK = ["--pred-iou-thresh", "0", "--stability-score-thresh", "0", "--points-per-side", "2"]
IOU_BIAS = "mask_decoder.iou_prediction_head.layers.2.bias"
BANDS = ["--bands", "4,1,2", "--window", "0,1"]


@pytest.fixture
def folder(tmp_path: Path, tiny_checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights ``w``, ``stack.tif`` of three pages, ``i.tif`` of five bands of floats."""
    state = dict(tiny_checkpoint.state)
    state[IOU_BIAS] = state[IOU_BIAS] + 5
    replace(tiny_checkpoint, state=state).save(tmp_path / "w")
    save(tmp_path / "in/stack.tif", pixels(3, 60, 90))
    save(tmp_path / "bands/i.tif", pixels(60, 90, 5).astype(np.float32) / 255)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pixels(*shape: int) -> npt.NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def save(path: Path, array: npt.NDArray[Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    planes: dict[str, Any] = {"planarconfig": "contig"} if array.shape[-1] < 9 else {}
    tifffile.imwrite(path, array, photometric="minisblack", **planes)


def run(*words: object) -> tuple[int, str]:
    """Exit status, and all that was said."""
    result = CliRunner().invoke(app, [str(word) for word in words])
    said = result.output + (str(result.exception) if result.exception else "")
    return result.exit_code, " ".join(said.split())


def test_segment_asks_which_page_and_which_bands(folder: Path) -> None:
    click = ("--weights", "w", "--point", "45,30", "--out", "o.json")
    status, said = run("segment", "in/stack.tif", *click)
    assert (status, "stack.tif has 3 pages; say which: --page 1" in said) == (1, True)
    status, said = run("segment", "bands/i.tif", *click)
    assert (status, "i.tif has 5 bands" in said) == (1, True)
    status, said = run("segment", "bands/i.tif", *click, "--bands", "4,1,2")
    assert (status, "--window LOW,HIGH" in said) == (1, True)
    assert run("segment", "bands/i.tif", *click, *BANDS)[0] == 0
    answers = []
    for page in (1, 3):
        assert run("segment", "in/stack.tif", *click, "--page", page)[0] == 0
        answers.append(json.loads((folder / "o.json").read_text()))
    assert answers[0] != answers[1]


@pytest.mark.parametrize(
    "wrong",
    [("--bands", "1,x"), ("--bands", "1,2"), ("--window", "1"), ("--window", "3,2"),
     ("--page", "0"), ("--page", "x"), ("--window", "")],
)  # fmt: skip
def test_options_that_say_nothing_are_wrong_usage(folder: Path, wrong: tuple[str, str]) -> None:
    assert run("segment", "in/stack.tif", "--point", "1,1", "--weights", "w", *wrong)[0] == 2
    assert run("masks", "in", "--out", "out", "--weights", "w", *wrong)[0] == 2
    assert not (folder / "out").exists()


def masks(*words: str, out: str = "out") -> tuple[int, str]:
    return run("masks", *words, "--out", out, "--weights", "w", *EVERY_MASK)


def test_masks_names_what_it_can_not_choose(folder: Path) -> None:
    status, said = masks("in", "bands")
    assert status == 1
    assert "stack.tif has 3 pages; say which: --page 1" in said
    assert "--page all" in said
    assert "i.tif has 5 bands" in said


def test_every_page_is_an_image_of_its_own(folder: Path) -> None:
    Image.fromarray(pixels(60, 90, 3)).save(folder / "in/lone.png")
    status, said = masks("in", "--page", "all")
    assert (status, "4 images: 4 done" in said) == (0, True), said
    records = [json.loads(path.read_text()) for path in (folder / "out").glob("*.json")]
    by_name = {record["image"]["file_name"]: record["annotations"] for record in records}
    pages = [f"stack-p000{page}.tif" for page in (1, 2, 3)]
    assert sorted(by_name) == ["lone.png", *pages]
    assert all(by_name.values())
    assert by_name[pages[0]] != by_name[pages[2]]
    status, said = masks("in", "--page", "all")
    assert (status, "4 there already" in said) == (0, True)
    assert masks("in/stack.tif", "--page", "3", out="third")[0] == 0
    (third,) = (folder / "third").glob("*.json")
    assert json.loads(third.read_text())["annotations"] == by_name[pages[2]]


def test_other_bands_are_another_job_and_none_is_the_same_as_before(folder: Path) -> None:
    assert masks("bands", *BANDS)[0] == 0
    settings = json.loads((folder / "out/.anymask-settings").read_text())
    assert (settings["bands"], settings["window"]) == ([4, 1, 2], [0.0, 1.0])
    assert masks("bands", *BANDS)[0] == 0
    status, said = masks("bands", "--bands", "1,2,3", "--window", "0,1")
    assert (status, "bands was [4, 1, 2], now [1, 2, 3]" in said) == (1, True)
    status, said = masks("bands")
    assert (status, "bands was [4, 1, 2], now None" in said) == (1, True)
    Image.fromarray(pixels(60, 90, 3)).save(folder / "lone.png")
    assert masks("lone.png", out="old")[0] == 0
    assert (
        not {"page", "bands", "window"}
        & json.loads((folder / "old/.anymask-settings").read_text()).keys()
    )


@pytest.fixture
def data(folder: Path) -> Path:
    """Images of five bands of floats, and their masks."""
    for number in range(4):
        save(folder / f"data/images/{number}.tif", pixels(60, 90, 5).astype(np.float32) / 255)
        mask = np.zeros((60, 90), np.uint8)
        mask[10:40, 10 + number : 60] = 255
        path = folder / f"data/masks/{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(mask).save(path)
    return folder / "data"


def test_evaluate_reads_with_options_and_says_so(folder: Path, data: Path) -> None:
    asked = ["evaluate", "points", "--weights", "w", "--data", data, "--device", "cpu"]
    asked += ["--set", "clicks=1"]
    status, said = run(*asked, "--out", "none.json")
    assert (status, "has 5 bands" in said) == (1, True)
    assert run(*asked, "--out", "r.json", *BANDS)[0] == 0
    result = json.loads((folder / "r.json").read_text())
    assert result["images"] == 4
    assert result["reading"] == {"bands": [4, 1, 2], "window": [0.0, 1.0]}


def test_a_run_goes_on_with_the_same_options_alone(folder: Path, data: Path) -> None:
    settings = {"steps": 2, "warmup_steps": 1, "milestones": 1, "batch": 1, "images_per_pass": 1}
    more = {"masks_per_pass": 1, "holdout": 0.25, "validate_every": 2, "save_every": 1}
    changes = [f"{name}={value}" for name, value in {**settings, **more, "weights": "w"}.items()]
    asked = ["train", "finetune_decoder", "--data", data, "--out", "run", "--device", "cpu"]
    asked += [word for change in changes for word in ("--set", change)]
    status, said = run(*asked, *BANDS)
    assert status == 0, said
    recipe = json.loads((folder / "run/recipe.json").read_text())
    assert recipe["reading"] == {"bands": [4, 1, 2], "window": [0.0, 1.0]}
    status, said = run(*asked, "--resume")
    assert (status, "reading was" in said) == (1, True)
    assert run(*asked, "--resume", *BANDS)[0] == 0
