"""``--like`` of ``anymask segment`` and ``anymask masks``, as a person runs them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anymask.cli.by_example import example_options
from anymask.cli.main import main
from anymask.core import rle
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from tests.predict.in_context.by_colour import ByColour

Capture = pytest.CaptureFixture[str]
RED, GREEN, BLUE = (200, 20, 20), (20, 200, 20), (20, 20, 200)


def scene(path: Path, **squares: tuple[int, int, int]) -> None:
    """Squares of ten pixels on black, by the name of a place: ``left``, ``middle``, ``right``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((20, 40, 3), np.uint8)
    for name, colour in squares.items():
        at = {"left": 1, "middle": 14, "right": 28}[name]
        pixels[5:15, at : at + 10] = colour
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An example with a red and a green square, and images to look through; no model is asked."""
    scene(tmp_path / "example.png", left=RED, middle=GREEN)
    classes = np.zeros((20, 40), np.uint8)
    classes[5:15, 1:11] = 3
    Image.fromarray(255 * (classes // 3)).save(tmp_path / "red.png")
    classes[5:15, 14:24] = 8
    Image.fromarray(classes).save(tmp_path / "classes.png")
    scene(tmp_path / "in" / "two.png", left=RED, right=RED)
    scene(tmp_path / "in" / "other.png", middle=BLUE)
    scene(tmp_path / "in" / "both.png", right=GREEN, left=RED)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(example_options, "load_in_context", lambda *_, **__: ByColour())
    return tmp_path


def run(capsys: Capture, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["anymask", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


def test_what_is_alike_is_found_and_who_answered_is_told(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, out, said = run(
        capsys, monkeypatch, "segment", "in/two.png", "--like", "example.png:red.png", "--json"
    )
    assert status == 0
    assert "two.png: 2 found, sure by 0.5" in said
    assert "(colours)" in said
    record = json.loads(out)
    assert [one["area"] for one in record["annotations"]] == [100, 100]
    assert "label" not in record["annotations"][0]


def test_nothing_alike_is_an_answer(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["segment", "in/other.png", "--like", "example.png:red.png", "--out"]
    for out in ("none.png", "none.json", "none.coco.json", "none.npz", "none.svg"):
        status, _, said = run(capsys, monkeypatch, *words, out)
        assert status == 0
        assert "nothing like the example" in said
        assert Path(out).is_file()
    pictures = ("mask", "cutout", "labels")
    for number, picture in enumerate(pictures):
        status, _, _ = run(capsys, monkeypatch, *words, f"{number}.png", "--picture", picture)
        assert status == 0
        assert np.asarray(Image.open(f"{number}.png")).max() == 0 or picture == "cutout"


def test_what_is_not_meant_is_left_out(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    like = ["--like", "example.png:classes.png"]
    _, out, _ = run(capsys, monkeypatch, "segment", "in/both.png", *like, "--json")
    assert {one["label"] for one in json.loads(out)["annotations"]} == {3, 8}
    unlike = ["--unlike", "example.png:red.png"]
    _, out, _ = run(capsys, monkeypatch, "segment", "in/both.png", *like, *unlike, "--json")
    assert {one["label"] for one in json.loads(out)["annotations"]} == {8}


def test_options_that_change_nothing_are_refused(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    like = ["--like", "example.png:red.png"]
    refused = {
        "takes the place of": ["segment", "in/two.png", *like, "--point", "3,3"],
        "--all-masks changes nothing": ["segment", "in/two.png", *like, "--all-masks"],
        "goes with --like": ["segment", "in/two.png", "--unlike", "example.png:red.png"],
        "--points-per-side changes nothing": [
            "masks", "in", "--out", "o", *like, "--points-per-side", "8",
        ],
        "there is no file lost.png": ["segment", "in/two.png", "--like", "example.png:lost.png"],
        "is an input": ["segment", "in/two.png", *like, "--out", "red.png"],
    }  # fmt: skip
    for said, words in refused.items():
        status, _, error = run(capsys, monkeypatch, *words)
        assert status != 0
        assert said in " ".join(error.replace("│", " ").split())
    assert not (folder / "o").exists()


def test_a_label_is_carried_over_a_folder_and_read_again(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["masks", "in", "--out", "out", "--like", "example.png:classes.png"]
    status, _, said = run(capsys, monkeypatch, *words)
    assert status == 0
    assert "what is like the example, by colours, in 3 images" in said
    both = json.loads((folder / "out" / "both.json").read_text())
    assert {one["label"] for one in both["annotations"]} == {3, 8}
    assert json.loads((folder / "out" / "other.json").read_text())["annotations"] == []
    for name in ("both", "two", "other"):
        (folder / "out" / f"{name}.png").write_bytes((folder / "in" / f"{name}.png").read_bytes())
    samples = [s for part in open_dataset(folder / "out").parts for s in part.samples()]
    groups = {s.name: sorted(map(str, s.groups)) for s in samples if isinstance(s, Sample)}
    assert groups == {"both.png": ["3", "8"], "two.png": ["3", "3"]}


def test_a_folder_goes_on_with_the_same_examples_only(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["masks", "in", "--out", "out", "--like"]
    run(capsys, monkeypatch, *words, "example.png:classes.png")
    (folder / "out" / "two.json").unlink()
    status, _, said = run(capsys, monkeypatch, *words, "example.png:classes.png")
    assert status == 0
    assert "1 done, 2 there already" in said
    status, _, said = run(capsys, monkeypatch, *words, "example.png:red.png")
    assert status == 1
    assert "results of other settings (like was" in said


def test_categories_of_a_coco_file_are_the_examples_classes(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["masks", "in", "--out", "out", "--format", "coco"]
    run(capsys, monkeypatch, *words, "--like", "example.png:classes.png")
    content = json.loads((folder / "out" / "instances.json").read_text())
    assert [(one["id"], one["name"]) for one in content["categories"]] == [(3, "3"), (8, "8")]
    assert sorted(one["category_id"] for one in content["annotations"]) == [3, 3, 3, 8]
    assert all("label" not in one for one in content["annotations"])
    whole = rle.area(rle.encode(np.ones((10, 10), bool)))
    assert {one["area"] for one in content["annotations"]} == {whole}
