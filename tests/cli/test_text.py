"""``--text`` of ``anymask segment`` and ``anymask masks``, as a person runs them."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from anymask.cli.by_words import text_options
from anymask.cli.main import main
from anymask.datasets.recognise import open_dataset
from anymask.datasets.sample import Sample
from anymask.predict.words import load as words_load
from tests.predict.words.by_colour import COLOURS, ColourPredictor

Capture = pytest.CaptureFixture[str]


def scene(path: Path, **squares: str) -> None:
    """Squares of twenty pixels on black, by a place: ``left``, ``middle``, ``right``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.zeros((40, 90, 3), np.uint8)
    for name, colour in squares.items():
        at = {"left": 2, "middle": 32, "right": 62}[name]
        pixels[10:30, at : at + 20] = COLOURS[colour]
    Image.fromarray(pixels).save(path)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Images to look through; no model is asked."""
    scene(tmp_path / "in" / "two.png", left="red", right="red")
    scene(tmp_path / "in" / "other.png", middle="blue")
    scene(tmp_path / "in" / "both.png", right="green", left="red")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(text_options, "load_words", lambda source, bar, cache: ColourPredictor())
    return tmp_path


def run(capsys: Capture, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["anymask", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    printed = capsys.readouterr()
    return int(stop.value.code or 0), printed.out, printed.err


def test_what_words_name_is_found_and_who_answered_is_told(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["segment", "in/two.png", "--text", "the red on the left", "--json"]
    status, out, said = run(capsys, monkeypatch, *words)
    assert status == 0
    assert "two.png: 1 found, sure by 0.99 (colours + flat + squares)" in said
    (one,) = json.loads(out)["annotations"]
    assert one["bbox"] == [2, 10, 20, 20]
    assert one["label"] == "red"


def test_nothing_found_is_an_answer_with_a_reason(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    for out in ("none.png", "none.json", "none.coco.json"):
        words = ["segment", "in/other.png", "--text", "a dog", "--out", out]
        status, _, said = run(capsys, monkeypatch, *words)
        assert status == 0
        assert "other.png: nothing found" in said
        assert "nothing is like 'dog': the likeliest of 1 masks" in said
        assert Path(out).is_file()


def test_options_that_change_nothing_are_refused(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = ["--text", "red"]
    segment = ["segment", "in/two.png", *text]
    refused = {
        "--all-masks changes nothing": [*segment, "--all-masks"],
        "--like changes nothing": [*segment, "--like", "in/two.png:in/two.png"],
        "go with one --text": [*segment, "--text", "dog", "--point", "3,3"],
        "--fast changes nothing": ["masks", "in", "--out", "o", *text, "--fast"],
        "need a letter or a digit": [*segment[:2], "--text", "?!"],
        "words to look for": ["masks", "in", "--out", "o", "--text", ""],
        "one name and nothing else": [*segment[:2], "--text", "two reds", "--point", "3,12"],
    }  # fmt: skip
    for said, words in refused.items():
        status, _, error = run(capsys, monkeypatch, *words)
        assert status != 0
        assert said in " ".join(error.replace("│", " ").split())
    assert not (folder / "o").exists()


def test_labels_of_a_folder_are_its_words_and_are_read_again(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["masks", "in", "--out", "out", "--text", "a red", "--text", "green"]
    status, _, said = run(capsys, monkeypatch, *words)
    assert status == 0
    assert "looking for a red, green, by colours + flat + squares, in 3 images" in said
    both = json.loads((folder / "out" / "both.json").read_text())
    assert [one["label"] for one in both["annotations"]] == ["red", "green"]
    assert json.loads((folder / "out" / "other.json").read_text())["annotations"] == []
    for name in ("both", "two", "other"):
        (folder / "out" / f"{name}.png").write_bytes((folder / "in" / f"{name}.png").read_bytes())
    samples = [s for part in open_dataset(folder / "out").parts for s in part.samples()]
    groups = {s.name: sorted(map(str, s.groups)) for s in samples if isinstance(s, Sample)}
    assert groups == {"both.png": ["green", "red"], "two.png": ["red", "red"]}


def test_a_folder_goes_on_with_the_same_words_only(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["masks", "in", "--out", "out", "--format", "coco", "--text"]
    run(capsys, monkeypatch, *words, "red")
    status, _, said = run(capsys, monkeypatch, *words, "red")
    assert status == 0
    assert "0 done, 3 there already" in said
    content = json.loads((folder / "out" / "instances.json").read_text())
    assert [one["name"] for one in content["categories"]] == ["red"]
    status, _, said = run(capsys, monkeypatch, *words, "green")
    assert status == 1
    assert "results of other settings (text was" in said


def test_masks_of_a_file_are_chosen_from(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    half = [[2, 10, 22, 10, 22, 28, 2, 28]]
    found = {
        "images": [{"id": 1, "file_name": "two.png", "height": 40, "width": 90}],
        "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "segmentation": half}],
        "categories": [{"id": 1, "name": "thing"}],
    }
    Path("found.json").write_text(json.dumps(found))
    words = ["segment", "in/two.png", "--text", "all reds", "--among", "found.json", "--json"]
    status, out, _ = run(capsys, monkeypatch, *words)
    assert status == 0
    assert [one["bbox"] for one in json.loads(out)["annotations"]] == [[2, 10, 20, 18]]
    words = [*words[:2], "--point", "3,12", *words[4:]]
    status, _, said = run(capsys, monkeypatch, *words)
    assert status != 0
    assert "--among goes with --text" in " ".join(said.replace("│", " ").split())


def test_a_missing_extra_is_named(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_options, "load_words", words_load.load_words)
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    status, _, said = run(capsys, monkeypatch, "segment", "in/two.png", "--text", "red")
    assert status == 1
    assert "anymask[text]" in said
