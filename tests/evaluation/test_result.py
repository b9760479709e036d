"""Results as files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from anymask.errors import OutputError, ResultError
from anymask.evaluation.result import Result, read_result

RESULT = Result(
    experiment="points",
    options={"clicks": [1, 3]},
    data="photographs",
    data_kind="mask pictures",
    data_fingerprint="0123",
    model="mobile-sam@0123",
    images=2,
    metrics={"miou_1": 0.5},
    passed_over=[{"name": "a.png", "reason": "is broken"}],
    rows=[{"image": "b.png", "iou_1": 0.25}, {"image": "c.png", "iou_1": 0.75}],
)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    RESULT.write(tmp_path / "x.json")
    assert read_result(tmp_path / "x.json") == RESULT
    content = json.loads((tmp_path / "x.json").read_text())
    assert content["metrics"] == {"miou_1": 0.5}
    assert len((tmp_path / "x.json").read_text().splitlines()) < 40


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "can't be read as a result"),
        ("[]", "is no result"),
        ('{"metrics": {}}', "is no result"),
        ('{"anymask_result": 2}', "another version"),
        ('{"anymask_result": 1, "colour": 3}', "is damaged"),
    ],
)
def test_what_is_no_result_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(ResultError, match=said):
        read_result(tmp_path / "x.json")


def test_a_missing_file_and_a_place_that_takes_none_are_named(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match="none"):
        read_result(tmp_path / "none.json")
    with pytest.raises(OutputError):
        RESULT.write(tmp_path / "nowhere" / "x.json")
