"""`anymask rate` on the command line: what it refuses before anybody rates."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from anymask.cli.main import main
from anymask.core import rle
from anymask.engine.page import STATIC
from anymask.evaluation.result import Result
from tests.engine.rating.conftest import questions, save_set
from tests.evaluation import invented


def result(**changes: Any) -> Result:
    """Of the questions of a data set of four images."""
    rows = [
        {
            "image": asked.image,
            "mask": asked.mask,
            "click": list(asked.point),
            "truth": dict(asked.truth),
            "predicted": dict(next(iter(asked.answers.values()))),
        }
        for asked in questions(4)
    ]
    return replace(invented.result("points", "set", {}, {}, rows), **changes)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    if not (STATIC / "rate.html").is_file():
        pytest.fail("the page is not built: make web")
    save_set(tmp_path / "set", 4)
    result().write(tmp_path / "first.json")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *words: str
) -> tuple[int, str]:
    """Exit status and what is said on standard error."""
    monkeypatch.setattr("sys.argv", ["anymask", "rate", *words, "--no-open", "--port", "0"])
    with pytest.raises(SystemExit) as end:
        main()
    return int(end.value.code or 0), capsys.readouterr().err


@pytest.mark.parametrize(
    ("changes", "words", "said"),
    [
        ({}, ["first.json"], "Missing option '--data'"),
        ({}, ["nowhere.json", "--data", "set"], "nowhere.json can't be read"),
        ({"rows": []}, ["other.json", "--data", "set"], "keeps no masks"),
        ({"data": "b"}, ["other.json", "first.json", "--data", "set"], "say with --data where"),
        ({}, ["first.json", "other.json", "--data", "set"], "two results on set are of"),
        ({}, ["first.json", "--data", "set", "--out", "set"], "it is a folder"),
        ({}, ["first.json", "--data", "set", "--rater", "x" * 41], "name has 1 to 40 letters"),
        ({}, ["first.json", "--data", "set", "--per-mask", "0"], "--per-mask"),
        ({}, ["first.json", "--data", "set", "--out", "first.json"], "no file of ratings"),
    ],
)
def test_what_can_not_be_rated_is_refused(
    folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    changes: dict[str, Any],
    words: list[str],
    said: str,
) -> None:
    result(**changes).write(folder / "other.json")
    status, told = run(capsys, monkeypatch, *words)
    assert status != 0
    assert said in " ".join(told.split())
    assert not (folder / "ratings.jsonl").exists()


def test_other_data_is_refused(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "set" / "images" / "2.png").unlink()
    status, told = run(capsys, monkeypatch, "first.json", "--data", "set")
    assert status == 1
    assert "has no image images/2.png: it is not the data that the results are of" in told


def test_the_answer_of_a_question_is_a_mask() -> None:
    (first, *_) = result().rows
    assert rle.area(first["predicted"]) > rle.area(first["truth"])
